"""Jobs in Redis: a request is claimed before it is sent, by one process, and settled after."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
import pytest
from cryptography.fernet import Fernet

from aiocc import Delivery
from aiocc.errors import ConfigurationError, JournalError, JournalInUseError, JournalMismatchError
from aiocc.integrations.redis import (
    NoSuchJobError,
    NotNowError,
    RedisGoneError,
    RedisJobs,
    RedisJournal,
    RedisLedger,
)
from aiocc.scopes.notes import Job, NoteRequest, Settlement

from .redis_server import RedisServer

SEAL = Fernet.generate_key().decode()
JOB = "spring"
ACCEPTED = Settlement(delivery=Delivery.ACCEPTED, at=1.0)


def request(number: int, content: str = "note") -> NoteRequest:
    """A request to two agents."""
    to = (31000 + number, 31500 + number)
    return NoteRequest(job=JOB, number=number, note=number, key="k", sender=101, receivers=to, content=content)


async def planned(url: str, count: int = 1, *, lease: float = 30, **settings: object) -> RedisJobs:
    """A job of so many requests."""
    jobs = RedisJobs(url, keys=SEAL, lease=lease, **settings)
    await jobs.begin(JOB)
    await jobs.plan(JOB, [request(number) for number in range(count)])
    await jobs.planned(JOB, notes=count)
    return jobs


def ledger(jobs: RedisJobs) -> RedisLedger:
    """A worker's account of the job."""
    return RedisLedger(jobs, JOB, queued=True)


async def refusal(jobs: RedisJobs, number: int = 0) -> str:
    """Say why a request cannot be claimed."""
    with pytest.raises(NotNowError) as refused:
        await ledger(jobs).claim(request(number))
    return refused.value.why


@pytest.fixture
async def jobs(redis_url: str) -> AsyncIterator[RedisJobs]:
    """A job of three requests."""
    one = await planned(redis_url, 3)
    yield one
    await one.aclose()


async def test_a_request_is_claimed_by_one_and_settled_by_it(jobs: RedisJobs):
    """A claimed request is nobody else's, and a settled one is never claimed again."""
    mine = ledger(jobs)

    assert await mine.claim(request(0)) is None
    assert "held" == await refusal(jobs)
    await mine.settle(request(0), ACCEPTED)
    assert ACCEPTED == await ledger(jobs).claim(request(0))
    assert {Delivery.ACCEPTED: 2} == (await jobs.progress(JOB)).receivers


async def test_a_settlement_whose_answer_was_lost_can_be_told_again(jobs: RedisJobs):
    """Settling twice is settling once; another fate than the first changes nothing."""
    mine = ledger(jobs)
    await mine.claim(request(0))
    tokens = dict(mine._tokens)
    await mine.settle(request(0), ACCEPTED)
    mine._tokens = dict(tokens)
    await mine.settle(request(0), ACCEPTED)
    mine._tokens = dict(tokens)
    with pytest.raises(JournalError, match="too late"):
        await mine.settle(request(0), Settlement(delivery=Delivery.REJECTED))

    assert {Delivery.ACCEPTED: 1} == (await jobs.progress(JOB)).settled


async def test_many_that_claim_at_once_are_given_it_once(jobs: RedisJobs):
    """Whatever the number of workers that have the same message, one may send."""
    told: list[str] = []

    async def claim() -> None:
        try:
            await ledger(jobs).claim(request(1))
            told.append("mine")
        except NotNowError as refused:
            told.append(refused.why)

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(claim)

    assert ["held"] * 49 + ["mine"] == sorted(told)


async def test_a_claim_that_is_never_settled_is_unknown_and_stays_so(redis_url: str):
    """A worker died: the request may have arrived, is named, and nobody sends it again by himself."""
    jobs = await planned(redis_url, lease=0.001)
    slow = ledger(jobs)
    await slow.claim(request(0))
    found = None
    while found is None:
        with suppress(NotNowError):
            found = await ledger(jobs).claim(request(0))

    assert Delivery.UNKNOWN is found.delivery
    (outcome,) = await jobs.unsettled(JOB)
    assert (Delivery.UNKNOWN, (31000, 31500)) == (outcome.delivery, outcome.to)
    assert "never settled" in str(outcome.reason)
    await slow.settle(request(0), ACCEPTED)  # it was only slow: nobody sent it again, so this stands
    assert {Delivery.ACCEPTED: 1} == (await jobs.progress(JOB)).settled
    await jobs.aclose()


