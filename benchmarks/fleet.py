"""A rate that a fleet of processes keeps: how often notes reach the simulator, between two looks at its ledger.

A process of the fleet is `python -m benchmarks.fleet`, told by its environment; it sends until it is killed.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from typing import Final

import anyio
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from aiocc import Client, Rate, Service
from aiocc.integrations.redis import FleetLimiter
from aiocc.simulator import Simulator, World
from benchmarks.processes import alarm, ended

RATE: Final = 200.0
CALLERS: Final = 16
"""In each process."""

RECEIVER: Final = 31_000
JOINED: Final = "benchmark:joined"
SETTLING: Final = 2.0
"""Seconds after all have joined in which each hears of the others."""

PATIENCE: Final = 120.0


def measure(redis: str, processes: int, seconds: float) -> dict[str, float]:
    """Let so many processes keep one rate, and count when all of them have joined."""
    with ExitStack() as stack:
        # A note tells its receiver's session, and keeps no more than it must.
        simulator = stack.enter_context(Simulator(tls=False, world=World(note_content=False)))
        known = stack.enter_context(Redis.from_url(redis))
        known.flushall()
        environment = {
            **os.environ,
            **simulator.environment,
            "BENCHMARK_REDIS": redis,
            "BENCHMARK_PROCESSES": str(processes),
        }
        command = [sys.executable, "-m", "benchmarks.fleet"]
        running = [stack.enter_context(ended(command, env=environment)) for _ in range(processes)]
        watch = stack.enter_context(alarm(PATIENCE + seconds, running))
        while int(known.get(JOINED) or 0) < processes and not watch.is_set():
            time.sleep(0.02)
        time.sleep(SETTLING)
        first, began = len(simulator.requests), time.monotonic()
        time.sleep(seconds)
        last, stopped = len(simulator.requests), time.monotonic()
        if watch.is_set() or any(one.poll() is not None for one in running):
            raise TimeoutError(f"{processes} processes did not keep a rate for {seconds:g} s")
    found = (last - first) / (stopped - began)
    return {"processes": processes, "asked": RATE, "found": found, "of asked": found / RATE}


async def work() -> None:
    """Send one note, wait for all others of the fleet, and send as often as is let through."""
    redis, processes = os.environ["BENCHMARK_REDIS"], int(os.environ["BENCHMARK_PROCESSES"])
    limiter = FleetLimiter(redis, "benchmark", rate=Rate(RATE), answer_within=5)
    gateway = Service(os.environ["AIOCC_GATEWAY_URL"], limiter=limiter)
    async with Client(gateway=gateway) as client, AsyncRedis.from_url(redis) as known:
        agent = client.agent(int(os.environ["AIOCC_AGENT_ID"]), guid=os.environ["AIOCC_AGENT_GUID"])
        await agent.send_note([RECEIVER], "one of a fleet")
        await known.incr(JOINED)
        while int(await known.get(JOINED) or 0) < processes:  # noqa: ASYNC110 - others are other processes
            await anyio.sleep(0.02)

        async def caller() -> None:
            while True:
                await agent.send_note([RECEIVER], "one of a fleet")

        async with anyio.create_task_group() as group:
            for _ in range(CALLERS):
                group.start_soon(caller)


if __name__ == "__main__":
    anyio.run(work)
