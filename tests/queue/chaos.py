"""Fan-outs over a queue while everything dies: workers by kill -9, keepers, Redis, whoever submits, every connection.

`run_once(seed, receivers)` is one run; the simulator's inboxes are the judge. The campaign `queue` does many. The
workers send as an agent whom two keepers keep signed in: with each takeover the GUID that they have is good no more.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from cryptography.fernet import Fernet

from aiocc.delivery import Delivery
from aiocc.integrations.redis import NoSuchJobError, RedisGoneError, RedisJobs
from aiocc.integrations.redis.jobs import Progress
from aiocc.scopes.notes import NoteOutcome
from aiocc.simulator import Simulator, World

from .app import RECEIVERS
from .keeping import AGENT
from .processes import Processes, kill, tell
from .redis_server import RedisServer
from .verdict import Verdict
from .wire import CutWire

WORKERS = 3
LEASE = 4.0
"""Seconds, of a claim; a run may have another."""

KEEPER_LEASE = 1.5
GUID_INTERVAL = 7.0
GUID_GRACE = 3.0
POLL_HOLD = 1.0
"""Seconds: GUIDs change, and what a keeper did not hear in time is lost, many times in a run."""

WAITING = 0.5
"""Share of the blows that wait until something was settled after the one before; the others strike at once."""

WAIT = 5.0
"""Seconds for which they do."""

JOB = "chaos"
PATIENCE = 240.0
"""Seconds within which a job must come to its end, once nothing dies any more."""


class Chaos:
    """One run: its processes, and what happens to them.

    Args:
        seed: Decides everything that is decided here.
        requests: Of the job, each to 100 receivers.
        rate: Requests a second of all workers together.
        every: Seconds, on average, between two blows.
        lease: Of a claim, in seconds.
        workers: Processes that send.
        most: Blows.
        folder: For Redis.
    """

    def __init__(
        self,
        seed: int,
        requests: int,
        *,
        rate: float,
        every: float,
        lease: float,
        workers: int,
        most: int | None,
        folder: Path,
    ) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - nothing secret
        self.requests = requests
        self.rate = rate
        self.every = every
        self.lease = lease
        self.workers = workers
        self.most = most
        self.verdict = Verdict(seed)
        self.owed = False
        self.redis = RedisServer(folder)
        self.seal = Fernet.generate_key().decode()

    def run(self) -> Verdict:
        """Run it, and judge."""
        began = time.monotonic()
        with ExitStack() as stack:
            world = World(poll_hold=POLL_HOLD, guid_interval=GUID_INTERVAL, guid_grace=GUID_GRACE)
            self.simulator = stack.enter_context(Simulator(tls=False, world=world))
            stack.enter_context(self.redis)
            gateway = int(self.simulator.url("gateway").rpartition(":")[2])
            self.wires = {
                "redis": stack.enter_context(CutWire(self.redis.port, seed=self.verdict.seed)),
                "gateway": stack.enter_context(CutWire(gateway, delay=0.06, seed=self.verdict.seed)),
            }
            self.jobs = RedisJobs(self.redis.url, keys=self.seal, lease=self.lease, patience=20)
            submit = f"import anyio, tests.queue.app as app; anyio.run(app.submit, {JOB!r}, {self.requests})"
            processes = Processes(self.environment, self.redis.folder, submit, self.workers, KEEPER_LEASE)
            self.processes = stack.enter_context(processes)
            self.processes.submit()
            self._strike()
            self._let_it_end()
            rows = anyio.run(self._rows)
        self.verdict.judge(rows, self.requests, self.simulator)
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
            "QUEUE_AGENT": str(AGENT),
            "PYTHONWARNINGS": "ignore",
        }

    def _strike(self) -> None:
        """Let things die until most of the job is done."""
        until = time.monotonic() + PATIENCE
        settled = 0
        for blow in islice(self._blows(), self.most):
            time.sleep(self.rng.expovariate(1 / self.every))
            if self.rng.random() < WAITING:
                self._wait_for_one_after(settled)
            settled = self._settled()
            if time.monotonic() > until or settled > 0.9 * self.requests:
                return
            blow()
            if self.owed:
                self._kill_leader()

    def _blows(self) -> Iterator[Callable[[], None]]:
        """Give what strikes: each kind once in the beginning, then by weight."""
        weights: dict[Callable[[], None], int] = {
            self._kill_worker: 6, self._stop_redis: 1, self._kill_submitter: 1, self._kill_leader: 2,
            self._pause: 2, lambda: self._cut("redis"): 3, lambda: self._cut("gateway"): 3,
        }  # fmt: skip
        yield from self.rng.sample(list(weights), len(weights))
        while True:
            yield from self.rng.choices(list(weights), list(weights.values()))

    def _wait_for_one_after(self, settled: int) -> None:
        """Let workers come to their work, which they do late on a busy machine."""
        until = time.monotonic() + WAIT
        while time.monotonic() < until and self._settled() <= settled:
            time.sleep(0.05)

    def _kill_worker(self) -> None:
        living = self.processes.workers()
        if living:
            kill(self.rng.choice(living))
            self.verdict.events["workers killed"] += 1

    def _kill_leader(self) -> None:
        """Kill the keeper that has the session, or the next one that will have it."""
        if self.processes.kill_leader():
            self.verdict.events["leading keepers killed"] += 1
            self.owed = False
        else:
            self.owed = True

    def _pause(self) -> None:
        """Hold a worker or the leading keeper for a time that may be longer than its lease."""
        leader = self.processes.leader()
        living = [*self.processes.workers(), *([leader] if leader is not None else [])]
        if living:
            held = self.rng.choice(living)
            tell(held, signal.SIGSTOP)
            later = threading.Timer(self.rng.uniform(0.2, 2 * self.lease), tell, (held, signal.SIGCONT))
            later.daemon = True
            later.start()
            self.verdict.events["processes paused"] += 1

    def _stop_redis(self) -> None:
        self.redis.stop(self.rng.choice([signal.SIGTERM, signal.SIGKILL]))
        time.sleep(self.rng.uniform(0.05, 2.0))
        self.redis.start()
        self.verdict.events["Redis restarts"] += 1

    def _kill_submitter(self) -> None:
        if self.processes.submitting:
            self.processes.kill_submitter()
            self.verdict.events["submitters killed"] += 1
            self.processes.submit()

    def _cut(self, wire: str) -> None:
        cut = self.wires[wire].cut(self.rng.choice([0.3, 1.0]))
        self.verdict.events[f"connections to {wire} cut"] += cut

    def _let_it_end(self) -> None:
        """Continue, as a user would, until everything is accepted or unknown."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            time.sleep(0.2)
            if self.processes.submitting:
                continue
            progress = self._progress()
            if progress is None or not progress.planned:
                self.processes.submit()
            elif progress.complete:
                if not set(progress.settled) - {Delivery.ACCEPTED, Delivery.UNKNOWN}:
                    return
                self.verdict.events["continued"] += 1
                self.processes.submit()
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


def run_once(
    seed: int,
    receivers: int,
    *,
    rate: float = 25,
    every: float = 0.4,
    lease: float = LEASE,
    workers: int = WORKERS,
    most: int | None = None,
) -> Verdict:
    """Run one seed; see `Chaos`."""
    settings = {"rate": rate, "every": every, "lease": lease}
    with TemporaryDirectory() as folder:
        where = Path(folder)
        return Chaos(seed, receivers // RECEIVERS, workers=workers, most=most, folder=where, **settings).run()


if __name__ == "__main__":
    sys.stdout.write(f"{run_once(int(sys.argv[1]), int(sys.argv[2]), rate=float(sys.argv[3]))}\n")
