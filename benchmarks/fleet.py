"""One process of a fleet that keeps a rate: `python -m benchmarks.fleet REDIS RATE SECONDS`, told when to begin."""

from __future__ import annotations

import sys
import time

import anyio

from aiocc import Rate
from aiocc.integrations.redis import FleetLimiter


async def work(redis: str, rate: float, seconds: float) -> int:
    """Go as often as is let through, and count what goes in the given time."""
    limiter = FleetLimiter(redis, "benchmark", rate=Rate(rate), answer_within=5)
    await limiter.acquire(anyio.current_time() + 30)
    limiter.release()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    begin = float(await anyio.to_thread.run_sync(sys.stdin.readline))
    went = 0

    async def caller() -> None:
        nonlocal went
        while time.time() < begin + seconds:
            if await limiter.acquire(anyio.current_time() + 5):
                went += begin <= time.time() < begin + seconds
                limiter.release()

    async with anyio.create_task_group() as group:
        for _ in range(32):
            group.start_soon(caller)
    await limiter.aclose()
    return went


if __name__ == "__main__":
    sys.stdout.write(f"{anyio.run(work, sys.argv[1], *map(float, sys.argv[2:]))}\n")
