"""`python -m benchmarks.queue`: a fan-out over a queue by 1 to 8 workers, and a rate kept by 1 to 16 processes.

The gateway is a process that answers after 5 ms, Redis one that writes to disk before it answers. Both run on the
same cores as the workers: the table says who used them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Final
from urllib.parse import urlsplit

import anyio
from cryptography.fernet import Fernet
from redis import Redis

from aiocc.integrations.redis import NoSuchJobError, RedisJobs
from benchmarks.fleet import measure
from benchmarks.processes import children, connections, cpu, free_port, machine, process, redis_server, wait_for

CORES: Final = len(os.sched_getaffinity(0))
LATENCY: Final = 0.005
TASKS: Final = 16
"""Requests on their way in each worker."""

IN_A_REQUEST: Final = 100
WORKERS: Final = (1, 2, 4, 8)
PROCESSES: Final = (1, 2, 4, 8, 16)
STREAM: Final = "aiocc"
HELD: Final = "benchmark:held"
RELEASE: Final = """
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
    redis.call('XADD', KEYS[2], '*', unpack(entry[2]))
end
redis.call('DEL', KEYS[1])
"""
"""Puts what was held into the queue, at one moment."""

BUSY: Final = 0.9
"""Share of its time in which what is busy for that long does no more."""

PATIENCE: Final = 120.0
"""Seconds for anything that is waited for: what takes longer has failed."""


def main() -> int:
    """Measure both, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queue", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="cut short: for function, not for figures")
    parser.add_argument("--json", help="write the figures there")
    chosen = parser.parse_args()
    if shutil.which("redis-server") is None:
        sys.stdout.write("no redis-server on this machine\n")
        return 3
    with ExitStack() as stack:
        redis, gateway = free_port(), free_port()
        pids = {
            "redis": stack.enter_context(redis_server(redis)),
            "gateway": stack.enter_context(process("-m", "benchmarks.servers.slow", str(gateway), str(LATENCY))),
        }
        for port in (redis, gateway):
            wait_for(port)
        environment = {
            **os.environ,
            "BENCHMARK_REDIS": f"redis://127.0.0.1:{redis}/0",
            "BENCHMARK_GATEWAY": f"http://127.0.0.1:{gateway}",
            "BENCHMARK_SEAL": Fernet.generate_key().decode(),
        }
        rates = [measure(environment["BENCHMARK_REDIS"], count, 1.0 if chosen.quick else 10.0) for count in PROCESSES]
        rows = [fan_out(environment, count, 300 if chosen.quick else 12000, pids) for count in WORKERS]
    sys.stdout.write(table(rates, rows))
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump({"rates": rates, "workers": rows}, file, indent=1)
    return 0


def fan_out(environment: dict[str, str], workers: int, requests: int, pids: dict[str, int]) -> dict[str, float]:
    """Let so many workers begin a job together, and see how fast the middle of it goes."""
    job = f"workers-{workers}"
    settings = ["--workers", str(workers), "--max-async-tasks", str(TASKS), "--log-level", "ERROR"]
    with Redis.from_url(environment["BENCHMARK_REDIS"]) as redis:
        queued, kept = submit(environment, redis, job, requests)
        redis.rename(STREAM, HELD)
        with process("-m", "taskiq", "worker", "benchmarks.queue_app:broker", *settings, env=environment) as manager:
            wait_for_workers(redis, workers)
            redis.eval(RELEASE, 2, HELD, STREAM)
            jobs = RedisJobs(environment["BENCHMARK_REDIS"], keys=environment["BENCHMARK_SEAL"])
            first = reach(jobs, job, requests * 0.2)
            before, all_before = used(manager, pids), machine()
            last = reach(jobs, job, requests * 0.8)
            after, all_after = used(manager, pids), machine()
            opened = {f"to {name}": connections(port_of(environment, name)) for name in pids}
    done, seconds = last[0] - first[0], last[1] - first[1]
    cores = {f"{name} cores": (after[name] - before[name]) / seconds for name in after}
    spent = {f"{name} ms": (after[name] - before[name]) / done * 1000 for name in after}
    busy = (all_after - all_before) / seconds
    return {
        "workers": workers, "a second": done / seconds, "queued a second": queued, "bytes kept": kept,
        **spent, **cores, "cores": busy, **opened,
    }  # fmt: skip


