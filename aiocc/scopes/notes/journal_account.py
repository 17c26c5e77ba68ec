"""The requests in a journal: claims and settlements as rows, inside a transaction of whoever has the file."""

from __future__ import annotations

import sqlite3
import time
from itertools import chain

from attrs import define, evolve, field

from aiocc.delivery import Delivery
from aiocc.errors import JournalDamagedError, JournalError, JournalMismatchError
from aiocc.scopes.notes.ledger import Settlement
from aiocc.scopes.notes.plan import NoteRequest
from aiocc.scopes.notes.rows import ROWS_AT_ONCE, SELECT_ROW, SELECT_ROWS, Head, Row, id_of, insert_rows


@define(eq=False)
class Claim:
    """A request that wants to be sent.

    Attributes:
        known: What is known of it, where it is not to be sent.
        maybe: Whether an earlier claim may have been sent.
        failure: Why it cannot be claimed.
    """

    request: NoteRequest
    resend_unknown: bool
    known: Settlement | None = None
    maybe: bool = False
    failure: JournalError | None = None


@define(eq=False)
class Settle:
    """What became of a claimed request.

    Attributes:
        if_claimed: Whether it may be that it was not claimed at all.
    """

    request: NoteRequest
    settlement: Settlement
    if_claimed: bool = False


Entry = Claim | Settle
Sealed = tuple[Row, int]


@define(eq=False)
class Account:
    """What a journal holds, and what a transaction is about to change: rows are gathered, and written at its end.

    Attributes:
        head: The job's row, as the last transaction left it.
    """

    head: Head
    _connection: sqlite3.Connection
    _requests: int = field(init=False)
    _seals: int = field(init=False)
    _highest: int = field(default=-1, init=False)
    _claimed: dict[int, Sealed] = field(factory=dict, init=False)
    _gathered: dict[int, Sealed] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._requests, self._seals = self.head.requests, self.head.seals

    @property
    def fresh_from(self) -> int:
        """The number after the highest one that was ever claimed."""
        return (self._highest >> 8) + 1

    def read(self) -> list[Sealed]:
        """Check every row; gives those that were claimed and never settled.

        Raises:
            JournalDamagedError: One was changed, or is missing.
        """
        unsettled: list[Sealed] = []
        count = seals = 0
        for *columns, seal in self._connection.execute(SELECT_ROWS):
            row = Row(*columns)
            if row.seal != seal:
                raise JournalDamagedError(f"the journal is damaged: request {row.id >> 8} was changed")
            count += 1
            seals ^= seal
            self._highest = max(self._highest, row.id)
            if row.delivery is None:
                unsettled.append((row, seal))
        if (count, seals) != (self.head.requests, self.head.seals):
            raise JournalDamagedError("the journal is damaged: requests are missing")
        return unsettled

    def claim(self, entry: Claim) -> None:
        """Claim a request, or say in the entry why it is not to be sent."""
        request = entry.request
        place = id_of(request)
        claims, seal = 0, None
        if place <= self._highest and (found := self._found(place)) is not None:
            before, seal = found
            claims = before.claims
            if before.hash != request.hash:
                entry.failure = JournalMismatchError(
                    f"request {request.number} is another one in the journal: these notes are not those of its job"
                )
                return
            known = before.known
            if not known.delivery.safe_to_repeat and not (entry.resend_unknown and before.delivery == Delivery.UNKNOWN):
                entry.known = known
                return
            if known.split:
                entry.known = known
                return
            entry.maybe = known.delivery is Delivery.UNKNOWN
        row = Row(
            place, request.note, request.key, request.sender, request.packed, request.hash, None, None, None, None, 0,
            int(entry.maybe), claims + 1, time.time(),
        )  # fmt: skip
        self._highest = max(self._highest, place)
        self._claimed[place] = row, self.put(row, seal)

    def settle(self, entry: Settle) -> None:
        """Settle a claimed request.

        Raises:
            JournalError: It was not claimed here.
        """
        claimed = self._claimed.pop(id_of(entry.request), None)
        if claimed is None:
            if entry.if_claimed:
                return
            raise JournalError("a request was settled that was not claimed here")
        row, seal = claimed
        known = folded(entry.settlement, maybe=bool(row.maybe))
        self.put(
            Row(
                *row[:6], known.delivery.value, known.code, known.reason, known.call_id, int(known.split),
                row.maybe, row.claims, known.at,
            ),
            seal,
        )  # fmt: skip

    def put(self, row: Row, before: int | None) -> int:
        """Have a row written, in place of the one with the seal before; gives its own seal."""
        seal = row.seal
        if before is None:
            self._requests += 1
        else:
            self._seals ^= before
        self._seals ^= seal
        self._gathered[row.id] = row, seal
        return seal

    def write(self) -> None:
        """Write what was gathered, and make the head that goes with it."""
        rows = [(*row, seal) for row, seal in self._gathered.values()]
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            self._connection.execute(insert_rows(len(some)), tuple(chain.from_iterable(some)))
        self._gathered.clear()
        self.head = self.head._replace(commits=self.head.commits + 1, requests=self._requests, seals=self._seals)

    def _found(self, place: int) -> Sealed | None:
        if place in self._gathered:
            return self._gathered[place]
        found = self._connection.execute(SELECT_ROW, (place,)).fetchone()
        return (Row(*found[:-1]), found[-1]) if found is not None else None


def folded(settlement: Settlement, *, maybe: bool) -> Settlement:
    """Say what is known where an earlier claim may have arrived: to refuse the second proves nothing of the first."""
    if not maybe or settlement.delivery is Delivery.ACCEPTED:
        return settlement
    return evolve(settlement, delivery=Delivery.UNKNOWN, split=False)
