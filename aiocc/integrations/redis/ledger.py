"""The ledger of fan-outs in Redis: every request is claimed before it is sent, and settled after."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import anyio
from attrs import frozen
from redis.asyncio import Redis

from aiocc.delivery import Delivery
from aiocc.errors import ConfigurationError
from aiocc.integrations.redis.sealing import Keys, Seal
from aiocc.integrations.redis.server import ANSWER_WITHIN, RedisGoneError, Server
from aiocc.protocol.checks import is_seconds, kind
from aiocc.protocol.pace import Rate
from aiocc.secret import conceal

BATCH: Final = 500
"""Requests written down, or read, at once."""

JOBS: Final = "aiocc:jobs"
PARTS: Final = ("", ":plan", ":open", ":contents", ":records", ":claims")


class JobError(ConfigurationError):
    """A job is not there, or another one has its name."""


@frozen
class Request:
    """One request of a job, as it travels: at most 100 receivers, one content.

    Attributes:
        number: In the job, from 0.
        note: The note's number in the input, from 0.
        key: The note's own.
        sender: The agent.
        to: The receivers.
        content: The note's.
    """

    number: int
    note: int
    key: str | None
    sender: int
    to: Sequence[int]
    content: str


@frozen
class Row:
    """What is known of one request.

    Attributes:
        number: In the job.
        note: The note's number in the input.
        key: The note's own.
        to: The receivers.
        delivery: NOT_SENT for what waits, UNKNOWN for what is on its way.
        ended: Whether it was settled.
        detail: Why, for what was not accepted.
    """

    number: int
    note: int
    key: str | None
    to: Sequence[int]
    delivery: Delivery
    ended: bool
    detail: str


@frozen
class Claim:
    """A request that this process alone may send, once, until the lease ends."""

    job: str
    token: str
    request: Request


@frozen
class NotClaimed:
    """A request that is not to be sent now.

    Attributes:
        why: held (by another), later, settled, paused, cancelled or gone (no such request).
        wait: Seconds, for held and later.
        delivery: For settled.
    """

    why: str
    wait: float = 0.0
    delivery: Delivery | None = None


@frozen(kw_only=True)
class Progress:
    """How far a job has come.

    Attributes:
        state: open, paused or cancelled.
        rate: How often requests of all workers may go.
        planned: Whether the whole input is written down.
        notes: In the input, once it is.
        invalid: That could not be sent.
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


