"""A worker's side: the client of this process, and the sending of one request after the other."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from aiocc.call.host import Host
from aiocc.client import Client
from aiocc.endpoints.send_note import SendNote
from aiocc.errors import AgentSignedOutError, ClientClosedError, ConfigurationError
from aiocc.integrations.redis.ledger import Claim, JobError, RedisLedger
from aiocc.integrations.redis.limiter import FleetLimiter
from aiocc.integrations.redis.readers import SessionReader
from aiocc.integrations.redis.server import RedisGoneError
from aiocc.integrations.redis.sessions import SharedSessions
from aiocc.protocol.pace import Rate
from aiocc.scopes.callers import Agent
from aiocc.transport.place import Place

SWEEP: Final = 5.0
"""Seconds, at most, between two looks at claims that have lapsed."""

SOON: Final = 10.0
"""Seconds for which a worker holds a request that may be claimed a little later."""

RATE_FOR: Final = 5.0
"""Seconds for which a job's rate is taken for the current one."""

MAX_DETAIL: Final = 500

log: logging.Logger = logging.getLogger("aiocc")

Ring = Callable[[str, int, int], Awaitable[object]]


class Worker:
    """What one worker process has, from its start to its end.

    Args:
        ledger: Where requests are claimed and settled.
        client: This process's.
        sessions: Where agents' sessions are published; None for agents whose GUID the client knows.
        ring: Puts a request into the queue.
    """

    def __init__(self, ledger: RedisLedger, client: Client, sessions: SharedSessions | None, ring: Ring) -> None:
        self._ledger = ledger
        # A claim is settled well within its lease: Redis may be slow on both sides of the call.
        self._view = client.with_options(deadline=ledger.lease * 2 / 3, bulk=True)
        self._client = client
        self._ring = ring
        self._host = Host(Place())
        self._reader = SessionReader(sessions, self._view, self._host) if sessions is not None else None
        self._rates: dict[str, tuple[float, Rate | None]] = {}
        self._limiters: dict[tuple[str, Rate], FleetLimiter] = {}
        self._host.start_soon(self._sweep)

    async def send(self, job: str, number: int, sender: int) -> str:
        """Claim a request, send it and settle it; gives its delivery, or why it was not sent now."""
        try:
            limiter = await self._limiter(job)
        except JobError:
            return "gone"
        if limiter is None:
            return await self._send(job, number, sender)
        # Before the claim: what is claimed and waits is ambiguous when this process dies.
        while not await limiter.acquire(anyio.current_time() + self._ledger.lease):
            pass
        try:
            return await self._send(job, number, sender)
        finally:
            limiter.release()

    async def _send(self, job: str, number: int, sender: int) -> str:
        while True:
            agent = await self._agent(sender)
            if agent is None:
                return "no session"
            claim = await self._ledger.claim(job, number)
            if isinstance(claim, Claim):
                settled = await self._perform(agent, claim)
                if settled is not None:
                    return settled
            elif claim.why == "later" and claim.wait < SOON:
                await anyio.sleep(claim.wait)
            else:
                return str(claim.delivery or claim.why)

    async def _limiter(self, job: str) -> FleetLimiter | None:
        """Give the limiter of a job's rate, which may be another when the job is continued."""
        now = anyio.current_time()
        read_at, rate = self._rates.get(job, (-math.inf, None))
        if now - read_at > RATE_FOR:
            rate = (await self._ledger.progress(job)).rate
            self._rates[job] = now, rate
        if rate is None:
            return None
        limiter = self._limiters.get((job, rate))
        if limiter is None:
            limiter = FleetLimiter(self._ledger.server.address, f"job:{job}", rate=rate)
            self._limiters[job, rate] = limiter
        return limiter

    async def aclose(self) -> None:
        """Close everything."""
        with anyio.CancelScope(shield=True):
            await self._host.aclose()
            for limiter in self._limiters.values():
                await limiter.aclose()
            await self._client.aclose()
            await self._ledger.aclose()

    async def _agent(self, sender: int) -> Agent | None:
        if self._reader is None:
            return self._view.agent(sender)
        return await self._reader.agent(sender, self._ledger.lease)

    async def _perform(self, agent: Agent, claim: Claim) -> str | None:
        """Send a claimed request; None where its agent was not signed in, and the claim was given back."""
        request = claim.request
        shown = self._reader.digest(request.sender) if self._reader is not None else ""
        try:
            outcome = await agent.send(SendNote(request.to, request.content))
        except (ConfigurationError, ClientClosedError):  # nothing was sent
            await self._ledger.unclaim(claim, SOON)
            raise
        if self._reader is not None and isinstance(outcome.error, AgentSignedOutError):
            self._reader.refuse(request.sender, shown)
            await self._ledger.unclaim(claim)
            return None
        detail = "" if outcome.error is None else str(outcome.error)[:MAX_DETAIL]
        if not await self._ledger.settle(claim, outcome.delivery, detail):
            log.warning("job %s, request %d: %s, told too late", claim.job, request.number, outcome.delivery)
        return str(outcome.delivery)

    async def _sweep(self) -> None:
        """Look after jobs whose workers died, for as long as this one lives."""
        pause = min(SWEEP, self._ledger.lease / 2)
        while True:
            await anyio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - nothing secret
            try:
                for job in await self._ledger.jobs():
                    await self._look_after(job)
            except RedisGoneError:
                continue

    async def _look_after(self, job: str) -> None:
        try:
            for number, sender in await self._ledger.sweep(job, self._ledger.lease):
                await self._ring(job, number, sender)
            if (await self._ledger.progress(job)).complete:
                await self._ledger.retire(job)
        except JobError:
            await self._ledger.retire(job)
