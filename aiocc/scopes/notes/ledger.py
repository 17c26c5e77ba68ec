"""How each request of a job is accounted for: claimed before a byte of it leaves, settled when its fate is known.

A request that is claimed and never settled may have been sent: it is UNKNOWN, and is never sent again by itself. That
is all it takes to survive the death of a sender at any instant, on one machine or on many.
"""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from attrs import field, frozen

from aiocc.delivery import Delivery, Reason
from aiocc.endpoints.send_note import SendNote
from aiocc.errors import AgentSignedOutError, AioccError, AuthenticationError, CallError, RateLimitedError
from aiocc.outcome import Outcome
from aiocc.protocol.codes import Act
from aiocc.protocol.operation import Request
from aiocc.scopes.notes.plan import NoteRequest

T = TypeVar("T")

NEVER_SETTLED = "claimed, and never settled"
"""The reason of what a sender left behind that did not come back."""


class Sender(Protocol):
    """Whoever is signed in and sends: an `Agent`."""

    agent_id: int

    async def send(self, request: Request[T]) -> Outcome[T]:
        """Perform a request; what the service or the wire does wrong is a value."""
        ...


@frozen(kw_only=True)
class Job:
    """What is known of a job before its first request.

    Attributes:
        name: By which it is continued.
        digest: Of its whole plan, where the input can be read twice; else None.
        requests: How many there are, where that is known.
        receivers: In all of them.
    """

    name: str
    digest: str | None = None
    requests: int | None = None
    receivers: int | None = None


@frozen(kw_only=True)
class Settlement:
    """What is known of a request that was claimed.

    Attributes:
        delivery: The same as its outcome's.
        code: The failing code of the answer's envelope.
        reason: Why it was not simply accepted.
        call_id: As in logs and hooks.
        split: It was refused and goes on in halves, which are requests of their own: it is never sent again itself.
        at: When, in seconds since 1970.
    """

    delivery: Delivery
    code: str | None = None
    reason: str | None = None
    call_id: str | None = None
    split: bool = False
    at: float = field(factory=time.time)


class Ledger(Protocol):
    """The account of one job, open for one runner (or for one worker of many)."""

    @property
    def fresh_from(self) -> int:
        """The number from which on no request was ever claimed: these surely go out, others may be known."""
        ...

    async def claim(self, request: NoteRequest, *, resend_unknown: bool = False) -> Settlement | None:
        """Claim a request, durably, before a byte of it leaves.

        Returns:
            None where it is this caller's to send, once. Else what is known of it: ACCEPTED (skip it), UNKNOWN (it may
            have arrived: leave it alone), or split. What was REJECTED or NOT_SENT is claimed anew.

        Raises:
            JournalMismatchError: Another request has its place: this is a different job.
            JournalError: The claim could not be written down: nothing may be sent.
        """
        ...

    async def settle(self, request: NoteRequest, settlement: Settlement) -> Settlement:
        """Write down what became of a request that was claimed here.

        It may return before that is durable, as long as no later claim is durable without it.

        Returns:
            What is known now: a refusal proves nothing where an earlier claim may have arrived, which stays UNKNOWN.

        Raises:
            JournalError: It could not be written down: the request stays UNKNOWN.
        """
        ...


class Store(Protocol):
    """Where jobs are kept: a file, a server."""

    @property
    def name(self) -> str:
        """The job's name there."""
        ...

    def open(self, job: Job) -> AbstractAsyncContextManager[Ledger]:
        """Begin a job, or go on with it; what a dead runner left unsettled is UNKNOWN from then on.

        Raises:
            JournalMismatchError: Another job has this name.
            JournalInUseError: Another runner has it.
            JournalDamagedError: What is kept cannot be trusted: nothing may be sent.
            JournalError: It cannot be read or written.
        """
        ...


class NoLedger:
    """Keeps no account: each request is new."""

    fresh_from = 0

    async def claim(self, request: NoteRequest, *, resend_unknown: bool = False) -> Settlement | None:
        """Let it go."""
        return None

    async def settle(self, request: NoteRequest, settlement: Settlement) -> Settlement:
        """Forget it."""
        return settlement


@frozen(kw_only=True)
class Sent:
    """What `send` gives.

    Attributes:
        settlement: What is known of the request now.
        error: Why it was not simply accepted, where it was sent just now.
        earlier: Whether an earlier run has settled it: nothing was sent.
    """

    settlement: Settlement
    error: CallError | None = None
    earlier: bool = False


async def send(
    request: NoteRequest, ledger: Ledger, sender: Sender, *, resend_unknown: bool = False, bisect: bool = False
) -> Sent:
    """Claim a request, send it, settle it.

    A cancellation in the middle leaves it claimed and never settled, which is UNKNOWN.

    Args:
        request: What to send.
        ledger: Its job's.
        sender: The agent who sends.
        resend_unknown: Whether to send again what may have arrived.
        bisect: Whether to give up a request that was refused for one of its receivers: it is `split`, and its
            `halves` are to be sent in its place.

    Raises:
        JournalError: It could not be claimed, and was not sent; or not be settled, and stays UNKNOWN.
    """
    known = await ledger.claim(request, resend_unknown=resend_unknown)
    if known is not None:
        return Sent(settlement=known, earlier=True)
    try:
        outcome = await sender.send(request.note_request())
    except AioccError:  # by the client's word: nothing was sent
        await ledger.settle(request, Settlement(delivery=Delivery.NOT_SENT, reason=str(Reason.UNAVAILABLE)))
        raise
    settlement = settlement_of(outcome, split=bisect and refused_for_content(outcome) and len(request.receivers) > 1)
    return Sent(settlement=await ledger.settle(request, settlement), error=outcome.error)


def settlement_of(outcome: Outcome[Any], *, split: bool = False) -> Settlement:
    """Say of an outcome what is kept."""
    error = outcome.error
    if error is None:
        return Settlement(delivery=outcome.delivery, call_id=outcome.call_id)
    return Settlement(
        delivery=outcome.delivery,
        code=error.code,
        reason=str(error.reason),
        call_id=outcome.call_id,
        split=split,
    )


def refused_for_content(outcome: Outcome[Any]) -> bool:
    """Whether the service refused what was asked, and not who asked, how often or when; never UNKNOWN."""
    error = outcome.error
    if outcome.delivery is not Delivery.REJECTED or isinstance(
        error, AuthenticationError | AgentSignedOutError | RateLimitedError
    ):
        return False
    known = SendNote.operation.codes.get((error.code if error is not None else None) or "")
    return known is None or known.act is Act.FAIL
