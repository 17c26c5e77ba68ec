"""The connections to one origin: a bounded pool that stays whole under cancellation.

One synchronous step decides (`_take`, `_put`), one async place acts (`borrow`). A slot is counted from the
moment it is decided upon until `give_back`, so that no way out of an await can lose one.
"""

from __future__ import annotations

import re
from collections import deque
from math import inf
from typing import Final

import anyio
from attrs import define, field

from aiocc.delivery import Phase, Reason
from aiocc.protocol.limits import PoolLimits
from aiocc.protocol.messages import AnswerHead, Fault, Origin, Wire
from aiocc.transport.alarm import Alarm
from aiocc.transport.connection import Connection
from aiocc.transport.dial import Dial
from aiocc.transport.place import Place
from aiocc.transport.stats import Closed, PoolStats, Tally, Watcher

_KEEP_ALIVE: Final = re.compile(r"timeout\s*=\s*\"?(\d{1,6})", re.IGNORECASE)
_MOMENT: Final = 0.001
"""Seconds past the limit at which the loop gives notice: at the very moment nothing is over it yet."""


def refuse_stillborn(connection: Connection) -> None:
    """Try no further connection where a new one was gone before its first request: the next would be as well.

    Raises:
        Fault: CONNECT_FAILED.
    """
    if not connection.requests:
        raise Fault(Reason.CONNECT_FAILED, "closed by the other side as soon as it was open")


@define(eq=False)
class _Waiter:
    since: float
    event: anyio.Event = field(factory=anyio.Event)
    connection: Connection | None = None
    may_dial: bool = False


