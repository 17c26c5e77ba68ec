"""A scope for which the contact centre holds something: it is given back once, at the scope's end or the client's.

Whichever comes first does it, and the other waits for that: an agent is signed out, a call is dropped, before the
client's lines close.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from types import TracebackType
from typing import ClassVar, Generic, TypeVar

import anyio
import anyio.abc

from aiocc.call.desk import Desk
from aiocc.call.shield import see_through
from aiocc.errors import AioccError, ClientClosedError
from aiocc.scopes.group import end_group, keep_notes

T = TypeVar("T")


class Holding(ABC, Generic[T]):
    """`async with` something that is held; what it gives is polled for meanwhile.

    Args:
        desk: Of the client, which ends its scopes when it is closed.
    """

    leftover: ClassVar[str]
    """What is the case where it could not be given back."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._process = 0
        self._group: anyio.abc.TaskGroup | None = None
        self._over: AioccError | None = None  # why the body was cancelled
        self._closed: ClientClosedError | None = None
        self._failure: Exception | None = None
        self._ended: anyio.Event | None = None

    async def __aenter__(self) -> T:
        self._desk.arrive()
        self._take()
        self._begin_anew()
        self._desk.scopes.add(self)
        try:
            held = await self._enter()
            group = anyio.create_task_group()
            await group.__aenter__()
            self._group = group
        except BaseException:
            self._leave()
            raise
        finally:
            self._entered.set()
        group.start_soon(self._watch, held)
        return held

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process != os.getpid():
            return  # a fork's child: what is held is the parent's, and so are its tasks and sockets
        assert self._group is not None
        reason = exc
        try:
            if await end_group(self._group, exc):
                reason = self._over
        except BaseException as stop:
            reason = stop
            raise
        finally:
            self._end_events()
            try:
                failure = await self._undo(reason)
            finally:
                self._leave()
        if reason is not exc and reason is not None:
            raise reason
        if failure is not None and exc is None:
            raise failure

    # The client closes.

    def stop(self) -> None:
        """Poll no more, and enter no more: at once."""
        self._closed = ClientClosedError("the client was closed while this scope was open")
        (self._entering if self._group is None else self._polling).cancel()

    async def release(self) -> None:
        """Give back what is held, unless the scope does so itself."""
        await self._entered.wait()
        if self._group is not None:
            await self._polled.wait()
            await self._end()

    def tell(self) -> None:
        """Cancel the body, which learns that the client was closed."""
        if self._group is not None and self._closed is not None:
            self._end_body(self._closed)

    def _end_body(self, error: AioccError) -> None:
        """Cancel the body; the scope raises this error."""
        assert self._group is not None
        self._over = self._over or error
        self._group.cancel_scope.cancel()

    # What the scopes differ in.

    @abstractmethod
    def _take(self) -> None:
        """Take what there can be only one of, or raise."""

    @abstractmethod
    def _leave(self) -> None:
        """Give up what was taken, and the client's care."""
        self._desk.scopes.discard(self)

    @abstractmethod
    async def _hold(self) -> T:
        """Begin what is held; where that is cancelled, undo it."""

    @abstractmethod
    async def _poll(self, held: T, /) -> None:
        """Ask for events until cancelled."""

    @abstractmethod
    def _end_events(self) -> None:
        """Tell the listeners that no more will come."""

    @abstractmethod
    async def _give_back(self) -> AioccError | None:
        """Give back what is held, within a few seconds; gives what went wrong."""

    # What they share.

    def _begin_anew(self) -> None:
        self._process = os.getpid()
        self._group = self._over = self._closed = self._failure = self._ended = None
        self._entering, self._polling = anyio.CancelScope(), anyio.CancelScope()
        self._entered, self._polled = anyio.Event(), anyio.Event()

    async def _enter(self) -> T:
        """Begin what is held, unless the client is closed meanwhile."""
        with self._entering:
            try:
                held = await self._hold()
            except anyio.get_cancelled_exc_class() as stop:
                if self._closed is not None:
                    keep_notes(stop, self._closed)
                raise
        if self._closed is None:
            return held
        if not self._entering.cancelled_caught:
            await self._undo(self._closed)  # it has begun in that very moment
        raise self._closed

    async def _watch(self, held: T) -> None:
        try:
            with self._polling:
                await self._poll(held)
        except ClientClosedError as closed:
            if self._closed is None:  # in another event loop, so that nobody ends the scope
                self._end_body(closed)
        finally:
            self._polled.set()

    async def _end(self) -> Exception | None:
        """Give back what is held, whatever cancels the caller meanwhile: once. A second caller waits for the first."""
        if self._ended is not None:
            await see_through(self._ended.wait)
            return self._failure
        self._ended = anyio.Event()

        async def give_back() -> None:
            try:
                self._failure = await self._give_back()
            except Exception as error:  # noqa: BLE001 - of a part of the application's own: the body is told
                self._failure = error

        try:
            await see_through(give_back)
        finally:
            self._ended.set()
        return self._failure

    async def _undo(self, exc: BaseException | None) -> Exception | None:
        """Give back what is held; what goes wrong is a note on the body's exception too.

        Args:
            exc: What it is given back for; a cancellation that comes now takes its place.
        """
        try:
            return await self._end()
        except anyio.get_cancelled_exc_class() as stop:
            keep_notes(exc, stop)
            exc = stop
            raise
        finally:
            failure = self._failure
            if failure is not None and exc is not None:
                shown = failure if isinstance(failure, AioccError) else type(failure).__name__
                exc.add_note(f"aiocc: {self.leftover}: {shown}")
