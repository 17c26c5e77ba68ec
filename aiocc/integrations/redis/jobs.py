"""Jobs in Redis: fan-outs whose requests any number of processes send."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import anyio
from attrs import frozen
from redis.asyncio import Redis

from aiocc.delivery import Delivery
from aiocc.errors import JournalError, JournalMismatchError
from aiocc.integrations.redis.sealing import Keys, Seal
from aiocc.integrations.redis.server import ANSWER_WITHIN, RedisGoneError, Server
from aiocc.protocol.checks import is_seconds, kind, refuse
from aiocc.protocol.pace import Rate
from aiocc.scopes.notes import NoteOutcome, NoteRequest
from aiocc.scopes.notes.ledger import NEVER_SETTLED
from aiocc.secret import conceal

BATCH: Final = 500
"""Requests written down, or read, at once."""

JOBS: Final = "aiocc:jobs"
OTHER_NOTES: Final = "is another one: give another name, or the notes it was begun with"

PARTS: Final = ("", ":plan", ":open", ":contents", ":records", ":claims", ":maybe")


class NoSuchJobError(JournalError):
    """There is no job of this name, or it was forgotten."""


@frozen(kw_only=True)
class Progress:
    """How far a job has come.

    Attributes:
        state: open, paused or cancelled.
        rate: How often requests of all workers may go.
        planned: Whether the whole input is written down.
        notes: In the input, once it is.
        invalid: Notes that could not be sent.
        duplicates: Receivers that a note named again.
        requests: Written down.
        waiting: Requests that are not claimed.
        settled: Requests by delivery.
        receivers: By delivery.
        all_receivers: Of what is written down.
    """

    state: str
    rate: Rate | None
    planned: bool
    notes: int
    invalid: int
    duplicates: int
    requests: int
    waiting: int
    settled: dict[Delivery, int]
    receivers: dict[Delivery, int]
    all_receivers: int

    @property
    def on_their_way(self) -> int:
        """Requests that are claimed and not settled."""
        return max(0, self.requests - self.waiting - sum(self.settled.values()))

    @property
    def complete(self) -> bool:
        """Whether every request of the whole input has ended."""
        return self.planned and sum(self.settled.values()) == self.requests


class RedisJobs:
    """Keeps fan-outs in Redis, for any number of processes: what is to be sent, and what became of it.

    Claims and settlements are atomic, and on disk before they are answered. A claim that is never settled makes its
    request UNKNOWN once its lease ends, and it is never sent again by itself. Contents of notes and agent ids are
    kept until `forget`; contents are encrypted with `keys`.

    Args:
        redis: `redis://`, `rediss://` or `unix://` URL, or a `redis.asyncio.Redis`, which stays the caller's to close.
        keys: Fernet keys for contents, the newest first; None keeps them as they are, and warns.
        lease: Seconds in which a claimed request is surely settled, or has been lost: more than a call's deadline.
        patience: Seconds for which Redis is asked again when it does not answer.
        durable: Whether to see that Redis writes to disk before it answers, and evicts nothing. False where it does
            not tell.

    Raises:
        ConfigurationError: The address is none of a Redis, or a key is none.
        InvalidRequestError: A length of time is none.
    """

    @conceal
    def __init__(
        self,
        redis: str | Redis,
        *,
        keys: Keys | None = None,
        lease: float = 45.0,
        patience: float = 60.0,
        durable: bool = True,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        for name, seconds in (("lease", lease), ("patience", patience)):
            if not is_seconds(seconds) or seconds <= 0:
                refuse(name, "a number of seconds over 0", kind(seconds))
        self.server: Server = Server(redis, answer_within=answer_within)
        self.lease: float = lease
        self.seal: Seal = Seal(keys)
        self._patience = patience
        self._unchecked = durable

    async def check(self, *, switch: str = "durable=False") -> None:
        """See, once, that Redis is durable.

        Args:
            switch: What this program's user says to do without, for the error.

        Raises:
            ConfigurationError: Redis could forget what it says it has done.
            RedisGoneError: No answer.
        """
        if self._unchecked:
            await self._surely(self.server.check_durable, switch)
            self._unchecked = False

    async def begin(self, job: str, digest: str | None = None, rate: Rate | None = None) -> bool:
        """Begin a job, or go on with it, at a rate of all workers together; says whether it is new.

        Args:
            job: Its name.
            digest: Of its whole plan, where that is known.
            rate: How often requests may go.

        Raises:
            JournalMismatchError: Another job has this name.
            ConfigurationError: Redis could forget what it says it has done.
            RedisGoneError: No answer.
        """
        await self.check()
        pace = ["", ""] if rate is None else [rate.per_second, rate.burst]
        found = await self._surely(self.server.run, "begin", [_keys(job)[0], JOBS], [job, digest or "", *pace])
        if found == -1:
            raise JournalMismatchError(
                f"the job {job!r} is another one: give another name, or the notes it was begun with"
            )
        return bool(found == 1)

    async def plan(self, job: str, requests: Iterable[NoteRequest]) -> int:
        """Write requests down, which can be claimed from then on; gives how many are new.

        Raises:
            JournalMismatchError: Another request has a place.
        """
        contents: dict[str, list[NoteRequest]] = {}
        for request in requests:
            contents.setdefault(request.content, []).append(request)
        return sum([await self._plan(job, content, batch) for content, batch in contents.items()])

    async def _plan(self, job: str, content: str, requests: Sequence[NoteRequest]) -> int:
        name = hashlib.sha256(content.encode()).hexdigest()[:32]
        arguments: list[str | bytes] = [name, self.seal.close(f"{job}:{name}", content)]
        for one in requests:
            facts = {fact: getattr(one, fact) for fact in ("number", "part", "note", "key", "sender", "hash")}
            row = {**facts, "to": list(one.receivers), "content": name}
            arguments += [place(one), one.hash, json.dumps(row, separators=(",", ":"))]
        found = await self.run(job, "plan", arguments)
        if found[0] == -1:
            raise JournalMismatchError(f"request {found[1].decode()} of the job {job!r} {OTHER_NOTES}")
        return int(found[0])

    async def planned(self, job: str, *, notes: int, invalid: int = 0, duplicates: int = 0) -> None:
        """Note that the whole input is written down, and what was in it."""
        facts = ("notes", notes, "invalid", invalid, "duplicates", duplicates)
        await self._surely(self.server.do, "HSET", _keys(job)[0], *facts)

    async def sweep(self, job: str, *, silence: float | None = None, everything: bool = False) -> list[NoteRequest]:
        """Settle claims that lapsed as UNKNOWN.

        Args:
            job: Which.
            silence: Seconds without a claim or a settlement after which open requests are taken for lost in the queue.
            everything: Whether every claim lapses now: there is nobody who could settle it.

        Returns:
            What is to be queued again.
        """
        quiet = -1 if silence is None else round(silence * 1000)
        lapsed = BATCH
        while lapsed == BATCH:
            lapsed, lost = await self.server.run("sweep", _keys(job), [BATCH, quiet, int(everything)])
            if lost:
                return await self._requests(job, lost)
        return []

    async def open_requests(self, job: str) -> list[NoteRequest]:
        """Give what is neither claimed nor settled."""
        return await self._requests(job, await self._surely(self.server.do, "ZRANGE", _keys(job)[2], 0, -1))

    async def _requests(self, job: str, places: Sequence[bytes]) -> list[NoteRequest]:
        _, plan, _, contents, *_ = _keys(job)
        found: list[NoteRequest] = []
        for start in range(0, len(places), BATCH):
            batch = await self._surely(self.server.do, "HMGET", plan, *places[start : start + BATCH])
            rows = [json.loads(row) for row in batch if row]
            names = sorted({row["content"] for row in rows})
            kept = await self._surely(self.server.do, "HMGET", contents, *names) if names else []
            opened = {name: self.seal.open(f"{job}:{name}", text) for name, text in zip(names, kept, strict=True)}
            for row in rows:
                facts = {fact: row[fact] for fact in ("number", "part", "note", "key", "sender")}
                content = opened[row["content"]]
                found.append(NoteRequest(job=job, receivers=tuple(row["to"]), content=content, **facts))
        return found

    async def highest(self, job: str) -> int:
        """Give the highest number that is written down, -1 where there is none."""
        places = await self._surely(self.server.do, "HKEYS", _keys(job)[1])
        return max((int(at.partition(b".")[0]) for at in places), default=-1)

    async def jobs(self) -> list[str]:
        """Name the jobs that may have something to do."""
        return sorted(name.decode() for name in await self.server.do("SMEMBERS", JOBS))

    async def retire(self, job: str) -> None:
        """Take a job off that list."""
        await self.server.do("SREM", JOBS, job)

    async def set_state(self, job: str, state: str) -> None:
        """Open, pause or cancel a job: what is claimed ends, nothing else is claimed unless it is open."""
        await self.progress(job)
        await self._surely(self.server.do, "HSET", _keys(job)[0], "state", state)

    async def progress(self, job: str) -> Progress:
        """Say how far a job has come.

        Raises:
            NoSuchJobError: There is none.
        """
        row = await self._surely(self.server.do, "HGETALL", _keys(job)[0])
        if not row:
            raise NoSuchJobError(f"there is no job {job!r}; give the name and the Redis that it was submitted with")
        kept = {key.decode(): value.decode() for key, value in row.items()}

        def counts(what: str) -> dict[Delivery, int]:
            found = {delivery: int(kept.get(f"{what}:{delivery}", 0)) for delivery in Delivery}
            return {delivery: count for delivery, count in found.items() if count}

        figures = ("notes", "invalid", "duplicates", "requests")
        return Progress(
            state=kept["state"],
            rate=Rate(float(kept["rate"]), burst=float(kept["burst"])) if kept["rate"] else None,
            planned="notes" in kept,
            waiting=await self._surely(self.server.do, "ZCARD", _keys(job)[2]),
            settled=counts("requests"),
            receivers=counts("receivers"),
            all_receivers=int(kept.get("receivers", 0)),
            **{figure: int(kept.get(figure, 0)) for figure in figures},
        )

    async def unsettled(self, job: str) -> list[NoteOutcome]:
        """Give what was not accepted, or not yet, in order: NOT_SENT that waits, UNKNOWN that is on its way."""
        _, plan, _, _, records, *_ = _keys(job)
        found: dict[bytes, NoteOutcome] = {}
        cursor: Any = 0
        while True:
            cursor, page = await self._surely(self.server.do, "HSCAN", plan, cursor, "COUNT", BATCH)
            kept = await self._surely(self.server.do, "HMGET", records, *page) if page else []
            for at, record in zip(page, kept, strict=True):
                outcome = _outcome(json.loads(page[at]), json.loads(record) if record else None)
                if outcome is not None:
                    found[at] = outcome
            if not int(cursor):
                return [found[at] for at in sorted(found, key=lambda at: (int(at.partition(b".")[0]), at))]

    async def reopen(self, job: str, delivery: Delivery, places: Sequence[str] | None = None, after: float = 0) -> int:
        """Let requests of a delivery be claimed again, so many seconds from now; gives how many.

        Args:
            job: Which.
            delivery: Of a settled one.
            places: Of what; None for all.
            after: Seconds.
        """
        if places is None:
            kept = await self._surely(self.server.do, "HGETALL", _keys(job)[4])
            places = [at.decode() for at, record in kept.items() if json.loads(record).get("delivery") == delivery]
        opened = 0
        for start in range(0, len(places), BATCH):
            opened += await self.run(job, "reopen", [delivery, round(after * 1000), *places[start : start + BATCH]])
        return opened

    async def forget(self, job: str) -> None:
        """Remove everything of a job."""
        await self._surely(self.server.do, "DEL", *_keys(job))
        await self.retire(job)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.server.aclose()

    async def run(self, job: str, script: str, arguments: Sequence[Any]) -> Any:
        """Run a script on a job's keys, until there is an answer: each may be run twice.

        Raises:
            RedisGoneError: No answer within the patience.
        """
        return await self._surely(self.server.run, script, _keys(job), arguments)

    async def _surely(self, ask: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        until = anyio.current_time() + self._patience
        pause = 0.05
        while True:
            try:
                return await ask(*arguments)
            except RedisGoneError:
                if anyio.current_time() + pause >= until:
                    raise
            await anyio.sleep(pause)
            pause = min(pause * 2, 1.0)


def place(request: NoteRequest) -> str:
    """Name a request within its job."""
    return f"{request.number}.{request.part}" if request.part else str(request.number)


def _keys(job: str) -> list[str]:
    return [f"aiocc:job:{job}{part}" for part in PARTS]


def _outcome(row: dict[str, Any], record: dict[str, Any] | None) -> NoteOutcome | None:
    delivery = Delivery.NOT_SENT if record is None else Delivery(record.get("delivery", Delivery.UNKNOWN))
    if delivery is Delivery.ACCEPTED or (record is not None and record.get("split")):
        return None
    told = record or {}
    reason = NEVER_SETTLED if told.get("lapsed") else told.get("reason")
    return NoteOutcome(
        note=row["note"], key=row["key"], to=tuple(row["to"]), delivery=delivery, reason=reason, code=told.get("code")
    )
