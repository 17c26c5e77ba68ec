"""What an operation is, as data; and the base of all request models."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import field, frozen

from aiocc.protocol.codes import CodeTable
from aiocc.protocol.envelope import EnvelopeRule
from aiocc.protocol.messages import quote_segment
from aiocc.protocol.model import Model
from aiocc.secret import Secret

T = TypeVar("T")

JSON_UTF8 = "application/json; charset=UTF-8"


class Effect(StrEnum):
    """What doing an operation twice would mean."""

    READ = "read"
    """Nothing: it changes nothing."""

    IDEMPOTENT = "idempotent"
    """Nothing more than once (RFC 9110): a sign-out, a token request."""

    MESSAGE = "message"
    """A message twice: a nuisance. Repeated when its fate is unknown only where a policy says so."""

    CALL = "call"
    """A person dialled twice. Never repeated when its fate is unknown."""

    CHANGE = "change"
    """Not known: an operation without a module here. Treated as a call."""

    @property
    def harmless(self) -> bool:
        """Whether repeating can do no harm whatever became of the first."""
        return self in (Effect.READ, Effect.IDEMPOTENT)

    @property
    def grave(self) -> bool:
        """Whether doing it twice may reach a person twice, so that only full evidence counts."""
        return self in (Effect.CALL, Effect.CHANGE)


class Lane(StrEnum):
    """Where a request waits for its turn, so that what takes long or comes in masses delays nothing else."""

    CALL = "call"
    """The service's slots."""

    BULK = "bulk"
    """The same slots, but for those that are kept for calls; and calls that wait go first."""

    POLL = "poll"
    """Slots of its own: for a request that the server holds until it has something to say."""


@frozen(kw_only=True, eq=False)
class Operation(Generic[T]):
    """One remote operation.

    Attributes:
        name: Ours, as in `client.create_call`.
        log_name: The name the vendor's logs use.
        service: Which of the four.
        method: The HTTP method.
        path: Template, `/onlineagent/{agent_id}/sendnoteletex`.
        envelope: How its answers are opened.
        structure: Makes the result from the whole JSON object of an accepted answer.
        effect: What doing it twice would mean.
        codes: Its documented failure codes.
        content_type: As its page fixes it.
        page: The vendor's page.
        status_advice: What the page says to do about an HTTP status.
        lane: Where its requests wait for their turn.
        read: Seconds that the service may take for an answer as a matter of course: a `Timeouts(read=...)` below is
            raised to it. The deadline stays above it.
    """

    name: str
    log_name: str
    service: str
    method: str
    path: str
    envelope: EnvelopeRule
    structure: Callable[[Mapping[str, Any]], T]
    effect: Effect
    codes: CodeTable = field(factory=dict, repr=False)
    content_type: str = JSON_UTF8
    page: str = ""
    status_advice: Mapping[int, str] = field(factory=dict, repr=False)
    lane: Lane = Lane.CALL
    read: float = 0.0


class Request(Model, Generic[T]):
    """Base of the request models: frozen values, checked when they are made.

    A model says what travels where; what travels always is the operation's.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def operation(self) -> Operation[T]:
            """Which operation this requests; a class variable of the models."""

    def path_params(self) -> Mapping[str, str]:
        """Give the values for the path's placeholders."""
        return {}

    def query(self) -> tuple[tuple[str, str], ...]:
        """Give the query's raw pairs."""
        return ()

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Give headers of this request alone."""
        return ()

    def payload(self) -> Mapping[str, Any] | None:
        """Give the JSON object of the body; None for a request without one."""
        return None

    def secrets(self) -> tuple[Secret, ...]:
        """Give what must not be shown of the body."""
        return ()

    def lookup(self) -> str | None:
        """Give what the application gave this request so that it can be found again; None for nothing."""
        return None

    def trace(self) -> str:
        """Say how the application can find this request in the vendor's records; empty where it cannot."""
        return ""


_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def fill_path(template: str, params: Mapping[str, str]) -> str:
    """Put encoded values in a path's placeholders."""
    pieces = list(_pieces(template))
    for place in range(1, len(pieces), 2):
        pieces[place] = quote_segment(params[pieces[place]])
    return "".join(pieces)


@lru_cache(maxsize=128)
def _pieces(template: str) -> tuple[str, ...]:
    """Take a template apart: what stands as it is, and between it the placeholders' names."""
    return tuple(_PLACEHOLDER.split(template))
