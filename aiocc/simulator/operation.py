"""An operation as data, and the answers planned for one."""

import json
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import define, frozen

from aiocc.simulator.answers import JSON_TYPE, Answer, HeaderPairs, text_answer

if TYPE_CHECKING:
    from aiocc.simulator.arrival import Arrival
    from aiocc.simulator.centre import Centre

__all__ = ["Operation", "Plan", "Plans"]


@frozen
class Operation:
    """One remote operation: where it is, what it does, and how its envelope says no.

    `handle` checks a request and has its effect, under the centre's lock. `envelope` makes this operation's
    own answer for a failure code and an optional description. `held` gives the name of the bell for which a
    request is held at this moment, and for how long at the most; None where it is answered at once.
    """

    name: str
    method: str
    path: str
    handle: "Callable[[Centre, Arrival], Answer]"
    envelope: Callable[[str, str | None, int], Answer]
    held: "Callable[[Centre, Arrival], tuple[object, float] | None] | None" = None


@define
class Plan:
    """An answer that a test asked for, good for a number of requests."""

    code: str | None
    description: str | None
    status: int
    body: object
    headers: HeaderPairs
    remaining: int
    after_effect: bool

    def answer(self, operation: Operation) -> Answer:
        """Make the answer in the operation's envelope, or the raw one."""
        if self.body is not None:
            return Answer(self.status, _raw(self.body), self._typed(), code=self.code, reason="planned")
        if self.code is None:
            return text_answer(self.status, "planned", self.headers)
        return operation.envelope(self.code, self.description, self.status).with_headers(self.headers)

    def _typed(self) -> HeaderPairs:
        if any(name.lower() == "content-type" for name, _ in self.headers):
            return self.headers
        return (JSON_TYPE, *self.headers)


class Plans:
    """The planned answers, first in, first out for each operation."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Plan]] = {}

    def add(self, name: str, plan: Plan) -> None:
        """Put a plan behind those there are."""
        self._queues.setdefault(name, deque()).append(plan)

    def next(self, name: str) -> Plan | None:
        """Show the plan for the next request of an operation."""
        queue = self._queues.get(name)
        return queue[0] if queue else None

    def waiting(self) -> list[tuple[str, Plan]]:
        """List the plans that there are, with their operations."""
        return [(name, plan) for name, queue in self._queues.items() for plan in queue]

    def use(self, name: str, plan: Plan) -> None:
        """Count one use of the plan that `next` showed."""
        plan.remaining -= 1
        if plan.remaining <= 0:
            self._queues[name].popleft()


def _raw(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()
