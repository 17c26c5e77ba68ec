"""The run: reads the input, sends, and keeps account."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Sequence
from contextlib import aclosing
from math import inf
from typing import TYPE_CHECKING, Any

import anyio

from aiocc.delivery import Delivery
from aiocc.endpoints.send_note import NoteReceipt, SendNote
from aiocc.errors import InvalidRequestError
from aiocc.outcome import Outcome
from aiocc.protocol.checks import is_number, kind, refuse
from aiocc.protocol.pace import Pace, Rate
from aiocc.scopes.notes.plan import Note, OnInvalid
from aiocc.scopes.notes.report import NoteOutcome, Report

if TYPE_CHECKING:
    from aiocc.scopes.callers import Agent

LAST_START = 0.1
"""Seconds before a deadline, the run's or the caller's, in which no further request begins: it could not end."""

_Planned = tuple[int, Note, SendNote]


class NoteRun:
    """A fan-out; `await` it for its `Report`. `report` is at hand at any time, also after a cancellation.

    Args:
        agent: The sender.
        notes: Any iterable or async iterable; what can be read twice is checked as a whole before anything is sent.
        concurrency: Requests on their way at once.
        rate: How often requests may go.
        on_progress: Told the report after each request.
        on_invalid: "stop" raises at the first note that cannot be sent, "skip" counts it and goes on.
        deadline: Seconds for the whole run; what was not sent by then stays unsent.
    """

    def __init__(
        self,
        agent: Agent,
        notes: Iterable[Note] | AsyncIterable[Note],
        *,
        concurrency: int = 16,
        rate: Rate | None = None,
        on_progress: Callable[[Report], object] | None = None,
        on_invalid: OnInvalid = "stop",
        deadline: float | None = None,
    ) -> None:
        if on_invalid not in ("stop", "skip"):
            refuse("on_invalid", "'stop' or 'skip'", kind(on_invalid))
        if isinstance(notes, str | bytes) or not isinstance(notes, Iterable | AsyncIterable):
            refuse("notes", "an iterable or async iterable of Note", kind(notes))
        if rate is not None and not isinstance(rate, Rate):
            refuse("rate", "a Rate, such as Rate(50)", kind(rate))
        if not is_number(concurrency) or concurrency < 1:
            refuse("concurrency", "a whole number over 0", kind(concurrency))
        self._agent = agent
        self._notes = notes
        self._concurrency = concurrency
        self._pace = Pace(rate) if rate is not None else None
        self._on_progress = on_progress
        self._on_invalid = on_invalid
        self._deadline = deadline
        self._notes_read = self._requests = self._invalid = 0
        self._receivers: Counter[Delivery] = Counter()
        self._unsettled: list[NoteOutcome] = []
        self._complete = self._exhausted = False
        self._awaited = False
        # Requests that are on their way, so that a run that is cancelled loses none of them.
        self._in_flight: dict[int, tuple[int, Note, SendNote]] = {}

    def __await__(self) -> Generator[Any, None, Report]:
        if self._awaited:
            raise RuntimeError("this run was awaited before: its report is in run.report")
        self._awaited = True
        return self._run().__await__()

    def __repr__(self) -> str:
        return f"<NoteRun {self._requests} requests ended, {len(self._in_flight)} on their way>"

    @property
    def report(self) -> Report:
        """How far it has come."""
        return Report(
            notes=self._notes_read,
            requests=self._requests,
            receivers=dict(self._receivers + Counter({Delivery.UNKNOWN: self._receivers_on_their_way()})),
            unsettled=(*self._unsettled, *map(_on_its_way, self._in_flight.values())),
            invalid=self._invalid,
            complete=self._complete,
        )

    async def _run(self) -> Report:
        if self._on_invalid == "stop" and isinstance(self._notes, Sequence):
            for note in self._notes:
                if isinstance(note, Note):
                    note.requests()
        planned = self._planned()
        turn = anyio.Lock()
        failures: list[Exception] = []
        limit = inf if self._deadline is None else self._deadline
        with anyio.CancelScope(deadline=anyio.current_time() + limit) as scope:
            try:
                async with anyio.create_task_group() as group:
                    for _ in range(self._concurrency):
                        group.start_soon(self._work, planned, turn, failures, scope)
            except anyio.get_cancelled_exc_class() as stop:
                stop.add_note(f"aiocc: send_notes cancelled: {self._told()}; run.report names them")
                raise
            finally:
                await planned.aclose()
        if failures:
            raise failures[0]
        self._complete = self._exhausted and not scope.cancelled_caught
        return self.report

    async def _work(
        self,
        planned: AsyncGenerator[_Planned, None],
        turn: anyio.Lock,
        failures: list[Exception],
        scope: anyio.CancelScope,
    ) -> None:
        """Send requests one after the other, until there are no more."""
        try:
            while True:
                async with turn:
                    item = await anext(planned, None)
                if item is None or anyio.current_effective_deadline() - anyio.current_time() < LAST_START:
                    return
                number, note, request = item
                self._in_flight[id(request)] = item
                try:
                    outcome = await self._agent.send(request)
                except Exception:
                    del self._in_flight[id(request)]
                    raise
                del self._in_flight[id(request)]
                self._settle(number, note, request, outcome)
        except Exception as error:  # noqa: BLE001 - raised again by `_run`, as itself and not in a group
            failures.append(error)
            scope.cancel()

    async def _planned(self) -> AsyncGenerator[_Planned, None]:
        """Give the requests as the input is read; a note is checked before its first request."""
        async with aclosing(_each(self._notes)) as notes:
            async for note in notes:
                if not isinstance(note, Note):
                    refuse("notes", "Note(to, content) one after the other", f"one that is {kind(note)}")
                number, self._notes_read = self._notes_read, self._notes_read + 1
                for request in self._checked(note):
                    if self._pace is not None:
                        await anyio.sleep(self._pace.reserve(anyio.current_time()))
                    yield number, note, request
        self._exhausted = True

    def _checked(self, note: Note) -> list[SendNote]:
        try:
            return note.requests()
        except InvalidRequestError:
            if self._on_invalid == "stop":
                raise
            self._invalid += 1
            return []

    def _told(self) -> str:
        return ", ".join(f"{count} {delivery}" for delivery, count in self.report.receivers.items()) or "nothing sent"

    def _receivers_on_their_way(self) -> int:
        return sum(len(request.to) for _, _, request in self._in_flight.values())

    def _settle(self, number: int, note: Note, request: SendNote, outcome: Outcome[NoteReceipt]) -> None:
        self._requests += 1
        self._receivers[outcome.delivery] += len(request.to)
        if outcome.delivery is not Delivery.ACCEPTED:
            self._unsettled.append(
                NoteOutcome(note=number, key=note.key, to=request.to, delivery=outcome.delivery, error=outcome.error)
            )
        if self._on_progress is not None:
            self._on_progress(self.report)


def _on_its_way(item: _Planned) -> NoteOutcome:
    """Name a request that had no answer yet: it may have arrived."""
    number, note, request = item
    return NoteOutcome(note=number, key=note.key, to=tuple(request.to), delivery=Delivery.UNKNOWN)


async def _each(notes: Iterable[Note] | AsyncIterable[Note]) -> AsyncGenerator[Note, None]:
    if isinstance(notes, AsyncIterable):
        async for note in notes:
            yield note
    else:
        for note in notes:
            yield note
