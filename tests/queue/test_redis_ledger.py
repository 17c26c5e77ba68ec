"""The ledger in Redis: a request is claimed before it is sent, by one process, and settled after."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import anyio
import pytest
from cryptography.fernet import Fernet

from aiocc import Delivery
from aiocc.errors import ConfigurationError
from aiocc.integrations.redis import JobError, RedisGoneError, RedisLedger
from aiocc.integrations.redis.ledger import Claim, NotClaimed, Request

from .redis_server import RedisServer

SEAL = Fernet.generate_key().decode()
JOB = "spring"


def request(number: int) -> Request:
    """A request to two agents."""
    return Request(number, number, f"key-{number}", 101, (31000 + number, 31500 + number), f"note {number}")


async def planned(url: str, count: int = 1, *, lease: float = 30, **settings: object) -> RedisLedger:
    """A ledger with a job of so many requests."""
    ledger = RedisLedger(url, keys=SEAL, lease=lease, **settings)
    await ledger.begin(JOB, "fingerprint")
    await ledger.plan(JOB, [request(number) for number in range(count)])
    await ledger.planned(JOB, count, 0)
    return ledger


@pytest.fixture
async def ledger(redis_url: str) -> AsyncIterator[RedisLedger]:
    """A job of three requests."""
    one = await planned(redis_url, 3)
    yield one
    await one.aclose()


async def claimed(ledger: RedisLedger, number: int = 0) -> Claim:
    """Claim what is free."""
    claim = await ledger.claim(JOB, number)
    assert isinstance(claim, Claim)
    return claim


async def test_a_request_is_claimed_by_one_and_settled_by_it(ledger: RedisLedger):
    """A claimed request is nobody else's, and a settled one is never claimed again."""
    claim = await claimed(ledger)
    held = await ledger.claim(JOB, 0)

    assert request(0) == claim.request
    assert isinstance(held, NotClaimed)
    assert ("held", True) == (held.why, 0 < held.wait <= 30)
    assert await ledger.settle(claim, Delivery.ACCEPTED)
    assert await ledger.settle(claim, Delivery.ACCEPTED)  # its answer was lost: told twice
    assert NotClaimed("settled", delivery=Delivery.ACCEPTED) == await ledger.claim(JOB, 0)
    assert {Delivery.ACCEPTED: 2} == (await ledger.progress(JOB)).receivers


async def test_many_that_claim_at_once_are_given_it_once(ledger: RedisLedger):
    """Whatever the number of workers that have the same message, one may send."""
    claims: list[object] = []

    async def claim() -> None:
        claims.append(await ledger.claim(JOB, 1))

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(claim)

    assert 1 == sum(isinstance(one, Claim) for one in claims)


async def test_a_claim_that_is_never_settled_is_unknown_and_stays_so(redis_url: str):
    """A worker died: the request may have arrived, is named, and nobody sends it again by himself."""
    ledger = await planned(redis_url, lease=0.001)
    claim = await claimed(ledger)
    found = None
    while found is None or found.why == "held":
        found = await ledger.claim(JOB, 0)
        assert isinstance(found, NotClaimed)

    assert NotClaimed("settled", delivery=Delivery.UNKNOWN) == found
    (row,) = await ledger.unsettled(JOB)
    assert (Delivery.UNKNOWN, True, claim.request.to) == (row.delivery, row.ended, row.to)
    assert "never settled" in row.detail
    assert await ledger.settle(claim, Delivery.ACCEPTED)  # it was only slow: nobody sent it again, so this stands
    assert {Delivery.ACCEPTED: 1} == (await ledger.progress(JOB)).settled
    await ledger.aclose()


async def test_sweeping_finds_what_died_and_what_the_queue_lost(redis_url: str):
    """Lapsed claims become UNKNOWN without anybody claiming them; open requests of a silent job are queued again."""
    ledger = await planned(redis_url, 2, lease=0.001)
    await claimed(ledger)
    with anyio.fail_after(20):
        while Delivery.UNKNOWN not in (await ledger.progress(JOB)).settled:
            lost = await ledger.sweep(JOB, 60)
            assert [] == lost

    assert [(1, 101)] == await ledger.sweep(JOB, 0)
    assert [JOB] == await ledger.jobs()
    await ledger.aclose()


