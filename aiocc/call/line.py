"""One service as calls see it, in one event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from attrs import define, field, frozen

from aiocc.auth.strategy import Strategy
from aiocc.call.admission import Admission
from aiocc.call.renewal import Renewals
from aiocc.outcome import Outcome
from aiocc.protocol.limits import AnswerLimits, Timeouts
from aiocc.protocol.messages import Origin
from aiocc.protocol.operation import Operation, Request
from aiocc.protocol.retry import RetryPolicy
from aiocc.transport.interface import Transport

T = TypeVar("T")


class Caller(Protocol):
    """Whoever performs requests: a client, a visitor, an agent. Endpoint functions are its methods."""

    async def send(self, request: Request[T]) -> Outcome[T]:
        """Perform a request; what the service or the wire does wrong is a value."""
        ...


@define(eq=False, kw_only=True)
class Line:
    """Everything a call needs of its service.

    Attributes:
        name: Of the service.
        origin: Where it is; no request goes elsewhere.
        prefix: Of every path.
        client_headers: User-Agent and the like, for every request of this client.
        headers: These and the configured ones, for every request of this service.
        strategy: How it authenticates, None for not at all.
        transport: Over which requests go.
        admission: Where its calls wait.
        token_lane: Where its token fetches wait.
        renewals: Where credentials come from.
        clock: The event loop's.
        heads: What is the same for every request of an operation, made once.
    """

    name: str
    origin: Origin
    prefix: str
    client_headers: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    strategy: Strategy | None
    transport: Transport
    admission: Admission
    token_lane: Admission
    renewals: Renewals
    timeouts: Timeouts
    limits: AnswerLimits
    retry: RetryPolicy
    clock: Callable[[], float]
    heads: dict[Operation[Any], tuple[str, list[tuple[str, str]]]] = field(factory=dict)


@frozen(kw_only=True)
class CallOptions:
    """What `with_options` can set for a view.

    Attributes:
        deadline: Seconds for each call, in place of `Timeouts.total`.
        retry: In place of the service's.
        headers: Added to every request.
    """

    deadline: float | None = None
    retry: RetryPolicy | None = None
    headers: tuple[tuple[str, str], ...] = ()


NO_OPTIONS = CallOptions()
