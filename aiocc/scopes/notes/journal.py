"""The journal of one machine: a job's account in one SQLite file, written ahead by a thread of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

import anyio

from aiocc.call.shield import see_through
from aiocc.delivery import Delivery
from aiocc.errors import JournalError
from aiocc.protocol.checks import kind, refuse
from aiocc.scopes.notes.journal_account import Claim, Settle, folded
from aiocc.scopes.notes.journal_file import JournalFile
from aiocc.scopes.notes.journal_writer import Writer
from aiocc.scopes.notes.ledger import Job, Ledger, Settlement
from aiocc.scopes.notes.plan import NoteRequest
from aiocc.scopes.notes.rows import id_of

Synchronous = Literal["FULL", "NORMAL", "EXTRA"]


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
        try:
            await see_through(writer.started)  # it is short, and must not be left half done
        except anyio.get_cancelled_exc_class():
            with suppress(JournalError):
                await see_through(writer.aclose)
            raise
        try:
            yield _OpenJournal(writer)
        finally:
            await see_through(writer.aclose)

    def __repr__(self) -> str:
        return f"<Journal {self.name}>"


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
            unsent = Settlement(delivery=Delivery.NOT_SENT, reason="cancelled")
            with suppress(JournalError):
                self._writer.put(Settle(request, unsent, if_claimed=True))
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