class RedisLedger:
    """Keeps the requests of fan-outs and what became of them, for any number of processes.

    Claims and settlements are atomic, and on disk before they are answered. A claim that is never settled makes its
    request UNKNOWN once its lease ends, and it is never sent again by itself. Contents of notes and agent ids are
    kept until `forget`; contents are encrypted with `keys`.

    Args:
        redis: A URL or a client; see `Server`.
        keys: Fernet keys for contents, the newest first; None keeps them as they are, and warns.
        lease: Seconds in which a claimed request is surely settled, or has been lost: more than a call's deadline.
        patience: Seconds for which Redis is asked again when it does not answer.
        durable: Whether to see that Redis writes to disk before it answers, and evicts nothing. False where it does
            not tell.

    Raises:
        ConfigurationError: An argument is outside its limit.
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
            if not is_seconds(seconds):
                raise ConfigurationError(f"{name} must be a number of seconds, not {kind(seconds)}")
        self.server: Server = Server(redis, answer_within=answer_within)
        self.lease: float = lease
        self._seal = Seal(keys)
        self._patience = patience
        self._unchecked = durable

    async def begin(self, job: str, fingerprint: str, rate: Rate | None = None) -> bool:
        """Begin a job, or go on with it, at a rate of all workers together; says whether it is new.

        Raises:
            JobError: Another job has this name.
            ConfigurationError: Redis could forget what it says it has done.
            RedisGoneError: No answer.
        """
        await self.check()
        pace = ["", ""] if rate is None else [rate.per_second, rate.burst]
        found = await self._surely(self.server.run, "begin", [_keys(job)[0], JOBS], [job, fingerprint, *pace])
        if found == -1:
            raise JobError(f"the job {job!r} is another one: give another name, or the same notes and senders")
        return bool(found == 1)

    async def check(self) -> None:
        """See, once, that Redis is durable."""
        if self._unchecked:
            await self.server.check_durable()
            self._unchecked = False

    async def plan(self, job: str, requests: Iterable[Request]) -> int:
        """Write requests of one content down; gives how many are new.

        Raises:
            JobError: One is there already, and another.
        """
        contents: dict[str, list[Request]] = {}
        for request in requests:
            contents.setdefault(request.content, []).append(request)
        return sum([await self._plan(job, content, batch) for content, batch in contents.items()])

    async def _plan(self, job: str, content: str, requests: Sequence[Request]) -> int:
        name = hashlib.sha256(content.encode()).hexdigest()[:32]
        arguments: list[str | bytes | int] = [name, self._seal.close(f"{job}:{name}", content)]
        for one in requests:
            row = {"note": one.note, "key": one.key, "sender": one.sender, "to": list(one.to), "content": name}
            arguments += [one.number, json.dumps(row, separators=(",", ":")), len(one.to)]
        found = await self._surely(self.server.run, "plan", _keys(job)[:4], arguments)
        if found[0] == -1:
            raise JobError(f"the job {job!r} has another request {found[1]}: the notes or senders have changed")
        return int(found[0])

    async def planned(self, job: str, notes: int, invalid: int) -> None:
        """Note that the whole input is written down: so many notes, so many that could not be sent."""
        await self._surely(self.server.do, "HSET", _keys(job)[0], "notes", notes, "invalid", invalid)

    async def claim(self, job: str, number: int) -> Claim | NotClaimed:
        """Claim a request, which makes this process the only one to send it.

        Raises:
            RedisGoneError: No answer within `patience`: nothing may be sent.
        """
        token = secrets.token_hex(8)
        arguments = [number, token, round(self.lease * 1000)]
        answer = await self._surely(self.server.run, "claim", _keys(job), arguments)
        why = answer[0].decode()
        if why == "granted":
            return Claim(job, token, self._request(job, number, answer[1], answer[2]))
        if why in ("held", "later"):
            return NotClaimed(why, wait=max(0, float(answer[1])) / 1000)
        return NotClaimed(why, delivery=Delivery(answer[1].decode()) if why == "settled" else None)

    async def settle(self, claim: Claim, delivery: Delivery, detail: str = "") -> bool:
        """Write down what became of a claimed request; False where the claim is another's by now.

        Raises:
            RedisGoneError: No answer within `patience`; the request will be UNKNOWN.
        """
        return await self._settled(claim, str(delivery), detail, -1)

    async def unclaim(self, claim: Claim, again: float = 0.0) -> bool:
        """Give a claimed request back that certainly did nothing; it may be claimed again after so many seconds."""
        return await self._settled(claim, "", "", round(again * 1000))

    async def _settled(self, claim: Claim, delivery: str, detail: str, again: int) -> bool:
        arguments = [claim.request.number, claim.token, delivery, detail, again]
        return bool(await self._surely(self.server.run, "settle", _keys(claim.job), arguments))

    async def sweep(self, job: str, silence: float) -> list[tuple[int, int]]:
        """Settle lapsed claims as UNKNOWN; where a job has gone silent, give what is open, to be queued again.

        Returns:
            Number and sender of each.
        """
        keys = _keys(job)
        _, lost = await self.server.run("sweep", keys, [BATCH, round(silence * 1000)])
        return await self._with_senders(job, [int(number) for number in lost])

    async def open_requests(self, job: str) -> list[tuple[int, int]]:
        """Give number and sender of what is neither claimed nor settled."""
        found = await self._surely(self.server.do, "ZRANGE", _keys(job)[2], 0, -1)
        return await self._with_senders(job, [int(number) for number in found])

    async def _with_senders(self, job: str, numbers: list[int]) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for start in range(0, len(numbers), BATCH):
            batch = numbers[start : start + BATCH]
            rows = await self._surely(self.server.do, "HMGET", _keys(job)[1], *batch)
            found += [(number, json.loads(row)["sender"]) for number, row in zip(batch, rows, strict=True) if row]
        return found

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
            JobError: There is no such job.
        """
        row = await self._surely(self.server.do, "HGETALL", _keys(job)[0])
        if not row:
            raise JobError(f"there is no job {job!r}")
        kept = {key.decode(): value.decode() for key, value in row.items()}

        def counts(what: str) -> dict[Delivery, int]:
            found = {delivery: int(kept.get(f"{what}:{delivery}", 0)) for delivery in Delivery}
            return {delivery: count for delivery, count in found.items() if count}

        return Progress(
            state=kept["state"],
            rate=Rate(float(kept["rate"]), burst=float(kept["burst"])) if kept["rate"] else None,
            planned="notes" in kept,
            notes=int(kept.get("notes", 0)),
            invalid=int(kept.get("invalid", 0)),
            waiting=await self._surely(self.server.do, "ZCARD", _keys(job)[2]),
            requests=int(kept.get("requests", 0)),
            settled=counts("requests"),
            receivers=counts("receivers"),
            all_receivers=int(kept.get("receivers", 0)),
        )

    async def unsettled(self, job: str) -> list[Row]:
        """Give what was not accepted, or not yet, in the order of the input."""
        _, plan, _, _, records, _ = _keys(job)
        rows: list[Row] = []
        cursor: Any = 0
        while True:
            cursor, page = await self._surely(self.server.do, "HSCAN", plan, cursor, "COUNT", BATCH)
            numbers = list(page)
            found = await self._surely(self.server.do, "HMGET", records, *numbers) if numbers else []
            for number, record in zip(numbers, found, strict=True):
                row = _row(int(number), json.loads(page[number]), json.loads(record) if record else None)
                if row.delivery is not Delivery.ACCEPTED:
                    rows.append(row)
            if not cursor:
                return sorted({row.number: row for row in rows}.values(), key=lambda row: row.number)

    async def reopen(self, job: str, delivery: Delivery) -> int:
        """Let requests of a delivery be claimed again; gives how many."""
        numbers = [row.number for row in await self.unsettled(job) if row.delivery is delivery and row.ended]
        opened = 0
        for start in range(0, len(numbers), BATCH):
            arguments = [str(delivery), *numbers[start : start + BATCH]]
            opened += int(await self._surely(self.server.run, "reopen", _keys(job), arguments))
        return opened

    async def forget(self, job: str) -> None:
        """Remove everything of a job."""
        await self.server.do("DEL", *_keys(job))
        await self.retire(job)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.server.aclose()

    def _request(self, job: str, number: int, text: bytes, content: bytes) -> Request:
        row = json.loads(text)
        opened = self._seal.open(f"{job}:{row['content']}", content)
        return Request(number, row["note"], row["key"], row["sender"], tuple(row["to"]), opened)

    async def _surely(self, ask: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Ask until there is an answer; everything asked this way may be asked twice."""
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


def _keys(job: str) -> list[str]:
    return [f"aiocc:job:{job}{part}" for part in PARTS]


def _row(number: int, planned: dict[str, Any], record: dict[str, str] | None) -> Row:
    delivery = Delivery.NOT_SENT if record is None else Delivery(record.get("delivery", Delivery.UNKNOWN))
    ended = record is not None and "delivery" in record
    detail = "never settled by the process that claimed it" if record and record.get("lapsed") else ""
    if record is not None:
        detail = record.get("detail", detail)
    return Row(number, planned["note"], planned["key"], tuple(planned["to"]), delivery, ended, detail)