async def test_sweeping_finds_what_died_and_what_the_queue_lost(redis_url: str):
    """Lapsed claims become UNKNOWN without anybody claiming them; open requests of a silent job are queued again."""
    jobs = await planned(redis_url, 2, lease=0.001)
    await ledger(jobs).claim(request(0))
    with anyio.fail_after(20):
        while Delivery.UNKNOWN not in (await jobs.progress(JOB)).settled:
            assert [] == await jobs.sweep(JOB, silence=60)

    assert [request(1).hash] == [one.hash for one in await jobs.sweep(JOB, silence=0)]
    assert [JOB] == await jobs.jobs()
    await jobs.aclose()


async def test_only_who_continues_opens_what_was_settled(jobs: RedisJobs):
    """REJECTED, and at the user's word UNKNOWN, can be claimed again; the old claim then settles nothing."""
    old, new = ledger(jobs), ledger(jobs)
    await old.claim(request(0))
    tokens = dict(old._tokens)
    await old.settle(request(0), Settlement(delivery=Delivery.UNKNOWN, reason="reset"))

    assert 0 == await jobs.reopen(JOB, Delivery.REJECTED)
    assert 1 == await jobs.reopen(JOB, Delivery.UNKNOWN)
    assert {} == (await jobs.progress(JOB)).settled
    assert await new.claim(request(0)) is None
    old._tokens = tokens
    with pytest.raises(JournalError, match="too late"):
        await old.settle(request(0), ACCEPTED)
    refused = await new.settle(request(0), Settlement(delivery=Delivery.REJECTED))
    assert Delivery.UNKNOWN is refused.delivery  # the first may have arrived, whatever became of the second


async def test_what_is_opened_for_later_waits(jobs: RedisJobs):
    """A request can be kept back for a while."""
    mine = ledger(jobs)
    await mine.claim(request(0))
    await mine.settle(request(0), Settlement(delivery=Delivery.REJECTED))
    await jobs.reopen(JOB, Delivery.REJECTED, after=60)

    assert "later" == await refusal(jobs)


@pytest.mark.parametrize("state", ["paused", "cancelled"])
async def test_nothing_is_claimed_of_a_job_that_is_not_open(jobs: RedisJobs, state: str):
    """What is on its way ends; the rest waits."""
    mine = ledger(jobs)
    await mine.claim(request(0))
    await jobs.set_state(JOB, state)

    assert state == await refusal(jobs, 1)
    await mine.settle(request(0), ACCEPTED)
    assert [] == await jobs.sweep(JOB, silence=0)
    await jobs.set_state(JOB, "open")
    assert await mine.claim(request(1)) is None


async def test_the_same_plan_twice_is_one(jobs: RedisJobs):
    """Continuing writes down what is missing, and refuses another job under the name."""
    assert not await jobs.begin(JOB, "digest")
    with pytest.raises(JournalMismatchError, match="another one"):
        await jobs.begin(JOB, "another digest")
    assert 1 == await jobs.plan(JOB, [request(2), request(3)])
    with pytest.raises(JournalMismatchError, match="request 3"):
        await jobs.plan(JOB, [request(3, "another note")])
    with pytest.raises(JournalMismatchError, match="request 2"):
        await ledger(jobs).claim(request(2, "another note"))
    assert (4, 8) == ((await jobs.progress(JOB)).requests, (await jobs.progress(JOB)).all_receivers)


async def test_what_is_forgotten_is_gone(jobs: RedisJobs):
    """Nothing of a forgotten job is left, and nothing of it is sent."""
    await jobs.forget(JOB)

    assert "gone" == await refusal(jobs)
    with pytest.raises(NoSuchJobError):
        await jobs.progress(JOB)
    assert [] == await jobs.server.do("KEYS", "*")


async def test_contents_are_sealed(jobs: RedisJobs):
    """What a note says is not to be read in Redis."""
    await jobs.plan(JOB, [request(7, "a private word")])
    kept = await jobs.server.do("HVALS", f"aiocc:job:{JOB}:contents")

    assert not [text for text in kept if b"private" in text]
    assert "a private word" in [one.content for one in await jobs.open_requests(JOB)]


