"""One fan-out over a queue, as whoever submitted it sees it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import anyio

from aiocc.delivery import Delivery
from aiocc.endpoints.send_note import MAX_AGENT_ID, MIN_AGENT_ID
from aiocc.errors import InvalidRequestError
from aiocc.integrations.redis.jobs import Progress
from aiocc.integrations.redis.ledger import SAFE
from aiocc.protocol.checks import is_number, kind, refuse
from aiocc.protocol.pace import Rate
from aiocc.scopes.notes import Note, NoteRequest, OnInvalid, Report

if TYPE_CHECKING:
    from aiocc.integrations.taskiq.queue import NoteQueue

TOGETHER: Final = 100
"""Requests that are written down, and then queued, at once."""

LOOK: Final = 0.5
"""Seconds between two looks at the ledger, once the first few have not seen the end."""

FIRST_LOOK: Final = 0.05


class QueuedRun:
    """A fan-out over a queue; `await` it for its `Report`, or `await run.submit()` and leave.

    Whoever awaits it only watches: when that ends, workers go on.
    """

    def __init__(
        self,
        queue: NoteQueue,
        job: str,
        notes: Iterable[Note] | AsyncIterable[Note],
        *,
        agents: Sequence[int],
        rate: Rate | None,
        on_progress: Callable[[Progress], object] | None,
        on_invalid: OnInvalid,
        resend_unknown: bool,
    ) -> None:
        if not job:
            refuse("job", "text, and not empty", kind(job))
        if not agents or not all(is_number(one) and MIN_AGENT_ID <= one <= MAX_AGENT_ID for one in agents):
            refuse("agents", f"agent ids, each a whole number from {MIN_AGENT_ID} to {MAX_AGENT_ID}", kind(agents))
        if rate is not None and not isinstance(rate, Rate):
            refuse("rate", "a Rate, such as Rate(50)", kind(rate))
        if on_invalid not in ("stop", "skip"):
            refuse("on_invalid", "'stop' or 'skip'", kind(on_invalid))
        if isinstance(notes, str | bytes) or not isinstance(notes, Iterable | AsyncIterable):
            refuse("notes", "an iterable or async iterable of Note", kind(notes))
        self._queue, self._job, self._notes = queue, job, notes
        self._agents = tuple(agents)
        self._rate = rate
        self._on_progress = on_progress
        self._on_invalid = on_invalid
        self._resend_unknown = resend_unknown
        self._told: Progress | None = None
        self._notes_read = self._number = self._invalid = self._duplicates = 0

    def __await__(self) -> Generator[Any, None, Report]:
        return self._run().__await__()

    async def submit(self) -> None:
        """Write every request down and put it into the queue; what is settled already stays as it is.

        Raises:
            InvalidRequestError: A note that cannot be sent, where `on_invalid` is "stop".
            JournalMismatchError: Another job has this name.
            RedisGoneError: Redis did not answer for long.
        """
        jobs, job = self._queue.jobs, self._job
        if self._on_invalid == "stop" and isinstance(self._notes, Sequence):
            for note in self._notes:
                if isinstance(note, Note):
                    note.check()
        new = await jobs.begin(job, rate=self._rate)
        async with aclosing(self._batches()) as batches:
            async for batch in batches:
                await jobs.plan(job, batch)
                if new:
                    await self._queue.ring(batch)
                if self._on_progress is not None:
                    await self._look()
        await jobs.planned(job, notes=self._notes_read, invalid=self._invalid, duplicates=self._duplicates)
        if not new:
            for delivery in (*SAFE, *[Delivery.UNKNOWN] * self._resend_unknown):
                await jobs.reopen(job, delivery)
            await self._queue.resume(job)

    async def watch(self) -> Report:
        """Wait until everything has ended, or the job is cancelled and nothing is on its way."""
        pause = FIRST_LOOK
        while True:
            progress = await self._look()
            if progress.complete or (progress.state == "cancelled" and not progress.on_their_way):
                return await self._queue.report(self._job)
            await anyio.sleep(pause)
            pause = min(pause * 1.5, LOOK)

    async def _look(self) -> Progress:
        """See how far the job has come, and tell of it where that is news."""
        progress = await self._queue.jobs.progress(self._job)
        if progress != self._told and self._on_progress is not None:
            self._on_progress(progress)
        self._told = progress
        return progress

    async def _run(self) -> Report:
        await self.submit()
        return await self.watch()

    async def _batches(self) -> AsyncGenerator[list[NoteRequest], None]:
        batch: list[NoteRequest] = []
        async with aclosing(_each(self._notes)) as notes:
            async for note in notes:
                if not isinstance(note, Note):
                    refuse("notes", "Note(to, content) one after the other", f"one that is {kind(note)}")
                for request in self._requests(note):
                    batch.append(request)
                    if len(batch) == TOGETHER:
                        yield batch
                        batch = []
        if batch:
            yield batch

    def _requests(self, note: Note) -> Iterator[NoteRequest]:
        """Make a note's requests; its agents take turns by the number of the request, every time the same."""
        read, self._notes_read = self._notes_read, self._notes_read + 1
        try:
            note.check()
        except InvalidRequestError:
            if self._on_invalid == "stop":
                raise
            self._invalid += 1
            return
        self._duplicates += note.duplicates
        for receivers in note.groups():
            number, self._number = self._number, self._number + 1
            yield NoteRequest(
                job=self._job,
                number=number,
                note=read,
                key=note.key,
                sender=self._agents[number % len(self._agents)],
                receivers=receivers,
                content=note.content,
            )


async def _each(notes: Iterable[Note] | AsyncIterable[Note]) -> AsyncGenerator[Note, None]:
    if isinstance(notes, AsyncIterable):
        async for note in notes:
            yield note
    else:
        for note in notes:
            yield note
