"""One process's seat at a limit that a fleet keeps."""

from __future__ import annotations

import logging
import math
import random
import secrets
from collections import deque
from contextlib import suppress
from typing import Final

import anyio
from attrs import frozen

from aiocc.call.host import Host
from aiocc.integrations.redis.server import RedisGoneError, Server
from aiocc.protocol.pace import Pace, Rate
from aiocc.transport.place import Place

AHEAD: Final = 0.25
"""Seconds ahead for which a place in the rate is taken: so much of it is lost with a process that dies."""

TOGETHER: Final = 32
"""Slots, at most, for which Redis is asked at once."""

LOOK_AGAIN: Final = 0.02
"""Seconds, about, between two looks for a free slot, of the call that is next in its process."""

BEAT: Final = 1.0
"""Seconds, at most, between two looks at how many processes there are."""

ASK_AGAIN: Final = 1.0
"""Seconds after which Redis is asked again, once it did not answer."""

MICRO: Final = 1_000_000

log: logging.Logger = logging.getLogger("aiocc")


@frozen(kw_only=True)
class Limit:
    """What is kept: see `FleetLimiter`."""

    name: str
    rate: Rate | None
    concurrency: int | None
    processes: int
    lease: float

    @property
    def keys(self) -> list[str]:
        """When the next request is due, the slots, the processes."""
        return [f"aiocc:limit:{self.name}:{what}" for what in ("due", "slots", "processes")]

    @property
    def interval(self) -> float:
        """Microseconds between two requests, 0 where there is no rate."""
        return 0.0 if self.rate is None else MICRO / self.rate.per_second

    @property
    def ahead(self) -> float:
        """How many microseconds early a burst may go."""
        return 0.0 if self.rate is None else self.interval * (max(self.rate.burst, 1) - 1)


@frozen
class Granted:
    """What a request was given: a slot at Redis, or one of this process's own share (None), from a moment on."""

    slot: str | None
    due: float


NEVER: Final = Granted(None, math.inf)
"""It will not be in time."""


