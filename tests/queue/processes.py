"""The processes of a run of `chaos`: workers, the keepers of the agent's session, whoever submits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

from .keeping import LEADS

ROOT = Path(__file__).parent.parent.parent
TASKS = 8
"""Requests on their way in each worker."""

KEEPERS = 2


class Processes:
    """What is killed; `with` it they run, and none does after it.

    Args:
        environment: What they are told.
        folder: For what they say.
        submit: The line that submits the job.
        count: Of workers.
        lease: Of a keeper, in seconds.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path, submit: str, count: int, lease: float) -> None:
        self._environment = dict(environment)
        self._folder = folder
        self._code = submit
        self._count = count
        self._lease = lease
        self._submitter: subprocess.Popen[bytes] | None = None
        self._keepers: list[tuple[subprocess.Popen[bytes], Path]] = []
        self._log: BinaryIO | None = None
        self._begun = 0

    def __enter__(self) -> Self:
        self._log = open(self._folder / "workers.log", "wb")
        settings = ["--workers", str(self._count), "--max-async-tasks", str(TASKS), "--log-level", "ERROR"]
        self._manager = self._start("-m", "taskiq", "worker", "tests.queue.app:worker", *settings, log=self._log)
        for _ in range(KEEPERS):
            self._keep()
        return self

    def __exit__(self, *_: object) -> None:
        workers = self.workers()
        others = [self._manager, *[keeper for keeper, _ in self._keepers]]
        for process in [*others, *([self._submitter] if self._submitter is not None else [])]:
            process.kill()
            process.wait()
        for worker in workers:  # whom nobody starts again by now
            kill(worker)
        assert self._log is not None
        self._log.close()

    def submit(self) -> None:
        """Submit the job, or go on with it."""
        assert self._log is not None
        self._submitter = self._start("-c", self._code, log=self._log)

    @property
    def submitting(self) -> bool:
        """Whether that goes on."""
        return self._submitter is not None and self._submitter.poll() is None

    def kill_submitter(self) -> None:
        """Kill whoever submits."""
        if self._submitter is not None:
            self._submitter.kill()
            self._submitter.wait()

    def workers(self) -> list[int]:
        """Give the worker processes of taskiq's manager."""
        command = ["ps", "-o", "pid=,args=", "--ppid", str(self._manager.pid)]
        found = subprocess.run(command, capture_output=True, text=True)
        rows = [row.strip().partition(" ") for row in found.stdout.splitlines()]
        return [int(pid) for pid, _, what in rows if "resource_tracker" not in what and "defunct" not in what]

    def leader(self) -> int | None:
        """Give the keeper that has the session, where one says so."""
        return next((keeper.pid for keeper, log in self._keepers if says_last(log) == LEADS), None)

    def kill_leader(self) -> bool:
        """Kill it, and start another; says whether it was there."""
        found = self.leader()
        for one in self._keepers:
            keeper, _ = one
            if keeper.pid == found:
                keeper.kill()
                keeper.wait()
                self._keepers.remove(one)
                self._keep()
                return True
        return False

    def _keep(self) -> None:
        path = self._folder / f"keeper-{self._begun}.log"
        self._begun += 1
        redis, seal = self._environment["QUEUE_REDIS"], self._environment["QUEUE_SEAL"]
        with open(path, "wb") as log:
            keeper = self._start("-m", "tests.queue.keeping", redis, seal, str(self._lease), log=log)
        self._keepers.append((keeper, path))

    def _start(self, *arguments: str, log: BinaryIO) -> subprocess.Popen[bytes]:
        command = [sys.executable, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)


def says_last(log: Path) -> str:
    """Give the last line of what a process has said."""
    said = log.read_text().splitlines()
    return said[-1] if said else ""


def kill(process: int) -> None:
    """End a process as the kernel does when memory is short."""
    tell(process, signal.SIGKILL)


def tell(process: int, number: signal.Signals) -> None:
    """Send a signal to a process, if it is there."""
    with suppress(ProcessLookupError):
        os.kill(process, number)
