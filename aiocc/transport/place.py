"""Where code runs: one event loop of one process. What belongs to another is never touched."""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Callable
from typing import Any

import anyio.lowlevel


class Place:
    """The event loop and process in which this was made.

    Attributes:
        clock: The loop's own; asked for directly, since finding the loop anew costs more than the question.
        nearest_deadline: Of the scopes around the running task, on that clock; asked for directly too.
    """

    __slots__ = ("_loop", "_pid", "_token", "clock", "nearest_deadline")

    def __init__(self) -> None:
        self._token: Any = anyio.lowlevel.current_token()
        self._pid = os.getpid()
        native = getattr(self._token, "native_token", self._token)
        self._loop = native if isinstance(native, asyncio.AbstractEventLoop) else None
        self.clock: Callable[[], float] = _asyncio_clock(self._loop) if self._loop is not None else _trio_clock()
        backend = getattr(self._token, "backend_class", anyio)  # from anyio 4.11 on, a token tells its back end
        self.nearest_deadline: Callable[[], float] = backend.current_effective_deadline

    @property
    def asyncio_loop(self) -> asyncio.AbstractEventLoop | None:
        """Asyncio's loop; None under trio, also where trio is a guest of asyncio's."""
        return self._loop

    def is_this_process(self) -> bool:
        """Whether the running code is in this place's process; a fork takes the loop along, and must not use it."""
        return self._pid == os.getpid()

    def is_here(self) -> bool:
        """Whether the running code is in this place."""
        if not self.is_this_process():
            return False
        if self._loop is not None:
            return asyncio._get_running_loop() is self._loop  # documented, and raises nothing
        return bool(anyio.lowlevel.current_token() == self._token)

    def still_runs(self) -> bool:
        """Whether the loop has not ended. For a parent process's place the answer is no."""
        if not self.is_this_process():
            return False
        if self._loop is not None:
            return not self._loop.is_closed()
        native = getattr(self._token, "native_token", self._token)
        try:
            native.run_sync_soon(_nothing)
        except RuntimeError:  # trio.RunFinishedError
            return False
        return True


def _asyncio_clock(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """Give the loop's own clock, which in asyncio's own loops is this one behind a method."""
    return time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time


def _trio_clock() -> Callable[[], float]:
    """Give trio's own clock: anyio's asks first which loop runs, and between two tasks none seems to."""
    clock: Callable[[], float] = importlib.import_module("trio").current_time
    return clock


def _nothing() -> None:
    """Sent to a trio loop to see whether it still runs."""
