"""`python -m benchmarks.queue`: a fan-out over a queue by 1 to 8 workers, and a rate kept by 1 to 16 processes.

The gateway is a process that answers after 5 ms, Redis one that writes to disk before it answers. Both run on the
same cores as the workers: the table says who used them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import Any, Final

import anyio
from cryptography.fernet import Fernet

from aiocc.integrations.redis import NoSuchJobError, RedisJobs

LATENCY: Final = 0.005
TASKS: Final = 16
"""Requests on their way in each worker."""

IN_A_REQUEST: Final = 100
WORKERS: Final = (1, 2, 4, 8)
PROCESSES: Final = (1, 2, 4, 8, 16)
RATE: Final = 200.0
PATIENCE: Final = 120.0
"""Seconds for anything that is waited for: what takes longer has failed."""

TICKS: Final = os.sysconf("SC_CLK_TCK")


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
        rates = [fleet(environment, count, 2.0 if chosen.quick else 10.0) for count in PROCESSES]
        rows = [fan_out(environment, count, 300 if chosen.quick else 3000, pids) for count in WORKERS]
    sys.stdout.write(table(rates, rows))
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump({"rates": rates, "workers": rows}, file, indent=1)
    return 0


def fleet(environment: dict[str, str], processes: int, seconds: float) -> dict[str, float]:
    """Let so many processes keep one rate."""
    arguments = [environment["BENCHMARK_REDIS"], str(RATE), str(seconds)]
    command = [sys.executable, "-m", "benchmarks.fleet", *arguments]
    with ExitStack() as stack:
        running = [
            stack.enter_context(ended(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)) for _ in range(processes)
        ]
        # One that hangs is killed, and its pipe is at an end.
        watch = stack.enter_context(alarm(PATIENCE + seconds, running))
        for one in running:
            assert one.stdout is not None
            one.stdout.readline()  # it is ready
        begin = time.time() + 0.5
        for one in running:
            assert one.stdin is not None
            one.stdin.write(f"{begin}\n")
            one.stdin.flush()
        told = [one.communicate()[0] for one in running]
        if watch.is_set() or not all(told):
            raise TimeoutError(f"{processes} processes did not keep a rate within {PATIENCE + seconds:g} s")
        went = sum(map(int, told))
    return {"processes": processes, "asked": RATE, "found": went / seconds, "of asked": went / seconds / RATE}


def fan_out(environment: dict[str, str], workers: int, requests: int, pids: dict[str, int]) -> dict[str, float]:
    """Queue a job, start so many workers, and see how fast the middle of it goes."""
    job = f"workers-{workers}"
    submit = f"import anyio, benchmarks.queue_app as app; anyio.run(app.submit, {job!r}, {requests})"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", submit], env=environment, check=True, timeout=PATIENCE)  # noqa: S603 - a line of this module
    queued = requests / (time.perf_counter() - began)
    settings = ["--workers", str(workers), "--max-async-tasks", str(TASKS), "--log-level", "ERROR"]
    with process("-m", "taskiq", "worker", "benchmarks.queue_app:broker", *settings, env=environment) as manager:
        jobs = RedisJobs(environment["BENCHMARK_REDIS"], keys=environment["BENCHMARK_SEAL"])
        first = reach(jobs, job, requests * 0.2)
        before = used(manager, pids)
        last = reach(jobs, job, requests * 0.8)
        after = used(manager, pids)
    done, seconds = last[0] - first[0], last[1] - first[1]
    spent = {f"{name} ms": (after[name] - before[name]) / done * 1000 for name in after}
    cores = sum(after[name] - before[name] for name in after) / seconds
    return {"workers": workers, "a second": done / seconds, "queued a second": queued, **spent, "cores": cores}


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
    command = ["ps", "-o", "pid=", "--ppid", str(manager)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - a number of our own
    workers = sum(cpu(int(pid)) for pid in listed.stdout.split())
    return {"worker": workers, **{name: cpu(pid) for name, pid in pids.items()}}


def cpu(pid: int) -> float:
    """Give the seconds of processor that a process has used."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def table(rates: list[dict[str, float]], rows: list[dict[str, float]]) -> str:
    """Print both."""
    lines = ["\nA rate kept together", "processes   asked   found   of asked"]
    lines += [f"{r['processes']:9.0f} {r['asked']:7.0f} {r['found']:7.1f}   {r['of asked']:7.1%}" for r in rates]
    lines += [
        f"\nA fan-out over the queue; the gateway answers after {LATENCY * 1000:g} ms; {os.cpu_count()} cores for all",
        "workers   requests/s   receivers/s   efficiency   CPU ms a request: workers  Redis  gateway   cores busy",
    ]
    for row in rows:
        share = row["a second"] / rows[0]["a second"] / row["workers"]
        lines.append(
            f"{row['workers']:7.0f} {row['a second']:12.0f} {row['a second'] * IN_A_REQUEST:13,.0f} {share:12.0%}"
            f" {row['worker ms']:26.2f} {row['redis ms']:6.2f} {row['gateway ms']:8.2f} {row['cores']:12.2f}"
        )
    lines.append(f"one process writes {rows[-1]['queued a second']:.0f} requests a second down and queues them\n")
    return "\n".join(lines)


@contextmanager
def process(*arguments: str, env: dict[str, str] | None = None) -> Iterator[int]:
    """Run Python until the end of the block; gives its process."""
    with ended([sys.executable, *arguments], env=env) as running:
        yield running.pid


@contextmanager
def ended(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a command, and kill it and its children at the end: one told to end while it starts may never do so."""
    with subprocess.Popen(command, text=True, start_new_session=True, **options) as running:  # noqa: S603 - this package's own modules
        try:
            yield running
        finally:
            kill(running)


def kill(running: subprocess.Popen[str]) -> None:
    """Kill a process that leads a session, and all in it."""
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)


@contextmanager
def alarm(seconds: float, running: list[subprocess.Popen[str]]) -> Iterator[threading.Event]:
    """Kill processes that are not done in time, and say so."""
    rang = threading.Event()

    def ring() -> None:
        rang.set()
        for one in running:
            kill(one)

    timer = threading.Timer(seconds, ring)
    timer.start()
    try:
        yield rang
    finally:
        timer.cancel()


@contextmanager
def redis_server(port: int) -> Iterator[int]:
    """Run a Redis that writes to disk before it answers."""
    settings = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--loglevel", "warning"]
    with TemporaryDirectory() as folder:
        command: list[Any] = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, *settings]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:  # noqa: S603 - found in PATH
            try:
                yield running.pid
            finally:
                running.kill()


def free_port() -> int:
    """Give a port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until somebody listens there."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(f"nobody listens on port {port}")


if __name__ == "__main__":
    sys.exit(main())
