"""Whether a saturated slow host slows a fast one: the fast one's median, alone and beside it, in turns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from statistics import median
from typing import Final

import httpx

from aiocc import Client, LeaveMessage, PoolLimits, Service, Timeouts
from aiocc.auth import CookieToken
from benchmarks.backends import Backend
from benchmarks.bench import Bench
from benchmarks.contenders.httpx_client import HttpxCall, limits
from benchmarks.contenders.typed_call import TypedCall, service
from benchmarks.job import Job, say
from benchmarks.load import Call, measure, warm
from benchmarks.note import PATIENCE
from benchmarks.results import Results

DELAY: Final = 0.2
"""Seconds that the slow host takes."""

SLOW_TASKS: Final = 40
SLOW_CONNECTIONS: Final = 10
FAST_TASKS: Final = 10

Close = Callable[[], Awaitable[None]]


async def work(job: Job, backend: Backend) -> None:
    """Measure alone and beside, in turns; the slow load is over its connections by far."""
    fast, slow, close = _typed(job) if job.contender == "aiocc" else _shared(job)
    await warm(fast, backend, FAST_TASKS)
    alone: list[float] = []
    beside: list[float] = []
    done = False

    async def saturate() -> None:
        while not done:
            await slow()

    async def measured() -> None:
        nonlocal done
        await backend.sleep(DELAY)
        beside.append((await measure(fast, backend, FAST_TASKS, job.seconds)).p50_ms)
        done = True

    for _ in range(int(job.extra["rounds"])):
        alone.append((await measure(fast, backend, FAST_TASKS, job.seconds)).p50_ms)
        done = False
        await backend.together([*[saturate] * SLOW_TASKS, measured])
    await close()
    say(
        alone_ms=median(alone),
        beside_ms=median(beside),
        change=median(two / one for one, two in zip(alone, beside, strict=True)) - 1,
    )


def run(bench: Bench, results: Results) -> None:
    """Measure aiocc, a pool for each host, and httpx, one pool for all."""
    if not bench.server.slow:
        bench.server.start_slow(DELAY)
    found: dict[str, float] = {}
    rounds = 1 if bench.options.quick else 5
    for name in ("aiocc", "httpx"):
        job = bench.job("neighbour", name, connections=FAST_TASKS, rounds=rounds, slow=bench.server.slow)
        facts = bench.once(job)
        found |= {
            f"{name} alone ms": facts["alone_ms"],
            f"{name} beside ms": facts["beside_ms"],
            f"{name} change %": facts["change"] * 100,
        }
    results.parts["neighbour"] = found


def _typed(job: Job) -> tuple[Call, Call, Close]:
    """One client of two services."""
    slow_service = Service(
        job.extra["slow"],
        auth=CookieToken("a-token"),
        pool=PoolLimits(max_connections=SLOW_CONNECTIONS),
        timeouts=Timeouts(queue=PATIENCE, read=PATIENCE, total=PATIENCE),
    )
    client = Client(gateway=service(job.target), webadapter=slow_service)
    message = LeaveMessage(phone_no="123456", content="please call back")

    async def slow() -> None:
        await client.send(message)

    return TypedCall(client).call, slow, client.aclose


def _shared(job: Job) -> tuple[Call, Call, Close]:
    """One httpx client, whose one pool has room for as many connections as aiocc's two together."""
    allowed = limits(job.target)
    client = httpx.AsyncClient(
        verify=job.target.context() or True,
        limits=httpx.Limits(
            max_connections=FAST_TASKS + SLOW_CONNECTIONS,
            max_keepalive_connections=FAST_TASKS + SLOW_CONNECTIONS,
            keepalive_expiry=allowed.keepalive_expiry,
        ),
        timeout=PATIENCE,
        trust_env=False,
    )

    async def slow() -> None:
        await client.post(job.extra["slow"], content=b"{}")

    return HttpxCall(client, job.target.url).call, slow, client.aclose
