"""A fleet of processes for a test, forked: `python -m tests.queue.fleet WHAT PROCESSES [ARGUMENT]...`.

Each child says that it is ready, waits for a line, does its part, and prints what it saw as one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from aiocc import Client, Rate, Service
from aiocc.auth import AppKey
from aiocc.integrations.redis import FleetLimiter, RedisStore

Wait = Callable[[], Awaitable[None]]


async def tokens(wait: Wait, redis: str, seal: str, fabric: str, *app: str) -> list[str]:
    """Place a call before the wait and one after it."""
    store = RedisStore(redis, keys=seal, answer_within=10)
    async with Client(fabric=Service(fabric, auth=AppKey(*app, store=store))) as client:
        placed = [(await client.create_call(called="88884432")).call_serial_no]
        await wait()
        placed.append((await client.create_call(called="88884432")).call_serial_no)
    await store.aclose()
    return [str(one) for one in placed]


async def pace(wait: Wait, redis: str, per_second: str, seconds: str) -> dict[str, Any]:
    """Go as often as a limit lets this process, and count."""
    limiter = FleetLimiter(redis, "fleet", rate=Rate(float(per_second)), answer_within=5)
    await limiter.acquire(anyio.current_time() + 10)  # so that the fleet is known before the wait
    limiter.release()
    await wait()
    began = time.monotonic()
    until = began + float(seconds)
    went: list[float] = []

    async def caller() -> None:
        while time.monotonic() < until:
            if await limiter.acquire(anyio.current_time() + 5):
                went.append(time.monotonic())
                limiter.release()

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(caller)
    await limiter.aclose()
    return {"began": began, "went": went}


async def _child(what: str, arguments: list[str]) -> None:
    async def wait() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await anyio.to_thread.run_sync(sys.stdin.readline)

    sys.stdout.write(json.dumps(await {"tokens": tokens, "pace": pace}[what](wait, *arguments)) + "\n")
    sys.stdout.flush()


def main(what: str, processes: int, arguments: list[str]) -> None:
    """Fork, each child with pipes of its own, and pass lines between them and this process's streams."""
    children: list[tuple[int, Any, Any]] = []
    for _ in range(processes):
        (in_read, in_write), (out_read, out_write) = os.pipe(), os.pipe()
        process = os.fork()
        if process == 0:
            os.dup2(in_read, 0)
            os.dup2(out_write, 1)
            sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
            anyio.run(_child, what, arguments)
            os._exit(0)
        os.close(in_read)
        os.close(out_write)
        children.append((process, os.fdopen(in_write, "w"), os.fdopen(out_read)))
    for _, _, told in children:
        assert told.readline() == "ready\n"
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for _, asked, _ in children:
        asked.write("go\n")
        asked.flush()
    sys.stdout.write(json.dumps([json.loads(told.readline()) for _, _, told in children]) + "\n")
    for process, _, _ in children:
        os.waitpid(process, 0)


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
