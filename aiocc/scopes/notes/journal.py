"""The journal of one machine: a job's account in one SQLite file, written ahead by a thread of its own.

Claims and settlements that come while a group is being written make up the next group, so that many share the wait for
the disk. A settlement waits for nobody: it comes before the next claim in the file, as it came before it in time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

import anyio
from attrs import define, field

from aiocc.delivery import Delivery
from aiocc.errors import JournalError
from aiocc.protocol.checks import kind, refuse
from aiocc.scopes.notes.journal_account import Claim, Entry, Settle, folded
from aiocc.scopes.notes.journal_file import JournalFile
from aiocc.scopes.notes.lease import LEASE
from aiocc.scopes.notes.ledger import Job, Ledger, Settlement
from aiocc.scopes.notes.plan import NoteRequest
from aiocc.scopes.notes.rows import id_of
from aiocc.transport.place import Place

Synchronous = Literal["FULL", "NORMAL", "EXTRA"]

BEAT: Final = LEASE / 4
"""Seconds after which an idle journal renews its lease."""

GATHER: Final = 0.002
"""Seconds for which a settlement waits for the claim that mostly follows it."""


class Journal:
    """Where `send_notes(journal=...)` keeps account: one SQLite file. One of the same job is continued.

    Its mode is 0600. It holds who was to get which note, and what became of it, never a note's text.

    Args:
        path: The file; SQLite keeps two more beside it while it is open. A local disk.
        name: The job's, where one file must not be taken for another; by default what the file says.
        synchronous: SQLite's setting: "FULL" survives a loss of power, "NORMAL" the death of the process alone.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, name: str | None = None, synchronous: Synchronous = "FULL"
    ) -> None:
        if not isinstance(path, str | os.PathLike):
            refuse("journal", "a path", kind(path))
        if synchronous not in ("FULL", "NORMAL", "EXTRA"):
            refuse("synchronous", "'FULL', 'NORMAL' or 'EXTRA'", kind(synchronous))
        self.path: Path = Path(path)
        self._name = name
        self._synchronous = synchronous

    @property
    def name(self) -> str:
        """The job's name; the file's where none was given."""
        return self._name or self.path.stem

    @asynccontextmanager
    async def open(self, job: Job) -> AsyncIterator[Ledger]:
        """Begin the job, or go on with it; the file is open, and held, inside the block.

        Raises:
            JournalMismatchError: Another job has this file.
            JournalInUseError: Another runner has it.
            JournalDamagedError: It is torn, or was changed.
            JournalError: It cannot be read or written.
        """
        writer = Writer(JournalFile(self.path, self._name, self._synchronous), job)
        with anyio.CancelScope(shield=True):  # opening is short, and must not be left half done
            await writer.started()
        try:
            yield _OpenJournal(writer)
        finally:
            with anyio.CancelScope(shield=True):
                await writer.aclose()

    def __repr__(self) -> str:
        return f"<Journal {self.name}>"


@define(eq=False)
class Group:
    """What is written as one.

    Attributes:
        entries: In order.
        done: Set when it is on disk, or has failed.
        failure: Why it is not.
    """

    entries: list[Entry] = field(factory=list)
    done: anyio.Event | None = None
    failure: Exception | None = None


class Writer:
    """The thread that has the file. It ends with `aclose`, or when writing has failed.

    Args:
        file: Opened, written and closed in the thread alone.
        job: With which it is opened.
    """

    def __init__(self, file: JournalFile, job: Job) -> None:
        self._file = file
        self._job = job
        self._call_soon = call_soon()
        self._changed = threading.Condition()
        self._group = Group()
        self._closing = False
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
        """Have an entry written with the next group; what is put first stands first.

        Raises:
            JournalError: Writing has failed before.
        """
        with self._changed:
            if self._failure is not None:
                raise JournalError("the journal cannot be written any more") from self._failure
            group = self._group
            group.entries.append(entry)
            if group.done is None and isinstance(entry, Claim):
                group.done = anyio.Event()
            self._changed.notify()
        return group

    async def aclose(self) -> None:
        """Write what is left, and close the file.

        Raises:
            JournalError: It could not be written.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        await self._ended.wait()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    # In the thread.

    def _run(self) -> None:
        try:
            self._file.open(self._job)
        except Exception as error:  # noqa: BLE001 - raised by `started`
            self._failure = error
            self._tell(self._opened)
            return
        try:
            self._fresh_from = self._file.fresh_from
            self._tell(self._opened)
            while self._failure is None and (group := self._next()) is not None:
                self._write(group)
        finally:
            self._close()

    def _next(self) -> Group | None:
        """Wait for a group; one without entries renews the lease, None ends the thread."""
        with self._changed:
            if not self._group.entries and not self._closing:
                self._changed.wait(BEAT)
            if self._group.entries and self._group.done is None and not self._closing:
                # A settlement: whoever settles claims the next moment, and need not wait for two groups.
                self._changed.wait_for(lambda: self._group.done is not None or self._closing, GATHER)
            group, self._group = self._group, Group()
            if self._closing and not group.entries:
                return None
        return group

    def _write(self, group: Group) -> None:
        try:
            self._file.commit(group.entries)
        except Exception as error:  # noqa: BLE001 - raised where somebody waits
            with self._changed:
                self._failure = error
                later, self._group = self._group, Group()
            for failed in (group, later):
                failed.failure = error
                self._tell(failed.done)
        else:
            self._tell(group.done)

    def _close(self) -> None:
        try:
            self._file.close()
        except Exception as error:  # noqa: BLE001 - raised by `aclose`
            self._failure = self._failure or error
        self._tell(self._ended)

    def _tell(self, event: anyio.Event | None) -> None:
        try:
            self._call_soon(event.set if event is not None else _nothing)
        except RuntimeError:  # the event loop has ended, and with it whoever could close this
            self._closing = True


class _OpenJournal:
    """The account of one job.

    Args:
        writer: Writes it.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._maybe: set[int] = set()
        self.fresh_from: int = writer.fresh_from

    async def claim(self, request: NoteRequest, *, resend_unknown: bool = False) -> Settlement | None:
        """Claim a request, as `Ledger` says."""
        entry = Claim(request, resend_unknown)
        group = self._writer.put(entry)
        assert group.done is not None
        try:
            await group.done.wait()
        except BaseException:
            # It is being written, or will be; nothing leaves by it any more.
            self._writer.put(
                Settle(request, Settlement(delivery=Delivery.NOT_SENT, reason="cancelled"), if_claimed=True)
            )
            raise
        failure = group.failure or entry.failure
        if failure is not None:
            raise failure
        if entry.maybe:
            self._maybe.add(id_of(request))
        return entry.known

    async def settle(self, request: NoteRequest, settlement: Settlement) -> Settlement:
        """Settle a request, as `Ledger` says."""
        place = id_of(request)
        known = folded(settlement, maybe=place in self._maybe)
        self._maybe.discard(place)
        self._writer.put(Settle(request, known))
        return known


def call_soon() -> Callable[[Callable[[], Any]], object]:
    """Give the function by which another thread wakes this event loop."""
    loop = Place().asyncio_loop
    if loop is not None:
        return loop.call_soon_threadsafe
    import trio  # noqa: PLC0415 - there already, where it runs; never otherwise

    return trio.lowlevel.current_trio_token().run_sync_soon


def _nothing() -> None:
    """Wakes the event loop, to see whether it still runs."""
