"""The journal's tables: a row for the job, one for each request, each with a seal over its columns.

A seal finds what a fault of the disk or a stray hand has changed. The job's row holds the number of requests and the
sum (XOR) of their seals, so that a row that was taken out or put in is missed as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from aiocc.delivery import Delivery
from aiocc.scopes.notes.ledger import Settlement
from aiocc.scopes.notes.plan import NoteRequest

APPLICATION: Final = 0x61696F63
"""SQLite's `application_id` of a journal: "aioc"."""

FORMAT: Final = 2

SCHEMA: Final = (
    "CREATE TABLE witness (row BLOB NOT NULL)",
    "CREATE TABLE job (one INTEGER PRIMARY KEY CHECK (one = 1), format INTEGER NOT NULL, name TEXT NOT NULL,"
    " digest TEXT, planned INTEGER, commits INTEGER NOT NULL, requests INTEGER NOT NULL, seals INTEGER NOT NULL,"
    " seal INTEGER NOT NULL, runner TEXT, until REAL NOT NULL)",
    # The id is the request's number times 256, and below that its part: 1 for all of it, 2 and 3 for its halves.
    "CREATE TABLE requests (id INTEGER PRIMARY KEY, note INTEGER NOT NULL, key TEXT, sender INTEGER NOT NULL,"
    " receivers BLOB NOT NULL, hash TEXT NOT NULL, delivery TEXT, code TEXT, reason TEXT, call_id TEXT,"
    " split INTEGER NOT NULL, maybe INTEGER NOT NULL, claims INTEGER NOT NULL, at REAL NOT NULL,"
    " seal INTEGER NOT NULL)",
)


class Head(NamedTuple):
    """The job's row, without its lease.

    Attributes:
        format: Of the journal.
        name: The job's.
        digest: Of its whole plan; None where that is not known.
        planned: Receivers in it; None where that is not known.
        commits: Transactions so far.
        requests: Rows there are.
        seals: XOR of their seals.
    """

    format: int
    name: str
    digest: str | None
    planned: int | None
    commits: int
    requests: int
    seals: int

    @property
    def seal(self) -> int:
        """The seal over it."""
        return seal_of(tuple(self))


class Row(NamedTuple):
    """A request.

    Attributes:
        id: Its number times 256, and its part.
        note: The note's number.
        key: The note's own.
        sender: Who sends it.
        receivers: Four bytes each.
        hash: What it asks for.
        delivery: None while it is claimed and not settled.
        code: The failing code.
        reason: Why it was not accepted.
        call_id: As in logs and hooks.
        split: Its halves go in its place.
        maybe: It may have arrived by an earlier claim.
        claims: How often it was claimed.
        at: When it was claimed or settled.
    """

    id: int
    note: int
    key: str | None
    sender: int
    receivers: bytes
    hash: str
    delivery: str | None
    code: str | None
    reason: str | None
    call_id: str | None
    split: int
    maybe: int
    claims: int
    at: float

    @property
    def seal(self) -> int:
        """The seal over it."""
        return seal_of((*self[:4], *self[5:]), self.receivers)

    @property
    def known(self) -> Settlement:
        """What is known of it; a claim that is not settled is UNKNOWN."""
        return Settlement(
            delivery=Delivery(self.delivery or Delivery.UNKNOWN),
            code=self.code,
            reason=self.reason,
            call_id=self.call_id,
            split=bool(self.split),
            at=self.at,
        )


SELECT_HEAD: Final = f"SELECT {', '.join(Head._fields)}, seal, runner, until FROM job"  # noqa: S608 - names of ours
UPDATE_HEAD: Final = (
    "UPDATE job SET digest = ?, planned = ?, commits = ?, requests = ?, seals = ?, seal = ?, until = ? WHERE runner = ?"
)
SELECT_ROWS: Final = f"SELECT {', '.join(Row._fields)}, seal FROM requests"  # noqa: S608 - names of ours
SELECT_ROW: Final = f"{SELECT_ROWS} WHERE id = ?"
ROWS_AT_ONCE: Final = 64
"""Of one statement: a statement for many rows lets other threads in once, and not once a row."""


@cache
def insert_rows(count: int) -> str:
    """Give the statement that writes so many rows, each with its seal, in place of those that are there."""
    row = f"({', '.join('?' * (len(Row._fields) + 1))})"
    return f"INSERT OR REPLACE INTO requests VALUES {', '.join([row] * count)}"  # noqa: S608 - marks alone


def seal_of(columns: tuple[Any, ...], raw: bytes = b"") -> int:
    """Make the seal over a row's columns, one of which may be given as it is: 63 bits, which SQLite's integers hold."""
    return int.from_bytes(blake2b(raw + repr(columns).encode(), digest_size=8).digest()) >> 1


def id_of(request: NoteRequest) -> int:
    """Give a request's id."""
    return request.number << 8 | (int("1" + request.part, 2) if request.part else 1)


def receivers_of(packed: bytes) -> Iterator[int]:
    """Give the receivers of a row."""
    for start in range(0, len(packed), 4):
        yield int.from_bytes(packed[start : start + 4], "little")
