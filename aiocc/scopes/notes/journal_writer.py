"""The thread that writes a journal, and the groups in which claims and settlements reach it.

What comes while a group is being written makes up the next, so that many share the wait for the disk. A settlement
waits for nobody: it comes before the next claim in the file, as it came before it in time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

import anyio
from attrs import define, field

from aiocc.errors import JournalError
from aiocc.scopes.notes.journal_account import Claim, Entry
from aiocc.scopes.notes.journal_file import JournalFile
from aiocc.scopes.notes.lease import LEASE
from aiocc.scopes.notes.ledger import Job
from aiocc.transport.place import Place

BEAT: Final = LEASE / 4
"""Seconds after which an idle journal renews its lease."""
FEW: Final = 4
"""Claims that are written as one at first, and twice as many each time that others are left waiting. Those who wait
together leave together, come back together, and then wait for each other as well: a few at a time stay apart."""


@define(eq=False)
class Group:
    """What is written as one, and answered as one.

    Attributes:
        entries: In order.
        claims: How many of them are claims.
        done: Set when it is on disk, or has failed.
        failure: Why it is not.
    """

    entries: list[Entry] = field(factory=list)
    claims: int = 0
    done: anyio.Event | None = None
    failure: Exception | None = None

    def add(self, entry: Entry) -> None:
        """Add an entry; a settlement waits for nobody, and nobody for it."""
        self.entries.append(entry)
        if isinstance(entry, Claim):
            self.claims += 1
            self.done = self.done or anyio.Event()

    def ends(self, failure: Exception | None) -> None:
        """It is on disk, or not; wake who waits."""
        self.failure = failure
        if self.done is not None:
            self.done.set()


class Writer:
    """The thread that has the file, and what waits for it. It ends with `aclose`, or when writing has failed.

    What waits belongs to the event loop. It is handed over at the end of a turn, so that what came in one turn goes
    together, and again whenever the thread is ready for more.

    Args:
        file: Opened, written and closed in the thread alone.
        job: With which it is opened.
    """

    def __init__(self, file: JournalFile, job: Job) -> None:
        self._file = file
        self._job = job
        self._soon, self._soon_from_thread = wakers()
        self._waiting: deque[Group] = deque()
        self._handed: list[Group] = []
        self._at_once = 1
        self._busy = self._closing = False
        self._to_write: SimpleQueue[list[Entry] | None] = SimpleQueue()
        self._opened = anyio.Event()
        self._ended = anyio.Event()
        self._failure: Exception | None = None
        self._fresh_from = 0
        self._thread = threading.Thread(target=self._run, name="aiocc-journal", daemon=True)

    @property
    def fresh_from(self) -> int:
        """The number after the highest one in the file when it was opened."""
        return self._fresh_from

    async def started(self) -> None:
        """Open the file.

        Raises:
            JournalError: It could not be.
        """
        self._thread.start()
        await self._opened.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def put(self, entry: Entry) -> Group:
        """Have an entry written; what is put first stands first.

        Raises:
            JournalError: Writing has failed before.
        """
        if self._failure is not None:
            raise JournalError(str(self._failure)) from self._failure
        if not self._waiting or self._waiting[-1].claims == FEW:
            self._waiting.append(Group())
        group = self._waiting[-1]
        group.add(entry)
        if not self._busy:
            self._busy = True
            self._soon(self._hand_over)
        return group

    async def aclose(self) -> None:
        """Write what is left, and close the file.

        Raises:
            JournalError: It could not be written.
        """
        self._closing = True
        if not self._busy:
            self._to_write.put(None)
        await self._ended.wait()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _hand_over(self) -> None:
        """Have the thread write what came first; end it where nothing will come any more."""
        self._handed = [self._waiting.popleft() for _ in range(min(self._at_once, len(self._waiting)))]
        if self._handed:
            self._to_write.put([entry for group in self._handed for entry in group.entries])
            return
        self._busy = False
        if self._closing:
            self._to_write.put(None)

    def _written(self) -> None:
        """What was handed over is on disk."""
        for group in self._handed:
            group.ends(None)
        self._at_once = self._at_once * 2 if self._waiting else 1
        self._hand_over()

    def _end(self, failure: Exception | None) -> None:
        """The thread has ended, and nothing more will be written."""
        self._failure = failure
        for group in (*self._handed, *self._waiting):
            group.ends(failure)
        self._waiting.clear()
        self._ended.set()

    # In the thread.

    def _run(self) -> None:
        try:
            self._file.open(self._job)
        except Exception as error:  # noqa: BLE001 - raised by `started`
            self._failure = error
            self._tell(self._opened.set)
            self._tell(self._end, error)
            return
        failure: Exception | None = None
        try:
            self._fresh_from = self._file.fresh_from
            if self._tell(self._opened.set):
                self._write()
        except Exception as error:  # noqa: BLE001 - raised where somebody waits
            failure = error
        try:
            self._file.close()
        except Exception as error:  # noqa: BLE001 - raised by `aclose`
            failure = failure or error
        self._tell(self._end, failure)

    def _write(self) -> None:
        """Write what is handed over, until there will be no more."""
        while (entries := self._next()) is not None:
            self._file.commit(entries)
            if not self._tell(self._written if entries else _nothing):
                return

    def _next(self) -> list[Entry] | None:
        """Wait for what is to be written; nothing renews the lease."""
        try:
            return self._to_write.get(timeout=BEAT)
        except Empty:
            return []

    def _tell(self, what: Callable[..., object], *args: object) -> bool:
        """Have something done in the event loop; false where that has ended, and with it whoever could close this."""
        try:
            self._soon_from_thread(what, *args)
        except RuntimeError:
            return False
        return True


def wakers() -> tuple[Callable[..., object], Callable[..., object]]:
    """Give the functions that have something done soon in this event loop: one for itself, one for other threads."""
    loop = Place().asyncio_loop
    if loop is not None:
        return loop.call_soon, loop.call_soon_threadsafe
    import trio  # noqa: PLC0415 - there already, where it runs; never otherwise

    soon = trio.lowlevel.current_trio_token().run_sync_soon
    return soon, soon


def _nothing() -> None:
    """Asked for by a thread, to see whether the event loop still runs."""
