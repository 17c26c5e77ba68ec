"""A worker's side: the client of this process, and the sending of one request after the other."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import anyio

from aiocc.call.host import Host
from aiocc.client import Client
from aiocc.delivery import Delivery
from aiocc.errors import AgentSignedOutError
from aiocc.integrations.redis.jobs import NoSuchJobError, RedisJobs, place
from aiocc.integrations.redis.ledger import NotNowError, RedisLedger
from aiocc.integrations.redis.limiter import FleetLimiter
from aiocc.integrations.redis.readers import SessionReader
from aiocc.integrations.redis.server import RedisGoneError
from aiocc.integrations.redis.sessions import SharedSessions
from aiocc.protocol.pace import Rate
from aiocc.scopes.callers import Agent
from aiocc.scopes.notes import NoteRequest, send
from aiocc.transport.place import Place

SWEEP: Final = 5.0
"""Seconds, at most, between two looks at claims that have lapsed."""

SOON: Final = 10.0
"""Seconds for which a worker holds a request that may be claimed a little later."""

RATE_FOR: Final = 5.0
"""Seconds for which a job's rate is taken for the current one."""

Ring = Callable[[Iterable[NoteRequest]], Awaitable[object]]


class Worker:
    """What one worker process has, from its start to its end.

    Args:
        jobs: Where requests are claimed and settled.
        client: This process's.
        sessions: Where agents' sessions are published; None for agents whose GUID the client knows.
        ring: Puts requests into the queue.
    """

    def __init__(self, jobs: RedisJobs, client: Client, sessions: SharedSessions | None, ring: Ring) -> None:
        self._jobs = jobs
        # A claim is settled well within its lease: Redis may be slow on both sides of the call.
        self._view = client.with_options(deadline=jobs.lease * 2 / 3, bulk=True)
        self._client = client
        self._ring = ring
        self._host = Host(Place())
        self._reader = SessionReader(sessions, self._view, self._host) if sessions is not None else None
        self._rates: dict[str, tuple[float, Rate | None]] = {}
        self._limiters: dict[tuple[str, Rate], FleetLimiter] = {}
        self._host.start_soon(self._sweep)

    async def send(self, request: NoteRequest) -> str:
        """Claim a request, send it and settle it; gives its delivery, or why it was not sent now."""
        try:
            limiter = await self._limiter(request.job)
        except NoSuchJobError:
            return "gone"
        if limiter is None:
            return await self._send(request)
        # Before the claim: what is claimed and waits is ambiguous when this process dies.
        while not await limiter.acquire(anyio.current_time() + self._jobs.lease):
            pass
        try:
            return await self._send(request)
        finally:
            limiter.release()

    async def _send(self, request: NoteRequest) -> str:
        while True:
            agent = await self._agent(request.sender)
            if agent is None:
                return "no session"
            try:
                settled = await self._perform(agent, request)
            except NotNowError as refused:
                if refused.why != "later" or refused.wait > SOON:
                    return refused.why
                await anyio.sleep(refused.wait)
            else:
                if settled is not None:
                    return settled

    async def _perform(self, agent: Agent, request: NoteRequest) -> str | None:
        """Claim, send, settle; None where the agent was signed out, and the request is open again."""
        ledger = RedisLedger(self._jobs, request.job, queued=True)
        shown = self._reader.digest(request.sender) if self._reader is not None else ""
        sent = await send(request, ledger, agent)
        if self._reader is not None and isinstance(sent.error, AgentSignedOutError):
            self._reader.refuse(request.sender, shown)
            await self._jobs.reopen(request.job, Delivery.REJECTED, [place(request)])
            return None
        return str(sent.settlement.delivery)

    async def _agent(self, sender: int) -> Agent | None:
        if self._reader is None:
            return self._view.agent(sender)
        return await self._reader.agent(sender, self._jobs.lease)

    async def _limiter(self, job: str) -> FleetLimiter | None:
        """Give the limiter of a job's rate, which may be another when the job is continued."""
        now = anyio.current_time()
        read_at, rate = self._rates.get(job, (-math.inf, None))
        if now - read_at > RATE_FOR:
            rate = (await self._jobs.progress(job)).rate
            self._rates[job] = now, rate
        if rate is None:
            return None
        limiter = self._limiters.get((job, rate))
        if limiter is None:
            limiter = FleetLimiter(self._jobs.server.address, f"job:{job}", rate=rate)
            self._limiters[job, rate] = limiter
        return limiter

    async def aclose(self) -> None:
        """Close everything."""
        with anyio.CancelScope(shield=True):
            await self._host.aclose()
            for limiter in self._limiters.values():
                await limiter.aclose()
            await self._client.aclose()
            await self._jobs.aclose()

    async def _sweep(self) -> None:
        """Look after jobs whose workers died, for as long as this one lives."""
        pause = min(SWEEP, self._jobs.lease / 2)
        while True:
            await anyio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - nothing secret
            try:
                for job in await self._jobs.jobs():
                    await self._look_after(job)
            except RedisGoneError:
                continue

    async def _look_after(self, job: str) -> None:
        try:
            await self._ring(await self._jobs.sweep(job, silence=self._jobs.lease))
            if (await self._jobs.progress(job)).complete:
                await self._jobs.retire(job)
        except NoSuchJobError:
            await self._jobs.retire(job)
