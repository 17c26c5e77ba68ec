"""The account of one job in Redis, and a journal of one runner that is kept there."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Final

import anyio
from attrs import evolve

from aiocc.call.host import Host
from aiocc.delivery import Delivery
from aiocc.errors import JournalError, JournalInUseError, JournalMismatchError
from aiocc.integrations.redis.jobs import OTHER_NOTES, RedisJobs, place
from aiocc.integrations.redis.server import RedisGoneError
from aiocc.scopes.notes import Job, NoteRequest, Settlement
from aiocc.transport.place import Place

SAFE: Final = (Delivery.REJECTED, Delivery.NOT_SENT)
RUNNER: Final = 15.0
"""Seconds after which a runner that says nothing is taken for dead."""


class NotNowError(JournalError):
    """A request is not to be sent now, by this process.

    Attributes:
        why: held (by another), later, paused, cancelled or gone (there is no such request).
        wait: Seconds, for held and later.
    """

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why if not wait else f"{why}, for {wait:.1f} s")
        self.why: str = why
        self.wait: float = wait


class RedisLedger:
    """The account of one job; see `aiocc.scopes.notes.Ledger`.

    Args:
        jobs: Where it is kept.
        job: Its name.
        queued: Whether requests come from a queue: then they are written down already, and one that was settled is
            claimed anew only after `RedisJobs.reopen`, since a queue hands out again what was REJECTED.
        fresh_from: The number from which on no request was ever claimed.
    """

    def __init__(self, jobs: RedisJobs, job: str, *, queued: bool, fresh_from: int = 0) -> None:
        self.fresh_from: int = fresh_from
        self._jobs = jobs
        self._job = job
        self._queued = queued
        self._tokens: dict[str, str] = {}

    async def claim(self, request: NoteRequest, *, resend_unknown: bool = False) -> Settlement | None:
        """Claim a request, durably, before a byte of it leaves.

        Raises:
            NotNowError: It is not to be sent now.
            JournalMismatchError: Another request has its place.
            RedisGoneError: No answer: nothing may be sent.
        """
        if not self._queued:
            await self._jobs.plan(self._job, [request])
        anew = "" if self._queued else ",".join([*SAFE, *[Delivery.UNKNOWN] * resend_unknown])
        at, token = place(request), secrets.token_hex(8)
        lease = round(self._jobs.lease * 1000)
        answer = await self._jobs.run(self._job, "claim", [at, token, lease, request.hash, anew])
        why = answer[0].decode()
        if why == "granted":
            self._tokens[at] = token
            return None
        if why == "settled":
            return _settlement(json.loads(answer[1]))
        if why == "other":
            raise JournalMismatchError(f"request {at} of the job {self._job!r} {OTHER_NOTES}")
        raise NotNowError(why, max(0.0, float(answer[1])) / 1000 if len(answer) > 1 else 0.0)

    async def settle(self, request: NoteRequest, settlement: Settlement) -> Settlement:
        """Write down what became of a request that was claimed here; gives what is known now.

        Raises:
            JournalError: The claim is another's by now, or Redis does not answer: the request stays UNKNOWN.
        """
        at = place(request)
        facts = ("delivery", "code", "reason", "call_id", "split", "at")
        record = {fact: value for fact in facts if (value := getattr(settlement, fact))}
        stands = await self._jobs.run(self._job, "settle", [at, self._tokens.pop(at), json.dumps(record)])
        if stands is None:
            raise JournalError(
                f"request {at} of the job {self._job!r}: {settlement.delivery}, told too late; it stays unknown"
            )
        return evolve(settlement, delivery=Delivery(stands.decode()))


class RedisJournal:
    """A journal of `agent.send_notes(..., journal=...)` that is kept in Redis: another machine can go on with it.

    Args:
        jobs: Where it is kept.
        name: The job's.
    """

    def __init__(self, jobs: RedisJobs, name: str) -> None:
        self._jobs = jobs
        self._name = name

    @property
    def name(self) -> str:
        """The job's name there."""
        return self._name

    @asynccontextmanager
    async def open(self, job: Job) -> AsyncGenerator[RedisLedger, None]:
        """Begin a job, or go on with it; what a dead runner left unsettled is UNKNOWN from then on.

        Raises:
            JournalMismatchError: Another job has this name.
            JournalInUseError: Another runner has it.
            RedisGoneError: No answer.
        """
        await self._jobs.begin(self._name, job.digest)
        owner = secrets.token_hex(8)
        await self._lead(owner)
        host = Host(Place())
        host.start_soon(self._stay, owner)
        try:
            await self._jobs.sweep(self._name, everything=True)
            fresh_from = await self._jobs.highest(self._name) + 1
            yield RedisLedger(self._jobs, self._name, queued=False, fresh_from=fresh_from)
        finally:
            with anyio.CancelScope(shield=True):
                await host.aclose()
                with suppress(RedisGoneError):  # the lease ends by itself
                    await self._jobs.server.run("leave", [f"aiocc:job:{self._name}:lease"], [owner])

    async def _lead(self, owner: str) -> None:
        names = [f"aiocc:job:{self._name}:lease", f"aiocc:job:{self._name}:fence"]
        taken, wait = await self._jobs.server.run("lease", names, [owner, round(RUNNER * 1000)])
        if not taken:
            raise JournalInUseError(
                f"another runner has the job {self._name!r}, or had it {wait / 1000:.0f} s ago; "
                "wait until that one has ended, or give another name"
            )

    async def _stay(self, owner: str) -> None:
        while True:
            await anyio.sleep(RUNNER / 3)
            try:
                await self._lead(owner)
            except (RedisGoneError, JournalInUseError):
                continue  # claims are exclusive all the same


def _settlement(record: dict[str, object]) -> Settlement:
    facts = {fact: record[fact] for fact in ("code", "reason", "call_id", "split", "at") if fact in record}
    return Settlement(delivery=Delivery(record["delivery"]), **facts)  # type: ignore[arg-type]  # as `settle` wrote it
