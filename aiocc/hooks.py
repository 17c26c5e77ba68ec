"""What a client tells its hooks, as frozen values: `Client(hooks=[...])`, `client.with_options(hooks=[...])`.

A hook is any function of one event. It is called in the task of the call, at the moment of which it is told, and
holds the event loop for as long as it takes; it may not wait. One that raises harms nothing: its first error is
logged, later ones are not. No event holds a credential, a body, a header or a phone number.

A call tells `CallStarted`, then `AttemptStarted` and `AttemptEnded` for each try, `RepeatPlanned` between two of
them, at last `CallFinished`: always, also when it was cancelled. All of them have its `call_id`.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from aiocc.delivery import Attempt, Delivery, Reason


@frozen(kw_only=True)
class Event:
    """The base of all events.

    Attributes:
        service: `webadapter`, `gateway`, `isales` or `fabric`.
    """

    service: str


@frozen(kw_only=True)
class CallEvent(Event):
    """The base of what is told of one call.

    Attributes:
        call_id: The same in all events of a call, in its `Outcome` and in its error.
        operation: Our name of the operation, `create_call`.
    """

    call_id: str
    operation: str


@frozen(kw_only=True)
class CallStarted(CallEvent):
    """A call begins.

    Attributes:
        log_name: The name the vendor's logs use, `sendNoteletEx`.
        method: The HTTP method.
        url_template: The path with its placeholders, `/onlineagent/{agent_id}/sendnoteletex`.
        scheme: `https` or `http`.
        server_address: The service's host.
        server_port: And its port.
        lane: Where it waits for its turn: "call", "bulk" or "poll".
        deadline: Seconds that it has.
    """

    log_name: str
    method: str
    url_template: str
    scheme: str
    server_address: str
    server_port: int
    lane: str
    deadline: float


@frozen(kw_only=True)
class AttemptStarted(CallEvent):
    """A try begins, with its credential and its place in the queue still to be had.

    Attributes:
        number: 1 for the first.
    """

    number: int


@frozen(kw_only=True)
class AttemptEnded(CallEvent):
    """A try has ended.

    Attributes:
        attempt: What it has shown: delivery, reason, phase, status, code, times.
        credential_wait: Seconds of it that passed until there was a credential.
        queue_wait: Seconds of it that passed until it was let through.
    """

    attempt: Attempt
    credential_wait: float
    queue_wait: float


@frozen(kw_only=True)
class RepeatPlanned(CallEvent):
    """The call will try again by itself.

    Attributes:
        number: Of the try to come.
        reason: Why the last one ended.
        delivery: What the last one proves.
        wait: Seconds until then.
        renewed: Whether it is the one repeat with a renewed credential.
    """

    number: int
    reason: Reason
    delivery: Delivery
    wait: float
    renewed: bool


@frozen(kw_only=True)
class CallFinished(CallEvent):
    """A call has ended.

    Attributes:
        delivery: What is known over all attempts.
        reason: Why it did not simply succeed, CANCELLED where its caller gave up; None after a success.
        attempts: Every try, in order.
        elapsed: Seconds over all of them.
        error: The name of the error's class; None after a success.
        maybe_repeated: An attempt was accepted after another whose fate is unknown.
    """

    delivery: Delivery
    reason: Reason | None
    attempts: tuple[Attempt, ...]
    elapsed: float
    error: str | None
    maybe_repeated: bool


@frozen(kw_only=True)
class CredentialRenewed(Event):
    """A credential was fetched: the first one, one ahead of expiry, or one in place of a refused one.

    Told to the hooks of the client, not to those of a view, since it is for every call.

    Attributes:
        strategy: The name of its class.
        elapsed: Seconds.
    """

    strategy: str
    elapsed: float


@frozen(kw_only=True)
class ConnectionOpened(Event):
    """A connection is open, TLS included. Told to the hooks of the client.

    Attributes:
        server_address: The host.
        server_port: Its port.
        elapsed: Seconds that it took.
    """

    server_address: str
    server_port: int
    elapsed: float


@frozen(kw_only=True)
class ConnectionClosed(Event):
    """A connection was closed. Told to the hooks of the client.

    Attributes:
        server_address: The host.
        server_port: Its port.
        reason: "idle", "age", "requests", "surplus", "lost", "failed" or "shutdown".
    """

    server_address: str
    server_port: int
    reason: str


Hook = Callable[[Event], object]
"""Told each event."""

__all__ = [
    "AttemptEnded",
    "AttemptStarted",
    "CallEvent",
    "CallFinished",
    "CallStarted",
    "ConnectionClosed",
    "ConnectionOpened",
    "CredentialRenewed",
    "Event",
    "Hook",
    "RepeatPlanned",
]
