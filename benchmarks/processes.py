"""Processes that a benchmark starts, and surely ends; what processor they use."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import Any, Final

TICKS: Final = os.sysconf("SC_CLK_TCK")


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
def alarm(seconds: float, running: Sequence[subprocess.Popen[str]]) -> Iterator[threading.Event]:
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
    """Run a Redis that writes to disk before it answers; gives its process."""
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


def children(pid: int) -> list[int]:
    """Give the processes that a process has started."""
    command = ["ps", "-o", "pid=", "--ppid", str(pid)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a number of our own
    return [int(one) for one in listed.stdout.split()]


def cpu(pid: int) -> float:
    """Give the seconds of processor that a process has used."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine() -> float:
    """Give the seconds of processor that everything on this machine has used."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _waiting, *interrupts = map(int, file.readline().split()[1:8])
    return (user + nice + system + sum(interrupts)) / TICKS


def connections(port: int) -> int:
    """Count the connections that a server on a port of loopback has."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return sum(local.endswith(f":{port:04X}") and state == "01" for _, local, _, state, *_ in rows)