def submit(environment: dict[str, str], redis: Redis, job: str, requests: int) -> tuple[float, float]:
    """Queue a job in a process of its own; gives how many requests a second, and the bytes that Redis keeps of one."""
    redis.flushall()
    code = f"import benchmarks.queue_app as app; app.submit_all({job!r}, {requests})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(  # noqa: S603 - a line of this module
        command, env=environment, check=True, timeout=PATIENCE, stdout=subprocess.PIPE, text=True
    )
    kept = sum(redis.memory_usage(key, samples=0) for key in redis.scan_iter())
    return requests / float(done.stdout), kept / requests


def wait_for_workers(redis: Redis, workers: int) -> None:
    """Wait until so many workers read the stream."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if sum(client["cmd"] == "xreadgroup" for client in redis.client_list()) >= workers:
            return
        time.sleep(0.05)
    raise TimeoutError(f"{workers} workers did not start within {PATIENCE:g} s")


def port_of(environment: dict[str, str], name: str) -> int:
    """Give the port of a server."""
    return urlsplit(environment[f"BENCHMARK_{name.upper()}"]).port or 0


def reach(jobs: RedisJobs, job: str, settled: float) -> tuple[int, float]:
    """Wait until so many requests are settled; gives how many are, and when."""

    async def look() -> tuple[int, float]:
        while True:
            try:
                found = sum((await jobs.progress(job)).settled.values())
            except NoSuchJobError:
                found = 0
            if found >= settled:
                await jobs.aclose()
                return found, time.perf_counter()
            await anyio.sleep(0.02)

    async def bounded() -> tuple[int, float]:
        with anyio.fail_after(PATIENCE):
            return await look()

    return anyio.run(bounded)


def used(manager: int, pids: dict[str, int]) -> dict[str, float]:
    """Give the seconds of processor that each kind of process has used."""
    return {"worker": sum(map(cpu, children(manager))), **{name: cpu(pid) for name, pid in pids.items()}}


def limit(row: dict[str, float]) -> str:
    """Name what was busy for all of the time; where nothing was, it was waiting."""
    if row["cores"] > BUSY * CORES:
        return f"all {CORES} cores"
    for name, count in (("worker", row["workers"]), ("redis", 1), ("gateway", 1)):
        if row[f"{name} cores"] > BUSY * count:
            return f"one core for each {name} process"
    return "waiting for answers and the disk"


def table(rates: list[dict[str, float]], rows: list[dict[str, float]]) -> str:
    """Print both."""
    lines = ["\nA rate kept together", "processes   asked   found   of asked"]
    lines += [f"{r['processes']:9.0f} {r['asked']:7.0f} {r['found']:7.1f}   {r['of asked']:7.1%}" for r in rates]
    lines += [
        f"\nA fan-out over the queue; the gateway answers after {LATENCY * 1000:g} ms; cores for all: {CORES}",
        "                                                    ms of processor a request",
        "workers   requests/s   receivers/s   efficiency   workers   Redis   gateway   cores busy   what limits",
    ]
    for row in rows:
        share = row["a second"] / rows[0]["a second"] / row["workers"]
        lines.append(
            f"{row['workers']:7.0f} {row['a second']:12.0f} {row['a second'] * IN_A_REQUEST:13,.0f} {share:12.0%}"
            f" {row['worker ms']:9.2f} {row['redis ms']:7.2f} {row['gateway ms']:9.2f} {row['cores']:12.2f}"
            f"   {limit(row)}"
        )
    last = rows[-1]
    lines.append(
        f"{last['workers']:.0f} workers have {last['to redis']:.0f} connections to Redis, "
        f"{last['to gateway']:.0f} to the gateway; Redis keeps {last['bytes kept']:,.0f} bytes a request;\n"
        f"one process writes {last['queued a second']:.0f} requests a second down and queues them\n"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
