"""The input of a fan-out: read no further than requests can go, each note checked before its first request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Collection, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final

import anyio
import anyio.lowlevel

from aiocc.errors import InvalidRequestError
from aiocc.protocol.checks import kind, refuse
from aiocc.scopes.notes.ledger import Job
from aiocc.scopes.notes.plan import Note, NoteRequest, OnInvalid

TURN: Final = 64
"""Requests that are checked ahead before other tasks have a turn."""

_END: Final = object()


class Reading:
    """Gives the requests of an input one after the other, the same ones each time.

    Args:
        notes: Any iterable or async iterable.
        name: The job's.
        senders: Who takes turns.
        on_invalid: What is done about a note that cannot be sent.
    """

    def __init__(
        self,
        notes: Iterable[Note] | AsyncIterable[Note],
        *,
        name: str,
        senders: Sequence[int],
        on_invalid: OnInvalid = "stop",
    ) -> None:
        if isinstance(notes, str | bytes) or not isinstance(notes, Iterable | AsyncIterable):
            refuse("notes", "an iterable or async iterable of Note", kind(notes))
        if on_invalid not in ("stop", "skip"):
            refuse("on_invalid", "'stop' or 'skip'", kind(on_invalid))
        self.notes: int = 0
        self.invalid: int = 0
        self.duplicates: int = 0
        self.requests: int = 0
        self.exhausted: bool = False
        self.stopped: bool = False
        self.waits: bool = isinstance(notes, AsyncIterable)
        self._input = notes
        self._name = name
        self._senders = senders
        self._on_invalid = on_invalid
        self._source: Iterator[Note] | AsyncIterator[Note] | None = None
        self._current: Iterator[NoteRequest] = iter(())
        self._turn = anyio.Lock()
        self._waiting: anyio.CancelScope | None = None

    async def look_ahead(self, *, digest: bool) -> Job:
        """Check an input that can be read twice as a whole; gives what is known of the job.

        Args:
            digest: Whether the digest of the plan is wanted.

        Raises:
            InvalidRequestError: A note cannot be sent.
        """
        if not isinstance(self._input, Collection):
            return Job(name=self._name)
        ahead = Reading(self._input, name=self._name, senders=self._senders, on_invalid=self._on_invalid)
        total = blake2b(digest_size=16)
        receivers = 0
        while (request := ahead.take()) is not None:
            receivers += len(request.receivers)
            if not ahead.requests % TURN:
                await anyio.lowlevel.checkpoint()
            if digest:
                total.update(request.hash.encode())
        return Job(
            name=self._name,
            digest=total.hexdigest() if digest else None,
            requests=ahead.requests,
            receivers=receivers,
        )

    async def next(self) -> NoteRequest | None:
        """Give the next request of an input that is waited for; None at the end, or after `stop`.

        Raises:
            InvalidRequestError: A note cannot be sent.
        """
        assert isinstance(self._input, AsyncIterable)
        async with self._turn:
            while not (self.exhausted or self.stopped):
                if (request := next(self._current, None)) is not None:
                    return request
                await self._wait_for_note(self._input)
        return None

    def take(self) -> NoteRequest | None:
        """Give the next request of an input that need not be waited for."""
        if (request := next(self._current, None)) is not None:
            return request
        if self._source is None:
            assert isinstance(self._input, Iterable)
            self._source = iter(self._input)
        assert isinstance(self._source, Iterator)
        while not (self.exhausted or self.stopped):
            if (request := next(self._current, None)) is not None:
                return request
            self._begin(next(self._source, _END))
        return None

    def stop(self) -> None:
        """Read no further, and wait no longer for what comes next."""
        self.stopped = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def aclose(self) -> None:
        """Close an async generator that was not read to its end: nobody else will."""
        if isinstance(self._source, AsyncGenerator):
            await self._source.aclose()

    async def _wait_for_note(self, notes: AsyncIterable[Note]) -> None:
        if self._source is None:
            self._source = aiter(notes)
        assert isinstance(self._source, AsyncIterator)
        with anyio.CancelScope() as self._waiting:
            self._begin(await anext(self._source, _END))
        self._waiting = None

    def _begin(self, note: object) -> None:
        """Go on with a note, or end."""
        if note is _END:
            self.exhausted = True
            return
        if not isinstance(note, Note):
            refuse("notes", "Note(to, content) one after the other", f"one that is {kind(note)}")
        number, self.notes = self.notes, self.notes + 1
        try:
            note.check()
        except InvalidRequestError:
            if self._on_invalid == "stop":
                raise
            self.invalid += 1
            return
        self.duplicates += note.duplicates
        self._current = self._requests(number, note)

    def _requests(self, number: int, note: Note) -> Iterator[NoteRequest]:
        for group in note.groups():
            place, self.requests = self.requests, self.requests + 1
            yield NoteRequest(
                job=self._name,
                number=place,
                note=number,
                key=note.key,
                sender=self._senders[place % len(self._senders)],
                receivers=group,
                content=note.content,
            )