async def test_only_who_continues_opens_what_was_settled(ledger: RedisLedger):
    """REJECTED, and at the user's word UNKNOWN, can be claimed again; the old claim then settles nothing."""
    old = await claimed(ledger)
    await ledger.settle(old, Delivery.UNKNOWN, "the answer was lost")

    assert 0 == await ledger.reopen(JOB, Delivery.REJECTED)
    assert 1 == await ledger.reopen(JOB, Delivery.UNKNOWN)
    assert {} == (await ledger.progress(JOB)).settled
    new = await claimed(ledger)
    assert not await ledger.settle(old, Delivery.ACCEPTED)
    assert await ledger.settle(new, Delivery.ACCEPTED)


async def test_what_certainly_did_nothing_is_given_back(ledger: RedisLedger):
    """A request that was not sent can be claimed again, at once or later."""
    assert await ledger.unclaim(await claimed(ledger))
    assert await ledger.unclaim(await claimed(ledger), 60)
    later = await ledger.claim(JOB, 0)

    assert isinstance(later, NotClaimed)
    assert ("later", True) == (later.why, 59 < later.wait <= 60)


@pytest.mark.parametrize("state", ["paused", "cancelled"])
async def test_nothing_is_claimed_of_a_job_that_is_not_open(ledger: RedisLedger, state: str):
    """What is on its way ends; the rest waits."""
    claim = await claimed(ledger)
    await ledger.set_state(JOB, state)

    assert NotClaimed(state) == await ledger.claim(JOB, 1)
    assert await ledger.settle(claim, Delivery.ACCEPTED)
    assert [] == await ledger.sweep(JOB, 0)
    await ledger.set_state(JOB, "open")
    await claimed(ledger, 1)


async def test_the_same_plan_twice_is_one(ledger: RedisLedger):
    """Continuing writes down what is missing, and refuses another job under the name."""
    assert not await ledger.begin(JOB, "fingerprint")
    assert 1 == await ledger.plan(JOB, [request(2), request(3)])
    with pytest.raises(JobError, match="another one"):
        await ledger.begin(JOB, "other")
    with pytest.raises(JobError, match="another request 3"):
        await ledger.plan(JOB, [Request(3, 3, "key-3", 101, (31003,), "note 3")])
    assert (4, 8) == ((await ledger.progress(JOB)).requests, (await ledger.progress(JOB)).all_receivers)


async def test_what_is_forgotten_is_gone(ledger: RedisLedger):
    """Nothing of a forgotten job is left, and nothing of it is sent."""
    await ledger.forget(JOB)

    assert NotClaimed("gone") == await ledger.claim(JOB, 0)
    with pytest.raises(JobError, match="no job"):
        await ledger.progress(JOB)
    assert [] == await ledger.server.do("KEYS", "*")


@pytest.mark.parametrize(
    ("setting", "value"), [("appendfsync", "everysec"), ("appendonly", "no"), ("maxmemory-policy", "allkeys-lru")]
)
async def test_a_redis_that_may_forget_is_refused(redis_url: str, setting: str, value: str):
    """A ledger that loses a claim would send twice: Redis must write before it answers, and evict nothing."""
    ledger, careless = RedisLedger(redis_url, keys=SEAL), RedisLedger(redis_url, keys=SEAL, durable=False)
    before = (await ledger.server.do("CONFIG GET", setting))[setting]
    await ledger.server.do("CONFIG SET", setting, value)
    try:
        with pytest.raises(ConfigurationError, match=f"Redis has {setting} {value}"):
            await ledger.begin(JOB, "fingerprint")
        assert await careless.begin(JOB, "fingerprint")
    finally:
        await ledger.server.do("CONFIG SET", setting, before)
    await ledger.aclose()
    await careless.aclose()


async def test_a_killed_redis_forgets_nothing(own_redis: RedisServer):
    """Whatever was answered is there after Redis was killed; while it is gone nothing is claimed."""
    ledger = await planned(own_redis.url, 2, patience=0.1)
    await ledger.settle(await claimed(ledger), Delivery.ACCEPTED)
    await claimed(ledger, 1)
    own_redis.stop(signal.SIGKILL)
    with pytest.raises(RedisGoneError):
        await ledger.claim(JOB, 1)
    own_redis.start()

    assert NotClaimed("settled", delivery=Delivery.ACCEPTED) == await ledger.claim(JOB, 0)
    held = await ledger.claim(JOB, 1)
    assert isinstance(held, NotClaimed)
    assert "held" == held.why
    await ledger.aclose()


async def test_a_claim_waits_for_redis(own_redis: RedisServer):
    """A short absence of Redis costs time, and nothing else."""
    ledger = await planned(own_redis.url)
    own_redis.stop()
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.to_thread.run_sync, own_redis.start)
        await claimed(ledger)
    await ledger.aclose()
