"""A run beside a block: it goes on while the block runs, and tells it what becomes of each request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import anyio.abc
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from aiocc.scopes.notes.report import NoteOutcome


class Beside:
    """The task of a run in `async with`. The block's own exception leaves as it is.

    Args:
        conduct: The run.
        ahead: Outcomes that may wait to be looked at; then the run waits.
    """

    def __init__(self, conduct: Callable[[], Awaitable[None]], ahead: int) -> None:
        self._conduct = conduct
        self._ahead = ahead
        self._group = anyio.create_task_group()
        self._over = anyio.Event()
        self._failure: Exception | None = None
        self._inlet: MemoryObjectSendStream[NoteOutcome] | None = None
        self._outlet: MemoryObjectReceiveStream[NoteOutcome] | None = None

    @property
    def listened_to(self) -> bool:
        """Whether the block has asked for outcomes."""
        return self._inlet is not None

    async def start(self) -> None:
        """Begin."""
        await self._group.__aenter__()
        self._group.start_soon(self._run)

    async def end(self, exc: BaseException | None) -> None:
        """Wait for the run's end; where the block was cancelled, the run is too.

        Raises:
            Exception: What ended the run, if nobody was told before.
        """
        if self._outlet is not None:
            self._outlet.close()
        if isinstance(exc, anyio.get_cancelled_exc_class()):
            self._group.cancel_scope.cancel()
        await self._group.__aexit__(None, None, None)
        if exc is None:
            self._raise_failure()

    def listen(self) -> None:
        """Keep what ends from now on for `next`."""
        if self._outlet is None:
            self._inlet, self._outlet = anyio.create_memory_object_stream[NoteOutcome](self._ahead)
            if self._over.is_set():
                self._inlet.close()

    async def next(self) -> NoteOutcome:
        """Give the next outcome.

        Raises:
            StopAsyncIteration: The run has ended.
            Exception: What ended it.
        """
        assert self._outlet is not None
        try:
            return await self._outlet.receive()
        except anyio.EndOfStream:
            self._raise_failure()
            raise StopAsyncIteration from None

    async def ended(self) -> None:
        """Wait for the run's end.

        Raises:
            Exception: What ended it.
        """
        await self._over.wait()
        self._raise_failure()

    async def tell(self, outcome: NoteOutcome) -> None:
        """Hand an outcome over, waiting while the block is slow."""
        if self._inlet is not None:
            with suppress(anyio.BrokenResourceError):  # the block has been left: the report has it
                await self._inlet.send(outcome)

    async def _run(self) -> None:
        try:
            await self._conduct()
        except Exception as error:  # noqa: BLE001 - raised where the block waits, as itself and not in a group
            self._failure = error
        finally:
            self._over.set()
            if self._inlet is not None:
                self._inlet.close()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
