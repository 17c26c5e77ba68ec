"""The journal's file, for the one thread that has it: opened only where it can be trusted, written by the group."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import define, field

from aiocc.delivery import Delivery
from aiocc.errors import JournalDamagedError, JournalError, JournalInUseError, JournalMismatchError
from aiocc.scopes.notes.journal_account import Account, Claim, Entry
from aiocc.scopes.notes.journal_errors import named, told
from aiocc.scopes.notes.journal_new import create
from aiocc.scopes.notes.lease import LEASE, Runner, live
from aiocc.scopes.notes.ledger import NEVER_SETTLED, Job
from aiocc.scopes.notes.rows import (
    APPLICATION,
    FORMAT,
    SELECT_HEAD,
    UPDATE_HEAD,
    Head,
)
from aiocc.scopes.notes.witness import NoWitness, Witness

BUSY: Final = 5.0
"""Seconds that another process may hold the file."""

_here: Final[dict[tuple[int, int], Witness]] = {}
_turn: Final = threading.Lock()
"""The journals that this process has open, by device and inode: their files must not be opened a second time."""


def open_here(path: Path) -> Witness | None:
    """Give the witness of a journal that this process has open."""
    found = path.stat()
    return _here.get((found.st_dev, found.st_ino))


@define(eq=False)
class JournalFile:
    """One journal, held by one runner.

    Args:
        path: Where.
        name: The job's, where the application insists on one.
        synchronous: SQLite's setting.
    """

    path: Path
    name: str | None
    synchronous: str
    _runner: Runner = field(factory=Runner, init=False)
    _lease: str = field(init=False)
    _account: Account = field(init=False)
    _connection: sqlite3.Connection = field(init=False)
    _witness: Witness = field(init=False)
    _inode: tuple[int, int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._lease = self._runner.dump()

    @property
    def fresh_from(self) -> int:
        """The number after the highest one that was ever claimed."""
        return self._account.fresh_from

    def open(self, job: Job) -> None:
        """Begin the job, or go on with it.

        Raises:
            JournalError: One of its children, by what is wrong.
        """
        with told(self.path, "opened"):
            if not self.path.exists():
                self._check_no_log()
                create(self.path, self.name or job.name)
            self._take_file()
            try:
                self._connect()
                try:
                    self._take_job(job)
                except BaseException:
                    self._connection.close()
                    raise
            except BaseException:
                self._give_file_back()
                raise

    def commit(self, entries: Sequence[Entry]) -> None:
        """Write a group of claims and settlements down, durably. A claim that is refused has its `failure`.

        Raises:
            JournalError: Nothing of it is written: nothing more may be sent.
        """
        with told(self.path, "written"), self._transaction():
            for entry in entries:
                if isinstance(entry, Claim):
                    self._account.claim(entry)
                    if entry.failure is not None:
                        entry.failure = named(self.path, entry.failure)
                else:
                    self._account.settle(entry)

    def close(self) -> None:
        """Give the job up, and close the file."""
        try:
            with told(self.path, "closed"):
                self._connection.execute("UPDATE job SET runner = NULL WHERE runner = ?", (self._lease,))
        finally:
            try:
                self._connection.close()
            finally:
                self._give_file_back()

    # The file.

    def _check_no_log(self) -> None:
        """Make no journal beside the log of another: SQLite would take it for the new one's."""
        log = self.path.with_name(f"{self.path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise JournalDamagedError("the journal is gone, and its -wal file is there")

    def _take_file(self) -> None:
        found = self.path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise JournalError("the journal is no file; give a path where one can be (journal=, --journal)")
        if not found.st_size:
            raise JournalDamagedError("the journal is empty, which it never is: remove it if it was no journal before")
        self._inode = (found.st_dev, found.st_ino)
        with _turn:
            if self._inode in _here:
                raise JournalInUseError("the journal is in use in this process")
            if os.name == "posix" and stat.S_IMODE(found.st_mode) != 0o600:
                self.path.chmod(0o600)
            live.add(self._runner.token)
            try:
                self._witness = _here[self._inode] = Witness(self.path, writable=True)
            except NoWitness:
                live.discard(self._runner.token)
                raise JournalDamagedError("this is no journal, or it is damaged") from None

    def _give_file_back(self) -> None:
        with _turn:
            _here.pop(self._inode, None)
            live.discard(self._runner.token)
            self._witness.close()

    def _connect(self) -> None:
        self._connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None)
        try:
            self._check_application()
            self._connection.execute(f"PRAGMA synchronous = {self.synchronous}")
        except BaseException:
            self._connection.close()
            raise

    def _check_application(self) -> None:
        if self._connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            raise JournalDamagedError("this is no journal, or it is damaged")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Write what the body does as one; with the lease still ours, or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._account.write()
            self._put_head()
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        # Before anything is sent by it; a claim is answered after this.
        self._witness.write(self._account.head.commits)

    # The job.

    def _take_job(self, job: Job) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._read_head(job)
            unsettled = self._account.read()
            self._connection.execute("UPDATE job SET runner = ?, until = ?", (self._lease, time.time() + LEASE))
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        with self._transaction():
            for row, seal in unsettled:
                self._account.put(row._replace(delivery=str(Delivery.UNKNOWN), reason=NEVER_SETTLED), seal)

    def _read_head(self, job: Job) -> None:
        *columns, seal, runner, until = self._connection.execute(SELECT_HEAD).fetchone() or (*(None,) * 9, 0.0)
        if columns[0] is None or Head(*columns).seal != seal:
            raise JournalDamagedError("the journal is damaged: its head was changed")
        head = Head(*columns)
        if head.format != FORMAT:
            raise JournalError(
                f"the journal has format {head.format}, and this version reads {FORMAT}; go on with the version that "
                "began it, or give another journal (journal=, --journal)"
            )
        if head.commits < self._witness.count:
            lost = self._witness.count - head.commits
            raise JournalDamagedError(f"the journal has lost its last transactions ({lost}), or its -wal file")
        if runner is not None and not (held := Runner.load(runner)).has_ended(until):
            raise JournalInUseError(f"the journal is in use by process {held.pid}")
        self._account = Account(matched(head, job, self.name), self._connection)

    def _put_head(self) -> None:
        """Count the transaction, and renew the lease, which must still be ours."""
        head = self._account.head
        values = (*head[2:], head.seal, time.time() + LEASE, self._lease)
        if not self._connection.execute(UPDATE_HEAD, values).rowcount:
            raise JournalInUseError("another runner has taken the journal over")


def matched(head: Head, job: Job, name: str | None) -> Head:
    """Give the head for this job.

    Raises:
        JournalMismatchError: It is another job's.
    """
    if name is not None and name != head.name:
        raise JournalMismatchError("the journal is another job's: it has another name")
    if head.digest is not None and job.digest is not None and head.digest != job.digest:
        raise JournalMismatchError("the journal is another job's: these notes are not those it was begun with")
    return head._replace(digest=job.digest or head.digest, planned=job.receivers or head.planned)
