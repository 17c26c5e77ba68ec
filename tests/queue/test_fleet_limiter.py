"""A limit that processes keep together."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import inf

import anyio
import anyio.lowlevel
import pytest
import redis

from aiocc import Rate
from aiocc.errors import ConfigurationError
from aiocc.integrations.redis import FleetLimiter

from .redis_server import RedisServer


@asynccontextmanager
async def limiters(url: str, count: int, **limits: object) -> AsyncIterator[list[FleetLimiter]]:
    """As many as processes would have."""
    made = [FleetLimiter(url, "fleet", **limits) for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            await one.aclose()


async def soon() -> float:
    """Give a deadline that is near."""
    return anyio.current_time() + 0.1


def held(url: str) -> int:
    """Count the slots that are taken at Redis."""
    with redis.Redis.from_url(url) as client:
        return client.zcard("aiocc:limit:fleet:slots")


async def until(true: Callable[[], bool]) -> None:
    """Look every few milliseconds."""
    with anyio.fail_after(20):
        while not true():  # noqa: ASYNC110 - what is looked at lives in another process
            await anyio.sleep(0.005)


@pytest.mark.parametrize("processes", [1, 4])
def test_a_fleet_never_goes_faster_than_its_rate(redis_url: str, processes: int):
    """However many processes share a rate, in no time do more requests go than it allows."""
    command = [sys.executable, "-m", "tests.queue.fleet", "pace", str(processes), redis_url, "200", "0.5"]
    run = subprocess.run(command, input="go\n", capture_output=True, text=True, check=True, timeout=60)
    told = json.loads(run.stdout.splitlines()[1])
    went = sorted(at for one in told for at in one["went"])

    assert went
    assert len(went) <= 1 + 200 * (went[-1] - min(one["began"] for one in told) + 0.25)


async def test_slots_are_counted_over_all(redis_url: str):
    """A fleet has no more requests on their way than its limit, and a slot that is given back serves another."""
    async with limiters(redis_url, 2, concurrency=3) as (one, other):
        assert [True, True, True] == [await each.acquire(inf) for each in (one, other, one)]
        assert not await other.acquire(await soon())
        one.release()
        assert await other.acquire(anyio.current_time() + 20)

    assert 0 == held(redis_url)


async def test_a_cancelled_wait_takes_nothing(redis_url: str):
    """A request that is cancelled while it waits leaves its slot and its place in the rate to others."""
    async with limiters(redis_url, 1, rate=Rate(0.5), concurrency=5) as (one,):
        assert await one.acquire(inf)
        with anyio.move_on_after(0.01):
            await one.acquire(inf)
        one.release()
        await until(lambda: held(redis_url) == 0)

        assert not await one.acquire(anyio.current_time() + 0.05)


async def test_all_who_wait_are_asked_for_at_once(redis_url: str):
    """How often a process may go does not depend on how long Redis takes to answer."""
    went: list[bool] = []
    async with limiters(redis_url, 1, rate=Rate(1000, burst=100)) as (one,):

        async def caller() -> None:
            went.append(await one.acquire(inf))

        with redis.Redis.from_url(redis_url) as client:
            client.config_resetstat()
            async with anyio.create_task_group() as group:
                for _ in range(64):
                    group.start_soon(caller)
            scripts = client.info("commandstats")["cmdstat_zadd"]["calls"], client.info("commandstats")
        assert 64 == held(redis_url)

    assert [True] * 64 == went
    assert 64 <= scripts[0] <= 67  # a slot for each, and the process itself
    assert sum(found["calls"] for name, found in scripts[1].items() if name.startswith("cmdstat_eval")) <= 8


async def test_who_waits_no_more_leaves_what_was_fetched_to_others(redis_url: str):
    """A place that came for a request that is cancelled meanwhile, at whatever step, is given back."""
    for step in range(12):
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
        async with limiters(redis_url, 1, rate=Rate(100), concurrency=9) as (one,):
            assert await one.acquire(inf)
            async with anyio.create_task_group() as group:
                with anyio.CancelScope() as leaving:
                    async with anyio.create_task_group() as others:
                        for which in (group, others, group, others):
                            which.start_soon(one.acquire, inf)
                        for _ in range(step * 2):
                            await anyio.lowlevel.checkpoint()
                        leaving.cancel()
            await until(lambda: held(redis_url) == 3)
            with redis.Redis.from_url(redis_url) as client:
                seconds, micro = client.time()
                due = int(client.get("aiocc:limit:fleet:due"))
            assert due <= seconds * 1_000_000 + micro + 10_000


async def test_what_cannot_be_in_time_is_refused_at_once(redis_url: str):
    """A place that comes after the deadline is not waited for."""
    async with limiters(redis_url, 1, rate=Rate(0.001)) as (one,):
        assert await one.acquire(inf)
        assert not await one.acquire(anyio.current_time() + 900)


async def test_a_dead_process_holds_its_slots_no_longer_than_its_lease(redis_url: str):
    """Slots of a process that says nothing are free again after a while."""
    async with limiters(redis_url, 1, concurrency=1) as (living,):
        with redis.Redis.from_url(redis_url) as client:
            seconds, micro = client.time()
            client.zadd("aiocc:limit:fleet:slots", {"of a dead one": seconds * 1_000_000 + micro + 50_000})

        assert await living.acquire(anyio.current_time() + 20)


async def test_without_redis_each_keeps_to_its_share(own_redis: RedisServer, caplog: pytest.LogCaptureFixture):
    """When Redis is gone the shares of all processes are the limit exactly, they say so, and they come back."""
    limits = {"concurrency": 5, "lease": 0.3, "answer_within": 0.5}
    async with limiters(own_redis.url, 2, **limits) as both:
        for one in both:
            assert await one.acquire(inf)
            one.release()
        await until(lambda: [2, 2] == [one.processes for one in both])
        own_redis.stop()
        await until(lambda: all(one.alone for one in both))
        granted = [sum([await one.acquire(await soon()) for _ in range(5)]) for one in both]
        assert [2, 3] == sorted(granted)
        assert 2 == sum("keeps to its share" in record.message for record in caplog.records)
        own_redis.start()
        await until(lambda: not any(one.alone for one in both))
        assert not await both[0].acquire(await soon())
        for one, count in zip(both, granted, strict=True):
            for _ in range(count):
                one.release()
        await until(lambda: held(own_redis.url) == 0)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"rate": 5}, {"concurrency": 0}, {"concurrency": 1, "processes": 0}, {"concurrency": 1, "lease": 0}],
    ids=str,
)
def test_a_wrong_argument_is_refused(wrong: dict[str, object]):
    """Bad settings fail when the limiter is made."""
    with pytest.raises(ConfigurationError):
        FleetLimiter("redis://127.0.0.1:1", "fleet", **wrong)


def test_another_address_than_a_redis_is_refused():
    """Only a Redis keeps a limit, and the address, which may hold a password, is not shown."""
    with pytest.raises(ConfigurationError, match="redis must be a URL") as refused:
        FleetLimiter("https://secret@127.0.0.1", "fleet", concurrency=1)
    assert "secret" not in str(refused.value)


@pytest.fixture(autouse=True)
def warnings_are_seen(caplog: pytest.LogCaptureFixture) -> None:
    """What the limiter says is part of what it promises."""
    caplog.set_level(logging.WARNING, "aiocc")
