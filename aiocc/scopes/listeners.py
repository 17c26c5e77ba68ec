"""Several listeners to one source of events, each with a bounded buffer of its own."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Generic, Literal, Self, TypeVar

import anyio

from aiocc.protocol.checks import is_number, kind, refuse

E = TypeVar("E")

OnFull = Literal["drop_oldest", "drop_newest"]

BUFFER = 1000


class Listener(Generic[E]):
    """Events as they come: `async with agent.events() as events: async for event in events`.

    It hears what comes while it is open. One that is too slow loses events by its policy, and counts them; nobody else
    waits for it. The iteration ends when the source has ended, or the listener's own scope, and everything was taken.
    Tasks that iterate one and the same listener share its events: each goes to one of them.

    Attributes:
        dropped: Events that this listener lost.
    """

    def __init__(self, source: Listeners[E], buffer: int, on_full: OnFull) -> None:
        if not is_number(buffer) or buffer < 1:
            refuse("buffer", "a whole number over 0", kind(buffer))
        if on_full not in ("drop_oldest", "drop_newest"):
            refuse("on_full", "'drop_oldest' or 'drop_newest'", kind(on_full))
        self._source = source
        self._buffer = buffer
        self._on_full = on_full
        self._events: deque[E] = deque()
        self._something = anyio.Event()
        self._left = False
        self.dropped: int = 0

    async def __aenter__(self) -> Self:
        self._left = False
        self._source.add(self)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._source.remove(self)
        self._left = True
        self.wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        """Give the next event."""
        while not self._events:
            if self._source.ended or self._left:
                raise StopAsyncIteration
            if self._something.is_set():  # else another task waits for it too
                self._something = anyio.Event()
            await self._something.wait()
        return self._events.popleft()

    def hear(self, event: E) -> None:
        """Take an event from the source."""
        if len(self._events) >= self._buffer:
            self.dropped += 1
            if self._on_full == "drop_newest":
                return
            self._events.popleft()
        self._events.append(event)
        self._something.set()

    def wake(self) -> None:
        """No more will come."""
        self._something.set()


class Listeners(Generic[E]):
    """A source of events.

    Attributes:
        ended: Whether no more will come.
    """

    def __init__(self) -> None:
        self.ended: bool = False
        self._listeners: list[Listener[E]] = []

    def add(self, listener: Listener[E]) -> None:
        """Let a listener hear what comes."""
        self._listeners.append(listener)

    def remove(self, listener: Listener[E]) -> None:
        """Let it hear no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def tell(self, event: E) -> None:
        """Tell everyone."""
        for listener in self._listeners:
            listener.hear(event)

    def end(self) -> None:
        """No more will come."""
        self.ended = True
        for listener in self._listeners:
            listener.wake()
