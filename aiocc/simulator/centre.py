"""The contact centre's state, and the one place where a request is judged."""

import threading
from collections.abc import Callable
from typing import Any

from attrs import evolve

from aiocc.simulator.agents import Agents
from aiocc.simulator.answers import Answer, Refused
from aiocc.simulator.arrival import Arrival
from aiocc.simulator.bearer import BearerTokens
from aiocc.simulator.bell import Bell
from aiocc.simulator.clock import Clock
from aiocc.simulator.dialled import Dialled
from aiocc.simulator.faults import Armed, Fault, Faults, Struck
from aiocc.simulator.ledger import Ledger, SeenRequest
from aiocc.simulator.operation import Operation, Plans
from aiocc.simulator.visitors import Visitors
from aiocc.simulator.world import World

__all__ = ["Centre"]


class Centre:
    """Everything that a request can meet or change. `lock` guards all of it, the ledger included.

    Judging never waits, so the server's loop holds the lock for microseconds and a control call from
    another thread falls wholly before or wholly after a request.
    """

    def __init__(self, world: World) -> None:
        self.lock: threading.RLock = threading.RLock()
        self.clock: Clock = Clock()
        self.ledger: Ledger = Ledger(self.lock)
        self.faults: Faults = Faults()
        self.on_doors: Callable[[], None] | None = None  # told when a fault may have closed or opened one
        self._beginning = world
        # Made once: the environment's token has to stay the same text over a reset.
        self.visitor_token: str = Visitors(world, self.clock).compose(world.visitor_user_id)
        self.reset()

    def reset(self) -> None:
        """Go back to the beginning: an empty ledger, the settings and credentials of the start, no plans."""
        with self.lock:
            self.clock.reset()
            self.ledger.clear()
            self.plans: Plans = Plans()
            self.world: World = self._beginning
            self.bell: Bell = Bell()
            self.agents: Agents = Agents(self.world, self.clock, self.bell)
            self.bearer: BearerTokens = BearerTokens(self.clock)
            self.visitors: Visitors = Visitors(self.world, self.clock)
            self.dialled: Dialled = Dialled(self.world, self.clock)
            self.visitors.admit(self.world.visitor_user_id, self.visitor_token, self.world.visitor_lifetime)
        self.clear_faults()

    def arm(self, fault: Fault) -> Armed:
        """Let a fault lie in wait."""
        with self.lock:
            armed = self.faults.arm(fault)
        self._doors_changed(fault.door)
        return armed

    def clear_faults(self) -> None:
        """Lift every fault."""
        with self.lock:
            door = any(one.fault.door for one in self.faults.armed)
            self.faults = Faults()
        self._doors_changed(door)

    def _doors_changed(self, door: bool) -> None:
        # Never under the lock: the server's loop, which may be waiting for it, has to do the work.
        if door and self.on_doors is not None:
            self.on_doors()

    def configure(self, **changes: Any) -> None:
        """Change settings until the next reset."""
        with self.lock:
            self.world = self.agents.world = self.visitors.world = self.dialled.world = evolve(self.world, **changes)

    def judge(self, operation: Operation, arrival: Arrival, struck: Struck | None = None) -> Answer:
        """Check a request, let it have its effect, record it; planned answers take the place of the real one.

        A plan without an effect answers before any check. One with an effect waits for a request that is
        accepted: a request that is refused gets its refusal, and the plan stays. A fault spoils whichever answer
        there is; one without an effect takes back what the request has done.
        """
        with self.lock:
            if struck is None:
                return self.record(operation.name, arrival, self._answer(operation, arrival))
            struck.change(self)
            before = self.ledger.mark()
            answer = self._answer(operation, arrival)
            if not struck.effect:
                self.ledger.take_back(before)
            return self.record(operation.name, arrival, struck.answer(answer))

    def _answer(self, operation: Operation, arrival: Arrival) -> Answer:
        plan = self.plans.next(operation.name)
        if plan is None:
            return self._handle(operation, arrival)
        if not plan.after_effect or (answer := self._handle(operation, arrival)).accepted:
            self.plans.use(operation.name, plan)
            return plan.answer(operation)
        return answer

    def record(self, operation: str | None, arrival: Arrival, answer: Answer) -> Answer:
        """Write a request and its answer into the ledger, and give the answer as it is to be sent."""
        self.ledger.add_request(
            SeenRequest(
                arrival.service,
                operation,
                arrival.method,
                arrival.target,
                arrival.headers,
                arrival.body,
                answer.status,
                answer.code,
                answer.reason,
            )
        )
        return answer.compressed() if answer.gzip and arrival.accepts_gzip() else answer

    def _handle(self, operation: Operation, arrival: Arrival) -> Answer:
        try:
            return operation.handle(self, arrival)
        except Refused as refused:
            return refused.answer
