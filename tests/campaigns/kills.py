"""Runners of a fan-out that are killed at any instant, and continued until done; judged by the inboxes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from attrs import define, field

from aiocc import Delivery, read_journal

from .kill_centre import Centre, contact_centre
from .kill_runner import DONE, IN_USE, INCOMPLETE, PHASES, REFUSED, Death, Work, end_of, fork, send_job
from .progress import Progress

DEFAULT = 1_000
KILLS = 20
"""Kills of one job, at most."""

RECEIVERS = 10_000
LATENCY = 0.02
ANY = "any moment"
MISHAPS = ("a log cut at any byte", "a file cut at any byte", "a full disk", "two runners")
MOST_RUNS = 200


@define
class Trial:
    """One job, its mishaps, and what is wrong with the end.

    Attributes:
        tally: Kills by phase, mishaps, receivers.
        found: What is wrong.
        worst: The largest part of what was on its way at a kill, of what may be.
    """

    work: Work
    folder: Path
    centre: Centre
    kills: int
    rng: random.Random = field(init=False)
    path: Path = field(init=False)
    tally: Counter[str] = field(factory=Counter)
    found: list[str] = field(factory=list)
    worst: float = 0.0
    killed: int = 0
    _runs: int = 0

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.work.seed)  # noqa: S311 - nothing secret
        self.path = self.folder / f"job-{self.work.seed}.db"

    def run(self) -> None:
        """Kill, continue, kill, until the job is done; then judge."""
        code = INCOMPLETE
        while code != DONE and not self.found and self._runs < MOST_RUNS:
            code = self._kill() if self.killed < self.kills else self._finish()
            if code < 0:
                self.killed += 1
                self._look_at_what_is_left()
                if self.path.exists() and self.rng.random() < 0.2:
                    self._mishap(self.rng.choice(MISHAPS))
        self.judge()

    def _start(self, death: Death | None = None, path: Path | None = None, most_bytes: int | None = None) -> int:
        self._runs += 1
        seed = self.rng.getrandbits(32)
        target = path or self.path
        return fork(
            partial(send_job, self.work, target, self.centre.environment, seed=seed, death=death, most_bytes=most_bytes)
        )

    def _kill(self) -> int:
        phase = self.rng.choice((*PHASES, ANY))
        if phase == ANY:
            child = self._start()
            time.sleep(self.rng.uniform(0.0, 0.12))
            os.kill(child, signal.SIGKILL)
            code = end_of(child)
        else:
            code = end_of(self._start(Death(self.rng.randint(1, 6), phase)))
        if code < 0:
            self.tally[f"killed: {phase}"] += 1
        return self._ended(code, DONE)

    def _finish(self) -> int:
        return self._ended(end_of(self._start()), DONE)

    def _ended(self, code: int, *allowed: int) -> int:
        if code >= 0 and code not in allowed:
            self.found.append(f"a runner ended with {code}")
        return code

    def _look_at_what_is_left(self) -> None:
        """Nobody has it, nothing is damaged, and no more is on its way than the concurrency allows."""
        if not self.path.exists():
            return
        left = read_journal(self.path)
        allowed = self.work.concurrency * 100
        self.worst = max(self.worst, left.on_their_way / allowed)
        self.tally["ambiguous at a kill"] += left.on_their_way
        if left.damage or left.runner is not None or left.on_their_way > allowed:
            self.found.append(f"after a kill: {left}")

    # Mishaps.

    def _mishap(self, what: str) -> None:
        if what == "two runners":
            self._two_runners()
        elif what == "a full disk":
            self._full_disk()
        else:
            self._cut(what)

    def _cut(self, what: str) -> None:
        """Continue a copy of which a piece is missing: it is refused, or it knows all."""
        copy = self.folder / f"copy-{self.path.name}"
        log, log_copy = Path(f"{self.path}-wal"), Path(f"{copy}-wal")
        shutil.copy(self.path, copy)
        shutil.copy(log, log_copy) if log.exists() else log_copy.unlink(missing_ok=True)
        victim = log_copy if what == MISHAPS[0] else copy
        size = victim.stat().st_size if victim.exists() else 0
        if size:
            os.truncate(victim, self.rng.randrange(size))
        before = self._arrived()
        code = self._ended(end_of(self._start(path=copy)), DONE, REFUSED)
        if code == REFUSED:
            self.tally[f"{what}: refused"] += 1
            if self._arrived() != before:
                self.found.append(f"{what}: refused after something was sent")
        else:
            self.tally[f"{what}: continued"] += 1
            self.path = copy.rename(copy.with_name(f"{self._runs}-{self.path.name}"))

    def _full_disk(self) -> None:
        """Write to a disk with little room, then to one with more."""
        room = self.rng.randrange(8_192, 400_000)
        with full_disk(self.path, room) as path:
            if path is None:
                code = end_of(self._start(most_bytes=self.path.stat().st_size + room // 4))
            else:
                code = end_of(self._start(path=path))
        self._ended(code, DONE, REFUSED)
        self.tally[f"a full disk: {'refused' if code == REFUSED else 'large enough'}"] += 1

    def _two_runners(self) -> None:
        """One is refused at once, or finds the job done by the other."""
        codes = sorted(end_of(child) for child in (self._start(), self._start()))
        if codes not in ([DONE, IN_USE], [DONE, DONE]):
            self.found.append(f"two runners ended with {codes}")
        self.tally[f"two runners: {'one refused' if IN_USE in codes else 'one after the other'}"] += 1

    def _arrived(self) -> int:
        return sum(self.centre.inboxes().values())

    # The judge.

    def judge(self) -> None:
        """0 lost, 0 accepted sent again, every ambiguous one named."""
        inboxes = self.centre.inboxes()
        known = {
            (self.work.notes[row.note].content, row.receiver): row.delivery for row in read_journal(self.path).rows()
        }
        wanted = set(self.work.wanted())
        for one in wanted:
            delivery, times = known.get(one), inboxes[one]
            self.tally[f"receivers {delivery}"] += 1
            wrong = {Delivery.ACCEPTED: times != 1, Delivery.UNKNOWN: times > 1}.get(delivery, True)
            if wrong:
                self.found.append(f"{one}: {delivery}, and arrived {times} times")
            if delivery is Delivery.UNKNOWN:
                self.tally[f"unknown, and arrived {times} times"] += 1
        if set(inboxes) - wanted or set(known) - wanted:
            self.found.append("something else arrived, or is in the journal")


@contextmanager
def full_disk(journal: Path, room: int) -> Iterator[Path | None]:
    """Put a journal on a small disk of its own, and bring it back; None where this machine does not let us."""
    with tempfile.TemporaryDirectory(dir=journal.parent) as folder:
        size = sum(file.stat().st_size for file in _files(journal)) + room
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
        if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
            yield None
            return
        try:
            there = Path(folder) / journal.name
            _copy(journal, there)
            yield there
            _copy(there, journal)
        finally:
            subprocess.run(["umount", folder], check=True)  # noqa: S607 - wherever this machine has it


def _files(journal: Path) -> list[Path]:
    return [file for file in (journal, Path(f"{journal}-wal")) if file.exists()]


def _copy(journal: Path, target: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    for file in _files(journal):
        shutil.copy(file, Path(f"{target}{str(file)[len(str(journal)) :]}"))


def run(seed: int, count: int) -> list[str]:
    """Kill so many times; each seed is a job."""
    progress = Progress("kills", "kills", count)
    found: list[str] = []
    tally: Counter[str] = Counter()
    done, worst = 0, 0.0
    with tempfile.TemporaryDirectory() as folder, contact_centre(LATENCY) as centre:
        while done < count:
            centre.reset()
            trial = Trial(Work(seed, RECEIVERS), Path(folder), centre, min(KILLS, count - done))
            trial.run()
            found += [f"seed {seed}: {one}" for one in trial.found[:20]]
            tally += trial.tally
            tally["jobs"] += 1
            done += trial.killed
            worst = max(worst, trial.worst)
            seed += 1
            progress.reach(done, seed)
    progress.end(seed)
    sys.stdout.write(f"  most on their way at a kill: {worst:.0%} of concurrency x 100\n")
    sys.stdout.writelines(f"  {what} {times:,}\n" for what, times in sorted(tally.items()))
    return found
