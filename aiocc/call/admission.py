"""The one place where calls wait: bounded queues for a service's slots, its rate, and a limit kept with others.

Calls go first come, first served. Those of a bulk run stand in a second queue: they go when no other call waits, and
never take the last tenth of the slots, so that no run of notes delays a dialled call.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from typing import Final

import anyio
from attrs import define, field, frozen

from aiocc.call.limiter import Limiter
from aiocc.delivery import Reason
from aiocc.protocol.messages import Fault
from aiocc.protocol.pace import Pace, Rate

log: logging.Logger = logging.getLogger("aiocc")

MAX_QUEUE: Final = 10_000
"""A queue holds at most this many calls; more would wait past any useful time."""

RESERVED: Final = 10
"""One slot of so many is kept from bulk runs, and at least one where there are two."""

_TOO_FAST = "the service's rate", "Send more slowly, or raise Service(rate=...)."
_ASKED_TO_PAUSE = "a pause that the service asked for", "Send it again when that is over."
_OUTNUMBERED = "Send less at once, or raise the limit of Service(limiter=...)."


@frozen(kw_only=True)
class AdmissionStats:
    """A service's slots now.

    Attributes:
        slots: Calls that may be on their way at once.
        active: Calls that are.
        waiting: Calls in the queue.
        bulk_active: Those of `active` that belong to bulk runs.
        bulk_waiting: Calls of bulk runs that wait, besides.
    """

    slots: int
    active: int
    waiting: int
    bulk_active: int
    bulk_waiting: int


@define(eq=False)
class _Waiter:
    bulk: bool
    event: anyio.Event = field(factory=anyio.Event)
    granted: bool = False


class Admission:
    """A service's slots, and the calls that wait for them.

    Args:
        slots: How many calls may be on their way at once.
        max_wait: Seconds that a call waits at most.
        rate: How often calls may go, None for as often as there are slots.
        limiter: Asked last, with a slot in hand.
        remedy: For who has waited for a slot in vain.
    """

    def __init__(
        self,
        slots: int,
        *,
        max_wait: float,
        rate: Rate | None = None,
        limiter: Limiter | None = None,
        remedy: str = "",
    ) -> None:
        self._remedy = remedy
        self._slots = slots
        self._free = slots
        self._bulk_slots = self._bulk_free = max(slots - math.ceil(slots / RESERVED), 1)
        self._max_wait = max_wait
        self._calls: deque[_Waiter] = deque()
        self._bulk: deque[_Waiter] = deque()
        self._pace = Pace(rate) if rate is not None else None
        self._limiter = limiter
        self._held_until = -math.inf
        self._closed = False
        # Nothing but slots decides: the short way in.
        self._unhindered = rate is None and limiter is None

    @property
    def active(self) -> int:
        """Slots in use."""
        return self._slots - self._free

    @property
    def waiting(self) -> int:
        """Calls in the queues."""
        return len(self._calls) + len(self._bulk)

    def stats(self) -> AdmissionStats:
        """Say what is there."""
        return AdmissionStats(
            slots=self._slots,
            active=self.active,
            waiting=len(self._calls),
            bulk_active=self._bulk_slots - self._bulk_free,
            bulk_waiting=len(self._bulk),
        )

    def admits_at_once(self, bulk: bool = False) -> bool:
        """Take a slot without waiting, where that can be; false where `acquire` must be awaited."""
        if bulk or not self._unhindered:
            return self._unhindered and self._take_free(bulk=bulk)
        if not self._free or self._calls:
            return False
        self._free -= 1
        return True

    async def acquire(self, deadline: float, *, bulk: bool = False) -> None:
        """Take a slot, waiting for it in turn.

        Raises:
            Fault: QUEUE_FULL, QUEUE_TIMEOUT, DEADLINE where that is nearer, CLIENT_CLOSED, or INTERNAL for a
                limiter that raised.
        """
        if self._closed:
            raise Fault(Reason.CLIENT_CLOSED)
        if self._delay() or not self._take_free(bulk=bulk):
            await self._wait_in_turn(deadline, bulk=bulk)
        elif self._pace is not None:
            self._pace.reserve(anyio.current_time())
        if self._limiter is not None:
            await self._ask_limiter(self._limiter, deadline, bulk=bulk)

    def release(self, bulk: bool = False) -> None:
        """Give back what was acquired; whoever is next has the slot."""
        if self._limiter is not None:
            self._release_limiter(self._limiter)
        self._free += 1
        if bulk:
            self._bulk_free += 1
        if self._calls or self._bulk:
            self._grant()

    def hold(self, until: float) -> None:
        """Let nothing go before this moment: the service asked to slow down."""
        self._held_until = max(self._held_until, until)
        self._unhindered = False

    def close(self) -> None:
        """Admit no more; the calls that wait end with CLIENT_CLOSED."""
        self._closed = True
        self._unhindered = False
        for waiter in (*self._calls, *self._bulk):
            waiter.event.set()

    # Deciding; nothing here awaits.

    def _take_free(self, *, bulk: bool) -> bool:
        """Take a slot that nobody waits for; one who waits in front is never overtaken."""
        if not self._free or self._calls or (bulk and (not self._bulk_free or self._bulk)):
            return False
        self._free -= 1
        if bulk:
            self._bulk_free -= 1
        return True

    def _first(self) -> _Waiter | None:
        """Give whoever goes next."""
        if self._calls:
            return self._calls[0]
        return self._bulk[0] if self._bulk and self._bulk_free else None

    def _delay(self) -> float:
        """Say for how long nothing may go."""
        if self._unhindered or (self._pace is None and self._held_until == -math.inf):
            return 0.0
        now = anyio.current_time()
        if now >= self._held_until:
            self._held_until = -math.inf
            self._unhindered = self._pace is None and self._limiter is None and not self._closed
        pace = self._pace.wait(now) if self._pace is not None else 0.0
        return max(pace, self._held_until - now, 0.0)

    def _grant(self) -> None:
        """Let go whoever may go now. Where it is not time yet, wake the first, who then sees to its own moment."""
        while self._free and not self._closed and (waiter := self._first()) is not None:
            if self._delay():
                waiter.event.set()
                return
            (self._bulk if waiter.bulk else self._calls).popleft()
            self._free -= 1
            if waiter.bulk:
                self._bulk_free -= 1
            if self._pace is not None:
                self._pace.reserve(anyio.current_time())
            waiter.granted = True
            waiter.event.set()

    def _release_limiter(self, limiter: Limiter) -> None:
        try:
            limiter.release()
        except Exception as error:  # noqa: BLE001 - the call has its answer, and its slot is another's now
            log.error("a limiter's release raised %s", type(error).__name__)  # noqa: TRY400 - its trace may hold anything

    def _release_slot(self, *, bulk: bool) -> None:
        """Give back what the limiter knows nothing of."""
        self._free += 1
        if bulk:
            self._bulk_free += 1
        self._grant()

    def _leave(self, waiter: _Waiter) -> None:
        """Give up a place in the queue, or what was granted in the very moment of a cancellation."""
        if waiter.granted:
            if self._pace is not None:
                self._pace.give_back()
            self._release_slot(bulk=waiter.bulk)
        else:
            (self._bulk if waiter.bulk else self._calls).remove(waiter)
            self._grant()

    def _check_room(self, until: float, deadline: float, *, bulk: bool) -> None:
        """Turn away at once who would wait in vain.

        Raises:
            Fault: QUEUE_FULL, QUEUE_TIMEOUT or DEADLINE.
        """
        queue = self._bulk if bulk else self._calls
        if len(queue) >= MAX_QUEUE:
            detail = f"{len(queue)} calls waiting for {self._slots} slots"
            raise Fault(Reason.QUEUE_FULL, detail, remedy=self._remedy)
        ahead = len(self._calls) + (len(self._bulk) if bulk else 0)
        now = anyio.current_time()
        paced = self._pace.wait(now, ahead) if self._pace is not None else 0.0
        held = self._held_until - now
        if now + max(paced, held) > min(until, deadline):
            reason = Reason.DEADLINE if deadline < until else Reason.QUEUE_TIMEOUT
            what, remedy = _TOO_FAST if paced >= held else _ASKED_TO_PAUSE
            raise Fault(reason, f"{what} would have let it go in {max(paced, held):.1f} s", remedy=remedy)

    # Waiting.

    async def _wait_in_turn(self, deadline: float, *, bulk: bool) -> None:
        until = anyio.current_time() + self._max_wait
        self._check_room(until, deadline, bulk=bulk)
        waiter = _Waiter(bulk)
        (self._bulk if bulk else self._calls).append(waiter)
        try:
            with anyio.CancelScope(deadline=min(until, deadline)):
                while not waiter.granted and not self._closed:
                    await self._wait(waiter)
                if waiter.granted:
                    return
        except BaseException:
            self._leave(waiter)
            raise
        self._leave(waiter)
        if self._closed:
            raise Fault(Reason.CLIENT_CLOSED)
        if deadline < until:
            raise Fault(Reason.DEADLINE)
        detail = f"{self._max_wait:g} s, {self.waiting} calls still waiting"
        raise Fault(Reason.QUEUE_TIMEOUT, detail, remedy=self._remedy)

    async def _wait(self, waiter: _Waiter) -> None:
        """Wait to be let go; the first in the queue also until its moment, where a slot is free already."""
        moment = self._delay() if self._free and self._first() is waiter else math.inf
        with anyio.move_on_after(moment) as scope:
            await waiter.event.wait()
        if scope.cancelled_caught:
            self._grant()
        elif not waiter.granted:
            waiter.event = anyio.Event()  # it has only become the first

    async def _ask_limiter(self, limiter: Limiter, deadline: float, *, bulk: bool) -> None:
        until = anyio.current_time() + self._max_wait
        granted = False
        reason = Reason.DEADLINE if deadline < until else Reason.QUEUE_TIMEOUT
        fault = Fault(reason, "the limiter did not let it go", remedy=_OUTNUMBERED)
        try:
            with anyio.CancelScope(deadline=min(until, deadline)):
                granted = await limiter.acquire(min(until, deadline))
        except Exception as error:  # noqa: BLE001 - the user's limiter may raise anything
            fault = Fault(Reason.INTERNAL, f"{type(error).__name__} in the limiter")
        finally:
            if not granted:
                self._release_slot(bulk=bulk)
        if not granted:
            raise fault
