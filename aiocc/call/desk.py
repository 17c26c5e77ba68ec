"""Where a client's calls start: the lines to its services, opened for one event loop and one process."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import anyio.lowlevel

from aiocc.auth.strategy import Strategy
from aiocc.call.call import perform
from aiocc.call.line import CallOptions, Line
from aiocc.errors import ClientClosedError, ConfigurationError
from aiocc.outcome import Outcome
from aiocc.protocol.operation import Request

T = TypeVar("T")

DRAIN_GRACE = 5.0
"""Seconds that `aclose` lets calls on their way come to an end."""


class Desk:
    """The lines of one client.

    Args:
        open_line: Makes the line to a service; nothing is connected yet.
    """

    def __init__(self, open_line: Callable[[str], Line]) -> None:
        self._open_line = open_line
        self._lines: dict[str, Line] = {}
        self._place: tuple[int, Any] | None = None
        self._on_their_way = 0
        self._all_done: anyio.Event | None = None
        self.closed = False

    async def perform(self, request: Request[T], strategy: Strategy | None, options: CallOptions) -> Outcome[T]:
        """Perform one call over its service's line.

        Raises:
            ClientClosedError: The client was closed before.
            ConfigurationError: The client is in use in another event loop that still runs.
        """
        line = self.line(request.operation.service)
        self._on_their_way += 1
        try:
            return await perform(request, line, strategy, options)
        finally:
            self._on_their_way -= 1
            if not self._on_their_way and self._all_done is not None:
                self._all_done.set()

    def line(self, service: str) -> Line:
        """Give the line to a service in this event loop."""
        if self.closed:
            raise ClientClosedError("this client is closed")
        place = os.getpid(), anyio.lowlevel.current_token()
        if place != self._place:
            self._move_to(place)
        line = self._lines.get(service)
        if line is None:
            line = self._lines[service] = self._open_line(service)
        return line

    async def aclose(self) -> None:
        """Admit no more calls, let those on their way end within a grace time, close the lines. Idempotent."""
        self.closed = True
        lines, self._lines = self._lines, {}
        if not lines or self._place != (os.getpid(), anyio.lowlevel.current_token()):
            return
        for line in lines.values():
            line.admission.close()
            line.token_lane.close()
        if self._on_their_way:
            self._all_done = anyio.Event()
            with anyio.move_on_after(DRAIN_GRACE):
                await self._all_done.wait()
        with anyio.CancelScope(shield=True):
            for line in lines.values():
                await line.transport.aclose()

    def _move_to(self, place: tuple[int, Any]) -> None:
        """Leave the lines of an event loop that has ended, or of a parent process, untouched behind."""
        if self._place is not None and self._place[0] == place[0] and _still_runs(self._place[1]):
            raise ConfigurationError(
                "this client is in use in another event loop that still runs: make one client for each loop"
            )
        self._place = place
        self._lines = {}
        self._on_their_way = 0

    def __del__(self) -> None:
        if self._lines:
            warnings.warn("an aiocc.Client was never closed: use `async with`, or aclose()", ResourceWarning, 2)


def _still_runs(token: Any) -> bool:
    native = getattr(token, "native_token", token)
    is_closed = getattr(native, "is_closed", None)
    if is_closed is not None:
        return not is_closed()
    try:
        native.run_sync_soon(_nothing)
    except RuntimeError:  # trio.RunFinishedError
        return False
    return True


def _nothing() -> None:
    """Sent to a trio loop to see whether it still runs."""