@pytest.mark.parametrize(
    ("setting", "value"), [("appendfsync", "everysec"), ("appendonly", "no"), ("maxmemory-policy", "allkeys-lru")]
)
async def test_a_redis_that_may_forget_is_refused(redis_url: str, setting: str, value: str):
    """A ledger that loses a claim would send twice: Redis must write before it answers, and evict nothing."""
    jobs, careless = RedisJobs(redis_url, keys=SEAL), RedisJobs(redis_url, keys=SEAL, durable=False)
    before = (await jobs.server.do("CONFIG GET", setting))[setting]
    await jobs.server.do("CONFIG SET", setting, value)
    try:
        with pytest.raises(ConfigurationError, match=f"Redis has {setting} {value}"):
            await jobs.begin(JOB)
        assert await careless.begin(JOB)
    finally:
        await jobs.server.do("CONFIG SET", setting, before)
    await jobs.aclose()
    await careless.aclose()


async def test_a_killed_redis_forgets_nothing(own_redis: RedisServer):
    """Whatever was answered is there after Redis was killed; while it is gone nothing is claimed."""
    jobs = await planned(own_redis.url, 2, patience=0.1)
    mine = ledger(jobs)
    await mine.claim(request(0))
    await mine.settle(request(0), ACCEPTED)
    await mine.claim(request(1))
    own_redis.stop(signal.SIGKILL)
    with pytest.raises(RedisGoneError):
        await ledger(jobs).claim(request(1))
    own_redis.start()

    assert ACCEPTED == await ledger(jobs).claim(request(0))
    assert "held" == await refusal(jobs, 1)
    await jobs.aclose()


async def test_a_claim_waits_for_redis(own_redis: RedisServer):
    """A short absence of Redis costs time, and nothing else."""
    jobs = await planned(own_redis.url)
    own_redis.stop()
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.to_thread.run_sync, own_redis.start)
        assert await ledger(jobs).claim(request(0)) is None
    await jobs.aclose()


@pytest.mark.parametrize(
    ("trouble", "cure"),
    [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
    ],
    ids=["full", "a replica"],
)
async def test_a_claim_waits_for_a_redis_that_cannot_write(own_redis: RedisServer, trouble: str, cure: str):
    """After a failover the one that led may answer as a replica; a full one writes again once there is room."""
    jobs = await planned(own_redis.url)
    await jobs.server.do(*trouble.split())
    hasty = RedisJobs(own_redis.url, keys=SEAL, patience=0.01, durable=False)
    with pytest.raises(RedisGoneError):
        await ledger(hasty).claim(request(0))
    async with anyio.create_task_group() as group:
        group.start_soon(ledger(jobs).claim, request(0))
        await jobs.server.do(*cure.split())

    assert "held" == await refusal(jobs)
    await hasty.aclose()
    await jobs.aclose()


async def test_a_journal_in_redis_has_one_runner_and_lets_claims_of_a_dead_one_lapse(redis_url: str):
    """It is a store like the file: a second runner is refused, and what the first left claimed is UNKNOWN."""
    jobs = RedisJobs(redis_url, keys=SEAL)
    journal = RedisJournal(jobs, JOB)
    async with journal.open(Job(name=JOB, digest="digest")) as account:
        assert await account.claim(request(0)) is None
        assert await account.claim(request(1)) is None
        await account.settle(request(1), Settlement(delivery=Delivery.REJECTED))
        with pytest.raises(JournalInUseError, match="wait until that one has ended, or give another name"):
            async with journal.open(Job(name=JOB, digest="digest")):
                pass
    with pytest.raises(JournalMismatchError, match="give another name, or the notes it was begun with"):
        async with journal.open(Job(name=JOB, digest="another")):
            pass
    async with journal.open(Job(name=JOB, digest="digest")) as account:
        assert 2 == account.fresh_from
        lapsed = await account.claim(request(0))
        assert lapsed is not None
        assert Delivery.UNKNOWN is lapsed.delivery
        assert await account.claim(request(1)) is None
        assert await account.claim(request(0), resend_unknown=True) is None
    await jobs.aclose()
