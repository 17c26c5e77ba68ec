"""What the connections of a pool share in one turn of asyncio's loop: when requests go out, and callers are woken.

Two things cost more than they seem to. A request that is handed to its socket between two others wakes a server
which has just gone to sleep again: written one after the other, a hundred of them cost a third less. And a
thousand answers that came at once would keep the loop to themselves until the last caller has gone on; woken a
few at a time, they let every other task of the program have its turn between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

WOKEN_AT_ONCE: Final = 64
"""Callers that go on in one turn; what they do until their next await is a few milliseconds for all of them."""


class Sender(Protocol):
    """A connection with a request that is still to be handed to its socket."""

    def send(self) -> None:
        """Hand it over."""


class Turn:
    """One turn of a loop after the other.

    The first request of a turn goes out at once, so that a lone call waits for nothing; those after it together,
    before the loop looks at its sockets again.

    Args:
        loop: The event loop.
        clock: The loop's own.
    """

    __slots__ = ("_began", "_loop", "_room", "_senders", "_waiting", "clock")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        self._loop = loop
        self.clock: Callable[[], float] = clock
        self._began = False
        self._senders: list[Sender] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._room = WOKEN_AT_ONCE

    def is_first(self) -> bool:
        """Whether no request has gone out in this turn; from now on one has."""
        if self._began:
            return False
        self._begin()
        return True

    def send_later(self, sender: Sender) -> None:
        """Let a request go out at the end of this turn."""
        self._senders.append(sender)

    def wake(self, caller: asyncio.Future[None]) -> None:
        """Let a caller go on: in this turn while there is room, else in one of the next, in order."""
        if self._room and not self._waiting:
            self._room -= 1
            caller.set_result(None)
        else:
            self._waiting.append(caller)
        if not self._began:
            self._begin()

    def _begin(self) -> None:
        self._began = True
        self._loop.call_soon(self._end)

    def _end(self) -> None:
        self._began = False
        senders, self._senders = self._senders, []
        for sender in senders:
            sender.send()
        self._room = WOKEN_AT_ONCE
        if self._waiting:
            self._wake_next()

    def _wake_next(self) -> None:
        while self._waiting and self._room:
            caller = self._waiting.popleft()
            if not caller.done():
                self._room -= 1
                caller.set_result(None)
        self._begin()
