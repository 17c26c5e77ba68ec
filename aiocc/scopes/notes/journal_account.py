"""The requests in a journal: claims and settlements as rows, inside a transaction of whoever has the file."""

from __future__ import annotations

import sqlite3
import time

from attrs import define, evolve, field

from aiocc.delivery import Delivery
from aiocc.errors import JournalDamagedError, JournalError, JournalMismatchError
from aiocc.scopes.notes.ledger import Settlement
from aiocc.scopes.notes.plan import NoteRequest
from aiocc.scopes.notes.rows import INSERT_ROW, SELECT_ROW, SELECT_ROWS, Head, Row, id_of


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


@define(eq=False)
class Account:
    """What a journal holds.

    Attributes:
        head: The job's row, as it stands with the transaction.
    """

    head: Head
    _connection: sqlite3.Connection
    _highest: int = field(default=-1, init=False)
    _claimed: dict[int, Row] = field(factory=dict, init=False)

    @property
    def fresh_from(self) -> int:
        """The number after the highest one that was ever claimed."""
        return (self._highest >> 8) + 1

    def read(self) -> list[Row]:
        """Check every row; gives those that were claimed and never settled.

        Raises:
            JournalDamagedError: One was changed, or is missing.
        """
        unsettled: list[Row] = []
        count = seals = 0
        for *columns, seal in self._connection.execute(SELECT_ROWS):
            row = Row(*columns)
            if row.seal != seal:
                raise JournalDamagedError(f"the journal is damaged: request {row.id >> 8} was changed")
            count += 1
            seals ^= seal
            self._highest = max(self._highest, row.id)
            if row.delivery is None:
                unsettled.append(row)
        if (count, seals) != (self.head.requests, self.head.seals):
            raise JournalDamagedError("the journal is damaged: requests are missing")
        return unsettled

    def claim(self, entry: Claim) -> None:
        """Claim a request, or say in the entry why it is not to be sent."""
        request = entry.request
        place = id_of(request)
        before = self._row(place) if place <= self._highest else None
        if before is not None:
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
            int(entry.maybe), before.claims + 1 if before is not None else 1, time.time(),
        )  # fmt: skip
        self._highest = max(self._highest, place)
        self._claimed[place] = row
        self.put(row, before)

    def settle(self, entry: Settle) -> None:
        """Settle a claimed request.

        Raises:
            JournalError: It was not claimed here.
        """
        row = self._claimed.pop(id_of(entry.request), None)
        if row is None:
            if entry.if_claimed:
                return
            raise JournalError("a request was settled that was not claimed here")
        known = folded(entry.settlement, maybe=bool(row.maybe))
        self.put(
            row._replace(
                delivery=str(known.delivery), code=known.code, reason=known.reason, call_id=known.call_id,
                split=int(known.split), at=known.at,
            ),
            row,
        )  # fmt: skip

    def _row(self, place: int) -> Row | None:
        found = self._connection.execute(SELECT_ROW, (place,)).fetchone()
        return Row(*found[:-1]) if found is not None else None

    def put(self, row: Row, before: Row | None) -> None:
        """Write a row, in place of the one before."""
        seal = row.seal
        head = self.head
        if before is None:
            self.head = head._replace(requests=head.requests + 1, seals=head.seals ^ seal)
        else:
            self.head = head._replace(seals=head.seals ^ before.seal ^ seal)
        self._connection.execute(INSERT_ROW, (*row, seal))


def folded(settlement: Settlement, *, maybe: bool) -> Settlement:
    """Say what is known where an earlier claim may have arrived: to refuse the second proves nothing of the first."""
    if not maybe or settlement.delivery is Delivery.ACCEPTED:
        return settlement
    return evolve(settlement, delivery=Delivery.UNKNOWN, split=False)
