"""Fan-outs over a queue while everything dies: workers by kill -9, Redis, whoever submits, every connection.

`run_once(seed, receivers)` is one run; the simulator's inboxes are the judge. The campaign `queue` does many.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from attrs import define, field
from cryptography.fernet import Fernet

from aiocc.delivery import Delivery
from aiocc.integrations.redis import NoSuchJobError, RedisGoneError, RedisJobs
from aiocc.integrations.redis.jobs import Progress
from aiocc.scopes.notes import NoteOutcome
from aiocc.simulator import Simulator

from .redis_server import RedisServer
from .wire import CutWire

ROOT = Path(__file__).parent.parent.parent
WORKERS = 3
TASKS = 8
"""Requests on their way in each worker."""

LEASE = 4.0
"""Seconds; a run may have another."""
JOB = "chaos"
RECEIVERS = 100
PATIENCE = 240.0
"""Seconds within which a job must come to its end, once nothing dies any more."""


@define
class Verdict:
    """What a run did, and what the inboxes say of it: `wrong` names every disagreement."""

    seed: int
    seconds: float = 0.0
    events: Counter[str] = field(factory=Counter)
    receivers: Counter[str] = field(factory=Counter)
    doubled: int = 0
    lost: int = 0
    wrong: list[str] = field(factory=list)

    def __str__(self) -> str:
        done = ", ".join(f"{count} {name}" for name, count in sorted(self.events.items()))
        known = ", ".join(f"{count} {name}" for name, count in sorted(self.receivers.items()))
        return (
            f"seed {self.seed}: {self.doubled} doubled, {self.lost} lost; receivers: {known}; {done}; "
            f"{self.seconds:.0f} s" + "".join(f"\n  WRONG {one}" for one in self.wrong[:5])
        )


class Chaos:
    """One run: its processes, and what happens to them.

    Args:
        seed: Decides everything that is decided here.
        requests: Of the job, each to 100 receivers.
        rate: Requests a second of all workers together.
        every: Seconds, on average, between two blows.
        lease: Of a claim, in seconds.
        folder: For Redis.
    """

    def __init__(self, seed: int, requests: int, *, rate: float, every: float, lease: float, folder: Path) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - nothing secret
        self.requests = requests
        self.rate = rate
        self.every = every
        self.lease = lease
        self.verdict = Verdict(seed)
        self.redis = RedisServer(folder)
        self.seal = Fernet.generate_key().decode()
        self.planner: subprocess.Popen[bytes] | None = None

    def run(self) -> Verdict:
        """Run it, and judge."""
        began = time.monotonic()
        with ExitStack() as stack:
            self.simulator = stack.enter_context(Simulator(tls=False))
            stack.enter_context(self.redis)
            gateway = int(self.simulator.url("gateway").rpartition(":")[2])
            self.wires = {
                "redis": stack.enter_context(CutWire(self.redis.port, seed=self.verdict.seed)),
                "gateway": stack.enter_context(CutWire(gateway, delay=0.06, seed=self.verdict.seed)),
            }
            self.jobs = RedisJobs(self.redis.url, keys=self.seal, lease=self.lease, patience=20)
            stack.enter_context(self._workers())
            self._submit()
            self._strike()
            self._let_it_end()
            rows = anyio.run(self._rows)
        self._judge(rows)
        self.verdict.seconds = time.monotonic() - began
        return self.verdict

    @property
    def environment(self) -> dict[str, str]:
        """What the processes are told."""
        return {
            **os.environ,
            **self.simulator.environment,
            "AIOCC_GATEWAY_URL": f"http://127.0.0.1:{self.wires['gateway'].port}",
            "QUEUE_REDIS": f"redis://127.0.0.1:{self.wires['redis'].port}/0",
            "QUEUE_SEAL": self.seal,
            "QUEUE_LEASE": str(self.lease),
            "QUEUE_RATE": str(self.rate),
            "PYTHONWARNINGS": "ignore",
        }

    @contextmanager
    def _workers(self) -> Iterator[None]:
        settings = ["--workers", str(WORKERS), "--max-async-tasks", str(TASKS), "--log-level", "ERROR"]
        command = [sys.executable, "-m", "taskiq", "worker", "tests.queue.app:worker", *settings]
        self.log = open(self.redis.folder / "workers.log", "wb")  # noqa: SIM115 - closed below
        self.manager = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log)
        try:
            yield
        finally:
            for process in [*children(self.manager.pid), self.manager.pid]:
                kill(process)
            self.manager.wait()
            if self.planner is not None and self.planner.poll() is None:
                self.planner.kill()
                self.planner.wait()
            self.log.close()

    def _submit(self) -> None:
        code = f"import anyio, tests.queue.app as app; anyio.run(app.submit, {JOB!r}, {self.requests})"
        self.planner = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log
        )

    def _strike(self) -> None:
        """Let things die until most of the job is done."""
        blows: list[tuple[Callable[[], None], int]] = [
            (self._kill_worker, 6), (self._stop_redis, 1), (self._kill_planner, 1),
            (lambda: self._cut("redis"), 3), (lambda: self._cut("gateway"), 3),
        ]  # fmt: skip
        until = time.monotonic() + 300
        while time.monotonic() < until and self._settled() < 0.9 * self.requests:
            time.sleep(self.rng.expovariate(1 / self.every))
            (blow,) = self.rng.choices([one for one, _ in blows], [weight for _, weight in blows])
            blow()

    def _kill_worker(self) -> None:
        living = children(self.manager.pid)
        if living:
            kill(self.rng.choice(living))
            self.verdict.events["workers killed"] += 1

    def _stop_redis(self) -> None:
        self.redis.stop(self.rng.choice([signal.SIGTERM, signal.SIGKILL]))
        time.sleep(self.rng.uniform(0.05, 2.0))
        self.redis.start()
        self.verdict.events["Redis restarts"] += 1

    def _kill_planner(self) -> None:
        if self.planner is not None and self.planner.poll() is None:
            self.planner.kill()
            self.planner.wait()
            self.verdict.events["submitters killed"] += 1
            self._submit()

    def _cut(self, wire: str) -> None:
        cut = self.wires[wire].cut(self.rng.choice([0.3, 1.0]))
        self.verdict.events[f"connections to {wire} cut"] += cut

    def _let_it_end(self) -> None:
        """Continue, as a user would, until everything is accepted or unknown."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            time.sleep(0.2)
            if self.planner is not None and self.planner.poll() is None:
                continue
            progress = self._progress()
            if progress is None or not progress.planned:
                self._submit()
            elif progress.complete:
                if not set(progress.settled) - {Delivery.ACCEPTED, Delivery.UNKNOWN}:
                    return
                self.verdict.events["continued"] += 1
                self._submit()
        self.verdict.wrong.append(f"it came to no end: {self._progress()}")

    def _settled(self) -> int:
        progress = self._progress()
        return 0 if progress is None else sum(progress.settled.values())

    def _progress(self) -> Progress | None:
        async def ask() -> Progress | None:
            try:
                return await self.jobs.progress(JOB)
            except (NoSuchJobError, RedisGoneError):
                return None
            finally:
                await self.jobs.aclose()

        return anyio.run(ask)

    async def _rows(self) -> list[NoteOutcome]:
        try:
            return await self.jobs.unsettled(JOB)
        finally:
            await self.jobs.aclose()

    def _judge(self, rows: list[NoteOutcome]) -> None:
        """Compare what the ledger says of each receiver with what is in his inbox."""
        inboxes = Counter((note.content, note.receiver) for note in self.simulator.notes)
        named = {row.note: row.delivery for row in rows}
        self.verdict.doubled = sum(count - 1 for count in inboxes.values() if count > 1)
        for number in range(self.requests):
            delivery = named.get(number, Delivery.ACCEPTED)
            arrived = sum(inboxes[f"note {number}", 31_000 + one] >= 1 for one in range(RECEIVERS))
            self.verdict.receivers[str(delivery)] += RECEIVERS
            if delivery is Delivery.UNKNOWN:
                self.verdict.receivers["unknown that arrived"] += arrived
            elif (delivery is Delivery.ACCEPTED) != (arrived == RECEIVERS) or 0 < arrived < RECEIVERS:
                self.verdict.lost += RECEIVERS - arrived if delivery is Delivery.ACCEPTED else 0
                self.verdict.wrong.append(f"note {number} is {delivery}, and arrived at {arrived}")
        if set(self.verdict.receivers) - {"accepted", "unknown", "unknown that arrived"}:
            self.verdict.wrong.append("something was neither accepted nor unknown in the end")
        if self.verdict.doubled:
            self.verdict.wrong.append(f"{self.verdict.doubled} doubled")


def run_once(seed: int, receivers: int, *, rate: float = 40, every: float = 0.4, lease: float = LEASE) -> Verdict:
    """Run one seed."""
    with TemporaryDirectory() as folder:
        return Chaos(seed, receivers // RECEIVERS, rate=rate, every=every, lease=lease, folder=Path(folder)).run()


def children(process: int) -> list[int]:
    """Give the worker processes of taskiq's manager."""
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(process)], capture_output=True, text=True)  # noqa: S607
    rows = [row.strip().partition(" ") for row in found.stdout.splitlines()]
    return [int(pid) for pid, _, command in rows if "resource_tracker" not in command and "defunct" not in command]


def kill(process: int) -> None:
    """End a process as the kernel does when memory is short."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    sys.stdout.write(f"{run_once(int(sys.argv[1]), int(sys.argv[2]), rate=float(sys.argv[3]))}\n")
