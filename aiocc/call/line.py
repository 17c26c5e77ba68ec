"""One service as calls see it, in one event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import anyio
from attrs import define, evolve, field, frozen

from aiocc.call.admission import Admission
from aiocc.call.budget import Budget
from aiocc.call.hooks import NO_HOOKS, Hooks
from aiocc.call.renewal import Renewals
from aiocc.call.stats import ServiceStats
from aiocc.outcome import Outcome
from aiocc.protocol.breaker import Breaker
from aiocc.protocol.limits import AnswerLimits, Timeouts
from aiocc.protocol.messages import Origin
from aiocc.protocol.operation import Lane, Operation, Request
from aiocc.protocol.retry import RetryPolicy
from aiocc.transport.interface import Transport

T = TypeVar("T")


class Caller(Protocol):
    """Whoever performs requests: a client, a visitor, an agent. Endpoint functions are its methods."""

    async def send(self, request: Request[T]) -> Outcome[T]:
        """Perform a request; what the service or the wire does wrong is a value."""
        ...


@define(eq=False)
class Target:
    """Where a service's requests go, and what each of them begins with.

    Attributes:
        origin: No request goes elsewhere.
        prefix: Of every path.
        headers: For every request: the client's own and the configured ones.
    """

    origin: Origin
    prefix: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    _heads: dict[Operation[Any], tuple[str, list[tuple[str, str]]]] = field(factory=dict, init=False, repr=False)

    def head(self, operation: Operation[Any]) -> tuple[str, list[tuple[str, str]]]:
        """Give the path's template and the headers that are the same for every request of an operation."""
        head = self._heads.get(operation)
        if head is None:
            headers = [("Host", self.origin.authority), *self.headers, ("Content-Type", operation.content_type)]
            head = self.prefix + operation.path, headers
            if operation.page:  # one without a page is made for a single request
                self._heads[operation] = head
        return head


@define(eq=False)
class Traffic:
    """The calls of a client that are on their way, so that closing can let them end."""

    count: int = 0
    none_left: anyio.Event | None = None

    def enter(self) -> None:
        """A call begins."""
        self.count += 1

    def leave(self) -> None:
        """A call has ended."""
        self.count -= 1
        if not self.count and self.none_left is not None:
            self.none_left.set()


@define(eq=False, kw_only=True)
class Line:
    """Everything a call needs of its service, in one event loop.

    Attributes:
        name: Of the service.
        target: Where requests go.
        client_headers: What token requests begin with.
        transport: Over which requests go.
        admission: Where calls wait.
        token_lane: Where token requests wait.
        poll_lane: Where long polls wait.
        renewals: Where credentials come from.
        clock: The event loop's.
        nearest_deadline: Of the caller's scopes, on that clock.
        traffic: Where calls on their way are counted.
        budget: What repeats are paid from.
        breaker: Whether the host is worth a try.
        hooks: Told of what is no single call's.
    """

    name: str
    target: Target
    client_headers: tuple[tuple[str, str], ...]
    transport: Transport
    admission: Admission
    token_lane: Admission
    poll_lane: Admission
    renewals: Renewals
    timeouts: Timeouts
    limits: AnswerLimits
    retry: RetryPolicy
    clock: Callable[[], float]
    nearest_deadline: Callable[[], float]
    traffic: Traffic
    budget: Budget = field(factory=Budget)
    breaker: Breaker = field(factory=Breaker)
    hooks: Hooks = NO_HOOKS

    def queue(self, operation: Operation[Any]) -> Admission:
        """Give the queue in which an operation's requests wait."""
        return self.poll_lane if operation.lane is Lane.POLL else self.admission

    def stats(self) -> ServiceStats:
        """Say what is there."""
        return ServiceStats(
            calls=self.admission.stats(),
            polls=self.poll_lane.stats(),
            tokens=self.token_lane.stats(),
            breaker=self.breaker.state(self.clock()),
            refusals=self.breaker.refusals,
            retry_quota=self.budget.service.left,
            pools=self.transport.stats(),
        )

    def times(self, operation: Operation[Any]) -> Timeouts:
        """Give the time-outs of an operation's requests."""
        return self.timeouts if operation.read <= self.timeouts.read else evolve(self.timeouts, read=operation.read)


@frozen(kw_only=True)
class CallOptions:
    """What `with_options` can set for a view.

    Attributes:
        deadline: Seconds for each call, in place of `Timeouts.total`.
        retry: In place of the service's.
        headers: Added to every request.
        hooks: Told of the calls.
        bulk: The calls are one of many, which may wait for others.
        exchanges: Keep what was sent and what came also where it was accepted.
        seen_through: The call is shielded once it leaves: the deadlines of the caller's scopes do not end it.
    """

    deadline: float | None = None
    retry: RetryPolicy | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    hooks: Hooks = NO_HOOKS
    bulk: bool = False
    exchanges: bool = False
    seen_through: bool = False


NO_OPTIONS = CallOptions()
