"""The one place where calls wait: a bounded, first-come queue for a service's slots, and its rate."""

from __future__ import annotations

from collections import deque
from typing import Final

import anyio
from attrs import define

from aiocc.call.limiter import Limiter
from aiocc.delivery import Reason
from aiocc.protocol.messages import Fault
from aiocc.protocol.pace import Pace, Rate

MAX_QUEUE: Final = 10_000
"""A queue holds at most this many calls; more would wait past any useful time."""


@define(eq=False)
class _Waiter:
    event: anyio.Event
    granted: bool = False


class Admission:
    """A service's slots, and the calls that wait for them.

    Args:
        slots: How many calls may be on their way at once.
        max_wait: Seconds that a call waits at most.
        rate: How often calls may go, None for as often as there are slots.
        limiter: Asked last, with a slot in hand.
    """

    def __init__(
        self, slots: int, *, max_wait: float, rate: Rate | None = None, limiter: Limiter | None = None
    ) -> None:
        self._slots = slots
        self._free = slots
        self._max_wait = max_wait
        self._waiting: deque[_Waiter] = deque()
        self._pace = Pace(rate) if rate is not None else None
        self._limiter = limiter
        self._unhindered = rate is None and limiter is None
        self._closed = False
        self._closing: anyio.Event | None = None

    @property
    def active(self) -> int:
        """Slots in use."""
        return self._slots - self._free

    @property
    def waiting(self) -> int:
        """Calls in the queue."""
        return len(self._waiting)

    def admits_at_once(self) -> bool:
        """Take a slot without waiting, where that can be; false where `acquire` must be awaited."""
        if self._free and self._unhindered and not self._waiting and not self._closed:
            self._free -= 1
            return True
        return False

    async def acquire(self, deadline: float) -> None:
        """Take a slot, waiting for it in turn.

        Raises:
            Fault: QUEUE_FULL, QUEUE_TIMEOUT, DEADLINE where that is nearer, CLIENT_CLOSED, or INTERNAL for a
                limiter that raised.
        """
        if self._closed:
            raise Fault(Reason.CLIENT_CLOSED)
        if self._free and not self._waiting:
            self._free -= 1
        else:
            await self._wait_in_turn(deadline)
        if self._pace is not None:
            await self._wait_for_pace(self._pace, deadline)
        if self._limiter is not None:
            await self._ask_limiter(self._limiter, deadline)

    def close(self) -> None:
        """Admit no more; the calls that wait end with CLIENT_CLOSED."""
        self._closed = True
        if self._closing is not None:
            self._closing.set()
        for waiter in self._waiting:
            waiter.event.set()

    def release(self) -> None:
        """Give back what was acquired; the longest waiting call has the slot next."""
        if self._limiter is not None:
            self._limiter.release()
        self._release_slot()

    def _release_slot(self) -> None:
        if self._waiting and not self._closed:
            waiter = self._waiting.popleft()
            waiter.granted = True
            waiter.event.set()
        else:
            self._free += 1

    async def _wait_in_turn(self, deadline: float) -> None:
        if len(self._waiting) >= MAX_QUEUE:
            raise Fault(Reason.QUEUE_FULL, f"{len(self._waiting)} calls waiting for {self._slots} slots")
        waiter = _Waiter(anyio.Event())
        self._waiting.append(waiter)
        until = anyio.current_time() + self._max_wait
        try:
            with anyio.CancelScope(deadline=min(until, deadline)):
                await waiter.event.wait()
                if waiter.granted:
                    return
        except BaseException:
            # Cancelled in the very moment of being granted: the slot goes on to the next.
            self._leave(waiter)
            raise
        self._leave(waiter)
        if self._closed:
            raise Fault(Reason.CLIENT_CLOSED)
        if deadline < until:
            raise Fault(Reason.DEADLINE)
        raise Fault(Reason.QUEUE_TIMEOUT, f"{self._max_wait:g} s, {len(self._waiting)} calls still waiting")

    def _leave(self, waiter: _Waiter) -> None:
        if waiter.granted:
            self._release_slot()
        else:
            self._waiting.remove(waiter)

    async def _wait_for_pace(self, pace: Pace, deadline: float) -> None:
        now = anyio.current_time()
        delay = pace.wait(now)
        if now + delay > min(deadline, now + self._max_wait):
            self._release_slot()
            reason = Reason.DEADLINE if deadline < now + self._max_wait else Reason.QUEUE_TIMEOUT
            raise Fault(reason, f"the service's rate would have let it go in {delay:.1f} s")
        pace.reserve(now)
        if delay:
            await self._sleep(pace, delay)

    async def _sleep(self, pace: Pace, delay: float) -> None:
        """Wait for the reserved moment; on the way out of a cancelled or closed wait, return it and the slot."""
        went = False
        self._closing = self._closing or anyio.Event()
        try:
            with anyio.move_on_after(delay):
                await self._closing.wait()
            went = not self._closed
        finally:
            if not went:
                pace.give_back()
                self._release_slot()
        if not went:
            raise Fault(Reason.CLIENT_CLOSED)

    async def _ask_limiter(self, limiter: Limiter, deadline: float) -> None:
        until = anyio.current_time() + self._max_wait
        granted = False
        fault = Fault(Reason.DEADLINE if deadline < until else Reason.QUEUE_TIMEOUT, "the limiter let it not go")
        try:
            with anyio.CancelScope(deadline=min(until, deadline)):
                granted = await limiter.acquire(min(until, deadline))
        except Exception as error:  # noqa: BLE001 - the user's limiter may raise anything
            fault = Fault(Reason.INTERNAL, f"{type(error).__name__} in the limiter")
        finally:
            if not granted:
                self._release_slot()
        if not granted:
            raise fault