class Seat:
    """What this process holds of a limit, in one event loop.

    Args:
        server: Where the limit is kept.
        limit: What is kept.
    """

    def __init__(self, server: Server, limit: Limit) -> None:
        self._server = server
        self._limit = limit
        self._me = secrets.token_hex(8)
        self.processes: int = limit.processes
        self._number = limit.processes - 1
        self._place = Place()
        self._turn = anyio.Lock()
        self._waiting = 0
        self._fetched: deque[Granted] = deque()
        self._held: set[str] = set()
        self._own = 0
        self._used: list[str] = []
        self._unused: list[str] = []
        self._returned = self._freed = anyio.Event()
        self._pace: Pace | None = None
        self.alone: bool = False
        self._host = Host(self._place)
        self._host.start_soon(self._tend)

    def is_here(self) -> bool:
        """Whether this event loop and process are the seat's."""
        return self._place.is_here()

    async def acquire(self, deadline: float) -> bool:
        """Wait for a slot and a place in the rate, in turn."""
        self._waiting += 1
        try:
            async with self._turn:
                granted: Granted | None = None
                while granted is None:
                    granted = self._of_the_fetched(deadline) or await (
                        self._of_own_share(deadline) if self.alone else self._of_the_fleet(deadline)
                    )
        finally:
            self._waiting -= 1
            while len(self._fetched) > self._waiting:  # for one that waits no more
                self._give_back(self._fetched.pop().slot, self._unused)
        if granted is NEVER:
            return False
        went = False
        try:
            await anyio.sleep_until(granted.due)
            went = True
        finally:
            if not went:
                self._give_back(granted.slot, self._unused)
        return True

    def release(self) -> None:
        """Give back one slot."""
        self._give_back(None, self._used)

    async def aclose(self) -> None:
        """Give back everything."""
        self._used += self._held
        self._held.clear()
        with anyio.CancelScope(shield=True):
            await self._host.aclose()
            with suppress(RedisGoneError):  # the leases end by themselves
                await self._return()

    def _of_the_fetched(self, deadline: float) -> Granted | None:
        """Take what came with another one's; None where there is nothing."""
        if not self._fetched:
            return None
        return self._fetched.popleft() if self._fetched[0].due <= deadline else NEVER

    async def _of_the_fleet(self, deadline: float) -> Granted | None:
        """Ask Redis once, for all who wait; None to look again, or to take what was fetched."""
        slots = [secrets.token_hex(8) for _ in range(min(self._waiting, TOGETHER))]
        left = max(0.0, deadline - anyio.current_time())
        answered = False
        try:
            got, *waits = await self._take(slots, min(left, AHEAD))
            answered = True
        except RedisGoneError as gone:
            self._lose(gone)
            return None
        finally:
            if not answered:  # they may have been taken
                self._unused += slots
                self._returned.set()
        if got:
            now = anyio.current_time()
            self._held.update(slots[:got])
            self._fetched += [Granted(slot, now + wait / MICRO) for slot, wait in zip(slots, waits, strict=False)]
            return self._fetched.popleft()
        wait = waits[0] / MICRO
        if wait > left or left <= 0:
            return NEVER
        # Processes that wait for the same moment do not all ask in it.
        pause = LOOK_AGAIN * random.uniform(0.5, 1.5) if wait < 0 else wait - AHEAD * random.uniform(0.5, 1)  # noqa: S311 - nothing secret
        await anyio.sleep(max(0.0, pause))
        return None

    async def _take(self, slots: list[str], ahead: float) -> list[int]:
        limit = self._limit
        figures = (limit.interval, limit.ahead, limit.concurrency or 0, limit.lease * MICRO, ahead * MICRO)
        taken: list[int] = await self._server.run("take", limit.keys[:2], [*map(round, figures), *slots])
        return taken

    async def _of_own_share(self, deadline: float) -> Granted | None:
        """Take what is this process's own while Redis is gone; None to look again."""
        now = anyio.current_time()
        if len(self._held) + self._own >= self._share():
            with anyio.CancelScope(deadline=min(now + ASK_AGAIN, deadline)):
                await self._freed.wait()
            return None if now < deadline else NEVER
        wait = self._pace.wait(now) if self._pace is not None else 0.0
        if now + wait > deadline:
            return NEVER
        if self._pace is not None:
            self._pace.reserve(now)
        self._own += 1
        return Granted(None, now + wait)

    def _share(self) -> float:
        """How many of the slots are this process's; over all processes it is the limit exactly."""
        if self._limit.concurrency is None:
            return math.inf
        each, over = divmod(self._limit.concurrency, self.processes)
        return each + (self._number < over)

    def _give_back(self, slot: str | None, returned: list[str]) -> None:
        """Take what was granted back: that slot, or any, since they are all alike."""
        if self._own and slot is None:
            self._own -= 1
        elif self._held:
            slot = slot if slot in self._held else next(iter(self._held))
            self._held.remove(slot)
            returned.append(slot)
            self._returned.set()
        self._freed.set()
        self._freed = anyio.Event()

    async def _tend(self) -> None:
        """Give back and renew, for as long as the seat is held."""
        beat = -math.inf
        while True:
            try:
                await self._return()
                if self.alone or anyio.current_time() >= beat:
                    await self._beat()
                    beat = anyio.current_time() + min(BEAT, self._limit.lease / 3)
            except RedisGoneError as gone:
                self._lose(gone)
                await anyio.sleep(ASK_AGAIN)
                continue
            with anyio.CancelScope(deadline=beat):
                await self._returned.wait()

    async def _return(self) -> None:
        self._returned = anyio.Event()
        for slots, interval in ((self._used, 0), (self._unused, round(self._limit.interval))):
            giving = slots[:]
            if giving:
                await self._server.run("give", self._limit.keys[:2], [interval, *giving])
                del slots[: len(giving)]

    async def _beat(self) -> None:
        """Renew; what was taken from the own share becomes slots like all others."""
        self._held |= {secrets.token_hex(8) for _ in range(self._own)}
        self._own = 0
        lease = round(self._limit.lease * MICRO)
        answer = await self._server.run("beat", self._limit.keys[1:], [self._me, lease, lease, *self._held])
        self.processes, self._number = answer
        if self.alone:
            log.warning("limit %s: Redis answers again; kept with %d processes", self._limit.name, self.processes)
            self.alone = False
            self._freed.set()
            self._freed = anyio.Event()

    def _lose(self, gone: RedisGoneError) -> None:
        if self.alone:
            return
        self.alone = True
        rate = self._limit.rate
        if rate is not None:
            self._pace = Pace(Rate(rate.per_second / self.processes, burst=max(1.0, rate.burst / self.processes)))
        log.warning(
            "limit %s: Redis does not answer (%s); this process keeps to its share, one of %d",
            self._limit.name,
            gone,
            self.processes,
        )
