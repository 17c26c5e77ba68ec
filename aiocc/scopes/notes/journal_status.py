"""A journal read by whoever wants to know: while it is written, after it was left, and where it is damaged."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from attrs import fields, frozen

from aiocc.delivery import Delivery
from aiocc.errors import JournalDamagedError, JournalError
from aiocc.scopes.notes.journal_errors import told
from aiocc.scopes.notes.journal_file import open_here
from aiocc.scopes.notes.lease import Runner
from aiocc.scopes.notes.ledger import NEVER_SETTLED
from aiocc.scopes.notes.rows import APPLICATION, SELECT_HEAD, SELECT_ROWS, Head, Row, receivers_of
from aiocc.scopes.notes.witness import NoWitness, Witness

BUSY: Final = 5.0


@frozen(kw_only=True)
class ReceiverRow:
    """One receiver of one note.

    Attributes:
        note: The note's number in the input, from 0.
        key: The note's own.
        receiver: The agent.
        delivery: What is known.
        reason: Why it was not simply accepted.
        code: The failing code of the answer's envelope.
        sender: The agent whose turn it was.
        call_id: As in logs and hooks.
        at: When it was claimed or settled, in UTC.
    """

    note: int
    key: str | None
    receiver: int
    delivery: Delivery
    reason: str | None
    code: str | None
    sender: int
    call_id: str | None
    at: datetime


@frozen(kw_only=True)
class JournalStatus:
    """How far a job has come, by its journal.

    Attributes:
        path: The journal.
        name: The job's.
        runner: The process that has it now; None where none does.
        requests: That were claimed.
        receivers: By delivery; of what is on its way UNKNOWN.
        on_their_way: Receivers whose request was claimed and is not settled. Without a runner they stay UNKNOWN.
        planned: Receivers in the whole job, where the input could be read twice.
        at: When the last request was claimed or settled.
        damage: Why it cannot be continued; None where nothing is wrong.
    """

    path: Path
    name: str
    runner: int | None
    requests: int
    receivers: Mapping[Delivery, int]
    on_their_way: int
    planned: int | None
    at: datetime | None
    damage: str | None

    def rows(self, *, unsettled: bool = False) -> Iterator[ReceiverRow]:
        """Give a row for each receiver, in the order of the input, as the journal stands now.

        Args:
            unsettled: Whether to leave out what was accepted.

        Raises:
            JournalError: It cannot be read.
        """
        with told(self.path, "read"), _opened(self.path) as connection:
            where = " WHERE split = 0" + (" AND delivery IS NOT 'accepted'" if unsettled else "")
            for *columns, _ in connection.execute(f"{SELECT_ROWS}{where} ORDER BY id"):
                yield from _receiver_rows(Row(*columns))

    def write_csv(self, file: TextIO, *, unsettled: bool = False) -> int:
        """Write `rows` as CSV with a head; gives how many. Open the file with `newline=""`."""
        return write_csv(self.rows(unsettled=unsettled), file)

    def write_json_lines(self, file: TextIO, *, unsettled: bool = False) -> int:
        """Write `rows` as JSON Lines; gives how many."""
        return write_json_lines(self.rows(unsettled=unsettled), file)


def read_journal(path: str | os.PathLike[str]) -> JournalStatus:
    """Read a journal; it may be written at the same time. Nothing in it is changed.

    Raises:
        JournalDamagedError: It is no journal, or too little of it is left to be read.
        JournalError: It is not there, or cannot be opened.
    """
    path = Path(path)
    with told(path, "read"):
        damage, seen = _witnessed(path)
        with _opened(path) as connection:
            connection.execute("BEGIN")  # one state of it, for as long as this reads
            *columns, seal, runner, until = connection.execute(SELECT_HEAD).fetchone()
            head = Head(*columns)
            tally = _Tally(connection)
    if head.seal != seal or (tally.requests, tally.seals) != (head.requests, head.seals):
        damage = "requests were changed, or are missing"
    elif head.commits < seen:
        damage = f"the last transactions are lost ({seen - head.commits})"
    held = Runner.load(runner) if runner is not None else None
    return JournalStatus(
        path=path,
        name=head.name,
        runner=held.pid if held is not None and not held.has_ended(until) else None,
        requests=tally.requests,
        receivers=tally.receivers,
        on_their_way=tally.on_their_way,
        planned=head.planned,
        at=_moment(tally.at) if tally.at else None,
        damage=damage or tally.damage,
    )


def write_csv(rows: Iterable[ReceiverRow], file: TextIO) -> int:
    """Write rows as CSV with a head; gives how many. Open the file with `newline=""`."""
    writer = csv.DictWriter(file, [field.name for field in fields(ReceiverRow)], lineterminator="\n")
    writer.writeheader()
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the last one is how many there were
        writer.writerow(_plain(row))
    return count


def write_json_lines(rows: Iterable[ReceiverRow], file: TextIO) -> int:
    """Write rows as JSON Lines; gives how many."""
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the last one is how many there were
        file.write(json.dumps(_plain(row), ensure_ascii=False) + "\n")
    return count


class _Tally:
    """Counts what stands in a journal, and checks its seals."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.requests = self.seals = self.on_their_way = 0
        self.receivers: dict[Delivery, int] = {}
        self.at = 0.0
        self.damage: str | None = None
        for *columns, seal in connection.execute(SELECT_ROWS):
            row = Row(*columns)
            self.requests += 1
            self.seals ^= seal
            if row.seal != seal:
                self.damage = f"request {row.id >> 8} was changed"
            self.at = max(self.at, row.at)
            if not row.split:
                self._count(row)

    def _count(self, row: Row) -> None:
        count = len(row.receivers) // 4
        delivery = row.known.delivery
        self.receivers[delivery] = self.receivers.get(delivery, 0) + count
        if row.delivery is None:
            self.on_their_way += count


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None)) as connection:
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            raise JournalDamagedError("this is no journal, or it is damaged")
        yield connection


def _witnessed(path: Path) -> tuple[str | None, int]:
    """Give how many transactions were seen, or why that is not known."""
    if not path.exists():
        raise JournalError("there is no such journal; give the path that the run was given (journal=, --journal)")
    here = open_here(path)
    if here is not None:
        return None, here.count
    try:
        with Witness(path, writable=False) as witness:
            return None, witness.count
    except NoWitness:
        return "a part of the file is missing", 0


def _receiver_rows(row: Row) -> Iterator[ReceiverRow]:
    for receiver in receivers_of(row.receivers):
        yield ReceiverRow(
            note=row.note,
            key=row.key,
            receiver=receiver,
            delivery=row.known.delivery,
            reason=row.reason if row.delivery is not None else NEVER_SETTLED,
            code=row.code,
            sender=row.sender,
            call_id=row.call_id,
            at=_moment(row.at),
        )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _plain(row: ReceiverRow) -> dict[str, object]:
    values = {field.name: getattr(row, field.name) for field in fields(ReceiverRow)}
    return {**values, "delivery": str(row.delivery), "at": row.at.isoformat()}
