"""A runner of the kill campaign: a forked process that sends a job, and kills itself at one request and phase."""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
from attrs import field, frozen

from aiocc import Client, Journal, JournalError, JournalInUseError, Note, Outcome
from aiocc.protocol.operation import Request
from aiocc.scopes.notes import Job, Ledger, NoteRequest, NoteRun, Settlement
from aiocc.scopes.notes.ledger import Sender

from .kill_centre import FIRST, LAST
from .storm import BACKENDS

PHASES = ("before the intent", "after the intent", "bytes out", "answer in", "after the outcome")
DONE, INCOMPLETE, IN_USE, REFUSED, BROKEN = 0, 10, 11, 12, 13
"""How a runner that was not killed ends."""


@frozen
class Work:
    """One job: who is to get what, by whom, and in which event loop.

    Attributes:
        seed: Of everything.
        receivers: In all.
    """

    seed: int
    receivers: int
    notes: tuple[Note, ...] = field(init=False, repr=False)
    concurrency: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        rng = random.Random(self.seed)  # noqa: S311 - nothing secret
        object.__setattr__(self, "concurrency", rng.choice((1, 4, 16)))
        object.__setattr__(self, "notes", tuple(self._made(rng)))

    def _made(self, rng: random.Random) -> Iterator[Note]:
        left, number = self.receivers, 0
        while left:
            count = min(left, rng.choice((rng.randint(1, 20), rng.randint(1, 100), rng.randint(1, 250))))
            to = rng.sample(range(FIRST, LAST), count)
            yield Note([*to, *to[: rng.randrange(3)]], f"job {self.seed} note {number}", key=f"key {number}")
            left, number = left - count, number + 1

    def wanted(self) -> Iterator[tuple[str, int]]:
        """Give each content and receiver."""
        for note in self.notes:
            for receiver in note.to:
                yield note.content, receiver

    def given(self, rng: random.Random) -> Any:
        """Give the notes as a list, an iterator or an async iterator."""
        return rng.choice((list, iter, _stream))(self.notes)


async def _stream(notes: tuple[Note, ...]) -> AsyncIterator[Note]:
    for note in notes:
        yield note


@frozen
class Death:
    """When to die: at the so-many-th request of this runner, in this phase."""

    number: int
    phase: str

    def comes(self, number: int, phase: str) -> None:
        """Die, if this is it."""
        if (number, phase) == (self.number, self.phase):
            os.kill(os.getpid(), signal.SIGKILL)


class DeadlyStore:
    """A journal at whose claims and settlements its runner may die."""

    def __init__(self, journal: Journal, death: Death) -> None:
        self._journal = journal
        self._death = death
        self.name = journal.name

    @asynccontextmanager
    async def open(self, job: Job) -> AsyncIterator[Ledger]:
        """Open it."""
        async with self._journal.open(job) as ledger:
            yield DeadlyLedger(ledger, self._death)


class DeadlyLedger:
    """Its ledger."""

    def __init__(self, ledger: Ledger, death: Death) -> None:
        self._ledger = ledger
        self._death = death
        self._claimed = self._settled = 0
        self.fresh_from = ledger.fresh_from

    async def claim(self, request: NoteRequest, *, resend_unknown: bool = False) -> Settlement | None:
        """Claim."""
        self._death.comes(self._claimed + 1, PHASES[0])
        known = await self._ledger.claim(request, resend_unknown=resend_unknown)
        if known is None:
            self._claimed += 1
            self._death.comes(self._claimed, PHASES[1])
        return known

    async def settle(self, request: NoteRequest, settlement: Settlement) -> Settlement:
        """Settle; to die after it is to die when it is on disk, or about to be."""
        self._settled += 1
        known = await self._ledger.settle(request, settlement)
        if (self._settled, PHASES[4]) == (self._death.number, self._death.phase):
            await anyio.sleep(0.005)
            self._death.comes(self._settled, PHASES[4])
        return known


class DeadlySender:
    """An agent in whose requests its runner may die."""

    def __init__(self, sender: Sender, death: Death, group: anyio.abc.TaskGroup) -> None:
        self.agent_id = sender.agent_id
        self._sender = sender
        self._death = death
        self._group = group
        self._sent = self._answered = 0

    async def send(self, request: Request[Any]) -> Outcome[Any]:
        """Send; the bytes are out, and no answer is in, at half its latency."""
        self._sent += 1
        if (self._sent, PHASES[2]) == (self._death.number, self._death.phase):
            self._group.start_soon(self._die_soon)
        outcome = await self._sender.send(request)
        self._answered += 1
        self._death.comes(self._answered, PHASES[3])
        return outcome

    async def _die_soon(self) -> None:
        await anyio.sleep(0.01)
        self._death.comes(self._death.number, PHASES[2])


def fork(runner: Callable[[], int]) -> int:
    """Run something in a process of its own, made of this one, so that nothing is imported again; gives its number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which pytest may have: none holds a lock here
        child = os.fork()
    if child:
        return child
    code = BROKEN
    try:
        code = runner()
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run in this process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def end_of(child: int) -> int:
    """Wait for a process; gives its exit code, below 0 for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def send_job(
    work: Work,
    path: Path,
    environment: Mapping[str, str],
    *,
    seed: int,
    death: Death | None = None,
    most_bytes: int | None = None,
) -> int:
    """Begin or continue a job; gives how it ended.

    Args:
        work: The job.
        path: Its journal.
        environment: Of the contact centre.
        seed: Of what differs between the runs of a job.
        death: When to die.
        most_bytes: How large a file may grow: a disk that is full.
    """
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
    store: Any = Journal(path) if death is None else DeadlyStore(Journal(path), death)

    async def main() -> int:
        async with Client.from_env(environment) as client, anyio.create_task_group() as group:
            agent: Any = client.agent().in_bulk()
            if death is not None:
                agent = DeadlySender(agent, death, group)
            run = NoteRun([agent], work.given(rng), concurrency=work.concurrency, journal=store)
            try:
                report = await run
            except JournalInUseError:
                return IN_USE
            except JournalError:
                return REFUSED
            return DONE if report.complete else INCOMPLETE

    code: int = anyio.run(main, **BACKENDS[rng.choice(list(BACKENDS))])
    return code
