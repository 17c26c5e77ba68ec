"""What every part of the benchmark has at hand: the server, the cores, the processes it starts."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from benchmarks.contenders import NotMeasured
from benchmarks.job import Job
from benchmarks.options import Options
from benchmarks.servers import Server

LONGEST: Final = 120.0
"""Seconds that one answer of a worker may take."""


class Failed(Exception):  # noqa: N818 - printed in place of a figure
    """A contender could not do its work, and why."""


class Worker:
    """One process with one job.

    Args:
        job: What it does.
    """

    def __init__(self, job: Job) -> None:
        self._rest = b""
        self._process = subprocess.Popen(  # noqa: S603 - this package's own module
            [sys.executable, "-m", "benchmarks.worker", job.dump()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def go(self) -> dict[str, Any]:
        """Ask for the next figures, and wait for them."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"go\n")
        except BrokenPipeError:
            raise Failed("the process has ended") from None
        return self.hear()

    def hear(self) -> dict[str, Any]:
        """Wait for what it says.

        Raises:
            NotMeasured: It cannot run here.
            Failed: Something went wrong.
        """
        facts: dict[str, Any] = json.loads(self._line())
        if "skipped" in facts:
            raise NotMeasured(facts["skipped"])
        if "failed" in facts:
            raise Failed(facts["failed"])
        return facts

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        until = time.monotonic() + LONGEST
        while b"\n" not in self._rest:
            readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
            if not readable:
                self._process.kill()
                raise Failed(f"no answer within {LONGEST:g} s")
            piece = os.read(self._process.stdout.fileno(), 65536)
            if not piece:
                raise Failed("the process ended without a word")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line


@dataclass(frozen=True)
class Bench:
    """One run.

    Attributes:
        core: To which each contender is pinned.
    """

    server: Server
    options: Options
    core: int | None

    def job(
        self, part: str, contender: str, *, loop: str = "asyncio", connections: int = 10, tls: bool = True, **extra: Any
    ) -> Job:
        """Describe a job at this server."""
        return Job(
            part=part,
            loop=loop,
            contender=contender,
            target=self.server.target(connections, tls=tls),
            core=self.core,
            seconds=self.options.seconds,
            server_pids=tuple(self.server.pids()),
            extra=extra,
        )

    def once(self, job: Job) -> dict[str, Any]:
        """Do a job that has one result."""
        with Worker(job) as worker:
            return worker.hear()


def tell(text: str) -> None:
    """Say on the terminal how far the run has come."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