class Pool:
    """The connections to one origin.

    Args:
        origin: Where to.
        limits: How many, and for how long.
        dial: Opens one.
        place: The event loop, which gives notice when connections were idle for too long; without one that is seen
            at borrow and return alone.
        watcher: Told of connections as they come and go.
    """

    def __init__(
        self,
        origin: Origin,
        limits: PoolLimits,
        dial: Dial,
        *,
        place: Place | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self._origin = origin
        self._limits = limits
        self._dial = dial
        self._idle_expiry = limits.idle_expiry
        self._max_age = limits.max_age
        self._max_requests = limits.max_requests
        # The whole mutable state: idle connections with the last used on top, those in use, slots being opened.
        self._idle: deque[Connection] = deque()
        self._active: set[Connection] = set()
        self._connecting = 0
        self._waiting: deque[_Waiter] = deque()
        self._tally = Tally(origin, watcher)
        self._dialling: set[anyio.CancelScope] = set()
        self._shut = False
        self._none_active: anyio.Event | None = None
        self._alarm = Alarm(place, self._sweep) if place is not None else None

    def take(self, now: float, *, idle_at_most: float = inf) -> Connection | None:
        """Take the connection used last that may carry another request, without waiting; None where there is none.

        Args:
            now: On the loop's clock.
            idle_at_most: Only one that was idle for less than these seconds.
        """
        while self._idle:
            connection = self._idle.pop()
            reason = self._unfit(connection, now)
            if reason is not None:
                self._close(connection, reason)
            elif now - connection.used_at >= idle_at_most:
                self._idle.append(connection)
                return None
            elif not connection.undisturbed():
                self._close(connection, "lost")
            else:
                self._lend(connection)
                return connection
        return None

    async def borrow(self, wire: Wire, *, connect_timeout: float, queue_timeout: float, deadline: float) -> Connection:
        """Have a connection: open one where there is room, else wait in turn.

        Raises:
            Fault: It could not be opened, or not in time.
        """
        if self._shut:
            raise Fault(Reason.CLIENT_CLOSED)
        if self._has_room():
            self._connecting += 1
        elif (idle := self._oldest_idle()) is not None:
            self._close(idle, "surplus")
            self._connecting += 1
        else:
            wire.phase = Phase.QUEUE
            connection = await self._wait_in_turn(queue_timeout, deadline)
            if connection is not None:
                return connection
        return await self._open(wire, connect_timeout, deadline)

    def give_back(self, connection: Connection, now: float) -> None:
        """Return a connection, whatever became of it."""
        self._active.discard(connection)
        reason = self._unfit(connection, now) if not self._shut else "shutdown"
        if reason is None and self._waiting and not connection.undisturbed():
            reason = "lost"
        if reason is not None:
            self._close(connection, reason)
            self._pass_slot_on()
            if self._none_active is not None and not self._active:
                self._none_active.set()
        elif self._waiting:
            self._lend(connection)
            self._wake(connection)
        else:
            self._keep(connection, now)

    async def warm_up(self, wanted: int, *, connect_timeout: float, deadline: float) -> int:
        """Open connections until so many are there, or none more may be; gives how many are.

        Raises:
            Fault: One could not be opened; those that could stay.
        """
        faults: list[Fault] = []

        async def open_one() -> None:
            if self._shut or not self._has_room():
                return
            self._connecting += 1
            try:
                connection = await self._open(Wire(), connect_timeout, deadline)
            except Fault as fault:
                faults.append(fault)
            else:
                self.give_back(connection, connection.used_at)

        async with anyio.create_task_group() as group:
            for _ in range(self._count(), min(wanted, self._limits.max_connections)):
                group.start_soon(open_one)
        if faults:
            raise faults[0]
        return self._count()

    def expire(self, now: float) -> None:
        """Close what has been idle too long, the least recently used first."""
        while self._idle and (reason := self._unfit(self._idle[0], now)) is not None:
            self._close(self._idle.popleft(), reason)

    def learn(self, head: AnswerHead) -> None:
        """Learn from an answer's Keep-Alive header, if it has one, when the server closes an unused connection."""
        if (kept := head.header("keep-alive")) is not None and (match := _KEEP_ALIVE.search(kept)):
            self.expect_idle_limit(float(match.group(1)))

    def expect_idle_limit(self, seconds: float) -> None:
        """Stay below the time after which the server closes an unused connection."""
        if seconds <= 0:
            return  # it is about to close this one; the others are not said to be worse
        expiry = min(self._limits.idle_expiry, max(seconds - 1.0, seconds / 2))
        if expiry != self._idle_expiry:
            self._idle_expiry = expiry
            self._set_alarm()

    def shut(self) -> None:
        """Close what is idle, and whatever is given back from now on; those that wait end."""
        self._shut = True
        if self._alarm is not None:
            self._alarm.cancel()
        while self._idle:
            self._close(self._idle.pop(), "shutdown")
        for waiter in self._waiting:
            waiter.event.set()

    async def drain(self) -> None:
        """Wait until nothing is in use any more; to be had only of a pool that was shut."""
        if self._active:
            self._none_active = self._none_active or anyio.Event()
            await self._none_active.wait()

    def abort(self) -> None:
        """Close also what is in use, and open nothing further."""
        for connection in list(self._active):
            connection.close()
        for scope in self._dialling:
            scope.cancel()

    def stats(self) -> PoolStats:
        """Say what is there."""
        now = anyio.current_time() if self._waiting else 0.0
        return PoolStats(
            active=len(self._active),
            idle=len(self._idle),
            connecting=self._connecting,
            waiting=len(self._waiting),
            oldest_wait=now - self._waiting[0].since if self._waiting else 0.0,
            opened=self._tally.opened,
            reused=self._tally.reused,
            closed=dict(self._tally.closed),
        )

    def __repr__(self) -> str:
        return (
            f"<Pool {self._origin} {len(self._active)} active, {len(self._idle)} idle, "
            f"{self._connecting} connecting, {len(self._waiting)} waiting>"
        )

    # Deciding; nothing here awaits.

    def _count(self) -> int:
        return len(self._active) + len(self._idle) + self._connecting

    def _has_room(self) -> bool:
        return self._count() < self._limits.max_connections

    def _oldest_idle(self) -> Connection | None:
        """Idle ones are left over here only where the request would not take one: it wants a fresh connection."""
        return self._idle.popleft() if self._idle else None

    def _unfit(self, connection: Connection, now: float) -> Closed | None:
        if not connection.alive:
            return "lost" if connection.requests else "failed"
        if now - connection.used_at > self._idle_expiry:
            return "idle"
        if now - connection.opened_at > self._max_age:
            return "age"
        if self._max_requests is not None and connection.requests >= self._max_requests:
            return "requests"
        return None

    def _lend(self, connection: Connection) -> None:
        self._active.add(connection)
        if connection.requests:
            self._tally.reused += 1

    def _keep(self, connection: Connection, now: float) -> None:
        idle = self._idle
        idle.append(connection)
        if now - idle[0].used_at > self._idle_expiry:
            self.expire(now)
        if self._alarm is not None and self._alarm.when is None:
            self._set_alarm()
        if self._limits.max_idle is not None and len(self._idle) > self._limits.max_idle:
            self._close(self._idle.popleft(), "surplus")

    def _sweep(self, now: float) -> None:
        """Close every idle connection that may not stay, whether or not anything is borrowed again."""
        kept: deque[Connection] = deque()
        for connection in self._idle:
            if (reason := self._unfit(connection, now)) is not None:
                self._close(connection, reason)
            else:
                kept.append(connection)
        self._idle = kept
        self._set_alarm()

    def _set_alarm(self) -> None:
        """Have the loop say when the first of the idle ones may stay no longer."""
        if self._alarm is not None and self._idle:
            expiry, age = self._idle_expiry, self._max_age
            self._alarm.set(_MOMENT + min(min(one.used_at + expiry, one.opened_at + age) for one in self._idle))

    def _close(self, connection: Connection, reason: Closed) -> None:
        connection.close()
        self._tally.count_closed(reason)

    def _wake(self, connection: Connection) -> None:
        waiter = self._waiting.popleft()
        waiter.connection = connection
        waiter.event.set()

    def _pass_slot_on(self) -> None:
        """A slot came free without a connection: the first that waits may open one."""
        if self._waiting and self._has_room() and not self._shut:
            self._connecting += 1
            waiter = self._waiting.popleft()
            waiter.may_dial = True
            waiter.event.set()

    # Acting.

    async def _open(self, wire: Wire, timeout: float, deadline: float) -> Connection:
        """Open a connection in a slot that is counted as connecting already."""
        began = anyio.current_time()
        connection: Connection | None = None
        scope = anyio.CancelScope()
        self._dialling.add(scope)
        try:
            until = began + timeout
            scope.deadline = min(until, deadline)
            if self._shut:
                scope.cancel()
            with scope:
                connection = await self._dial(self._origin, wire)
        finally:
            self._dialling.discard(scope)
            self._connecting -= 1
            if connection is None:
                self._pass_slot_on()
            else:
                self._active.add(connection)
                self._tally.count_opened(anyio.current_time() - began)
        if self._shut:
            if connection is not None:
                self.give_back(connection, connection.used_at)
            raise Fault(Reason.CLIENT_CLOSED)
        if connection is not None:
            return connection
        raise Fault(Reason.DEADLINE if deadline < until else Reason.CONNECT_TIMEOUT)

    async def _wait_in_turn(self, timeout: float, deadline: float) -> Connection | None:
        """Wait for a connection, or, given None, for the right to open one."""
        waiter = _Waiter(anyio.current_time())
        until = waiter.since + timeout
        self._waiting.append(waiter)
        served = False
        try:
            with anyio.CancelScope(deadline=min(until, deadline)):
                await waiter.event.wait()
                served = waiter.connection is not None or waiter.may_dial
        finally:
            if not served:
                self._step_back(waiter)
        if served:
            return waiter.connection
        if self._shut:
            raise Fault(Reason.CLIENT_CLOSED)
        raise Fault(Reason.DEADLINE if deadline < until else Reason.QUEUE_TIMEOUT)

    def _step_back(self, waiter: _Waiter) -> None:
        """Give up a place; what it was given at the last moment goes to the next."""
        if waiter.connection is not None:
            self.give_back(waiter.connection, anyio.current_time())
        elif waiter.may_dial:
            self._connecting -= 1
            self._pass_slot_on()
        elif waiter in self._waiting:
            self._waiting.remove(waiter)
