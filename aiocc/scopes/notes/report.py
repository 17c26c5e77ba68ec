"""What a fan-out tells: an outcome for each request, and how far the whole has come."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import overload

from attrs import field, frozen

from aiocc.delivery import Delivery
from aiocc.errors import CallError
from aiocc.scopes.notes.ledger import Sent, Settlement
from aiocc.scopes.notes.plan import NoteRequest

KEPT_ERRORS = 1000
"""A report keeps so many errors; of what comes after them it has reason and code."""


@frozen(kw_only=True)
class NoteOutcome:
    """What became of one request.

    Attributes:
        note: The note's number in the input, from 0.
        key: The note's own.
        to: The receivers.
        delivery: What is known.
        error: Why it was not simply accepted; None for what is still on its way, for what an earlier run settled,
            and in a report for all but the first thousand.
        reason: The same in a word or two; None after a plain success, and for what is still on its way.
        code: The failing code of the answer's envelope.
        earlier: Whether an earlier run of this job settled it.
    """

    note: int
    key: str | None
    to: Sequence[int]
    delivery: Delivery
    error: CallError | None = field(default=None, eq=False)
    reason: str | None = None
    code: str | None = None
    earlier: bool = False


_Rest = tuple[Delivery, CallError | None, str | None, str | None, bool]


@frozen
class _Kept:
    """An outcome in little memory."""

    note: int
    key: str | None
    to: bytes
    rest: _Rest

    def outcome(self) -> NoteOutcome:
        delivery, error, reason, code, earlier = self.rest
        to = tuple(array("I", self.to))
        return NoteOutcome(
            note=self.note, key=self.key, to=to, delivery=delivery, error=error, reason=reason, code=code,
            earlier=earlier,
        )  # fmt: skip


class Kept:
    """Outcomes that are kept; grows at its end alone."""

    def __init__(self) -> None:
        self._rows: list[_Kept] = []
        self._settled: dict[_Rest, _Rest] = {}

    def add(self, outcome: NoteOutcome) -> None:
        """Keep one."""
        error = outcome.error if len(self._rows) < KEPT_ERRORS else None
        rest = (outcome.delivery, error, outcome.reason, outcome.code, outcome.earlier)
        if error is None:
            rest = self._settled.setdefault(rest, rest)
        self._rows.append(_Kept(outcome.note, outcome.key, array("I", outcome.to).tobytes(), rest))

    def so_far(self, *besides: NoteOutcome) -> Sequence[NoteOutcome]:
        """Give those there are now, and others after them."""
        return Outcomes(self._rows, len(self._rows), besides) if self._rows or besides else ()


class Outcomes(Sequence[NoteOutcome]):
    """The first so many of those that were kept, made when they are looked at."""

    __slots__ = ("_besides", "_count", "_rows")

    def __init__(self, rows: list[_Kept], count: int, besides: tuple[NoteOutcome, ...]) -> None:
        self._rows = rows
        self._count = count
        self._besides = besides

    def __len__(self) -> int:
        return self._count + len(self._besides)

    @overload
    def __getitem__(self, index: int) -> NoteOutcome: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[NoteOutcome]: ...

    def __getitem__(self, index: int | slice) -> NoteOutcome | Sequence[NoteOutcome]:
        if isinstance(index, slice):
            return tuple(self[place] for place in range(*index.indices(len(self))))
        place = range(len(self))[index]
        return self._rows[place].outcome() if place < self._count else self._besides[place - self._count]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(NoteOutcome.__eq__, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<{len(self)} outcomes>"


@frozen(kw_only=True)
class Report:
    """How far a fan-out has come.

    Attributes:
        notes: Read from the input.
        requests: That have ended, those that an earlier run settled among them.
        receivers: By delivery; those of requests still on their way are UNKNOWN.
        unsettled: Whose note was not accepted, or not yet.
        invalid: Notes that could not be sent, where these are skipped.
        duplicates: Receivers that a note named again, and that were left out.
        earlier: Receivers that an earlier run of this job has settled; nothing was sent to these.
        complete: Whether the input was read to its end and every request has ended.
        why: Why it ended before that, where nobody asked for it: no agent who could send was left. What was not read
            was not sent. None else.
    """

    notes: int
    requests: int
    receivers: Mapping[Delivery, int]
    unsettled: Sequence[NoteOutcome] = field(repr=False)
    invalid: int
    duplicates: int = 0
    earlier: int = 0
    complete: bool
    why: str | None = None

    @property
    def accepted(self) -> int:
        """Receivers whose note was accepted."""
        return self.receivers.get(Delivery.ACCEPTED, 0)


def outcome_of(request: NoteRequest, sent: Sent) -> NoteOutcome:
    """Say what became of a request."""
    known = sent.settlement
    return NoteOutcome(
        note=request.note,
        key=request.key,
        to=request.receivers,
        delivery=known.delivery,
        error=sent.error,
        reason=known.reason,
        code=known.code,
        earlier=sent.earlier,
    )


class Tally:
    """Counts what has ended, and knows what is on its way."""

    def __init__(self) -> None:
        self.requests: int = 0
        self.earlier: int = 0
        self._receivers: Counter[Delivery] = Counter()
        self._kept = Kept()
        # Requests that are on their way, so that a run that is cancelled loses none of them.
        self._on_their_way: dict[NoteRequest, None] = {}

    def leaves(self, request: NoteRequest) -> None:
        """A request goes out."""
        self._on_their_way[request] = None

    def never_left(self, request: NoteRequest) -> None:
        """It did not."""
        self._on_their_way.pop(request, None)

    def ends(self, request: NoteRequest, sent: Sent) -> None:
        """It is known what became of a request."""
        self._on_their_way.pop(request, None)
        self.requests += 1
        count = len(request.receivers)
        delivery = sent.settlement.delivery
        self._receivers[delivery] += count
        if sent.earlier:
            self.earlier += count
        if delivery is not Delivery.ACCEPTED:
            self._kept.add(outcome_of(request, sent))

    def goes_on_in_halves(self, request: NoteRequest) -> None:
        """A request was refused, and counts no more: its halves do."""
        self._on_their_way.pop(request, None)

    def refused_as_a_whole(self, half: NoteRequest) -> None:
        """A half will not go out: what is known of it is that the whole was refused."""
        if half not in self._on_their_way:
            self.ends(half, Sent(settlement=Settlement(delivery=Delivery.REJECTED)))

    @property
    def on_their_way(self) -> int:
        """Requests that are."""
        return len(self._on_their_way)

    @property
    def receivers(self) -> dict[Delivery, int]:
        """Receivers by delivery; those of requests on their way are UNKNOWN: they may have arrived."""
        counts = self._receivers.copy()
        counts[Delivery.UNKNOWN] += sum(len(request.receivers) for request in self._on_their_way)
        return {delivery: count for delivery, count in counts.items() if count}

    @property
    def unsettled(self) -> Sequence[NoteOutcome]:
        """What was not accepted, or not yet."""
        return self._kept.so_far(*map(_on_its_way, self._on_their_way))


def _on_its_way(request: NoteRequest) -> NoteOutcome:
    return NoteOutcome(note=request.note, key=request.key, to=request.receivers, delivery=Delivery.UNKNOWN)
