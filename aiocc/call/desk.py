"""Where a client's calls start: the lines to its services, opened for one event loop and one process."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

import anyio

from aiocc.auth.strategy import Strategy
from aiocc.call.call import perform
from aiocc.call.host import Host
from aiocc.call.line import CallOptions, Line, Traffic
from aiocc.call.renewal import Renewals
from aiocc.call.stats import ServiceStats
from aiocc.errors import ClientClosedError, ConfigurationError
from aiocc.outcome import Outcome
from aiocc.protocol.operation import Request
from aiocc.transport.place import Place

T = TypeVar("T")

OpenLine = Callable[[str, Place, Renewals, Traffic], Line]

DRAIN_GRACE = 5.0
"""Seconds that `aclose` lets calls on their way come to an end."""


class Desk:
    """The lines of one client.

    Args:
        open_line: Makes the line to a service; nothing is connected yet.
    """

    def __init__(self, open_line: OpenLine) -> None:
        self._open_line = open_line
        self._lines: dict[str, Line] = {}
        self._place: Place | None = None
        self._host: Host | None = None
        self._renewals: Renewals | None = None
        self._traffic = Traffic()
        self._process = os.getpid()
        self.closed: bool = False
        # Who is in a scope that there can be only one of: an agent signed in, a visitor's call.
        self.taken: set[Hashable] = set()

    def perform(
        self, request: Request[T], strategy: Strategy | None, options: CallOptions
    ) -> Coroutine[Any, Any, Outcome[T]]:
        """Perform one call over its service's line.

        Raises:
            ClientClosedError: The client was closed before.
            ConfigurationError: The client is in use in another event loop that still runs.
        """
        return perform(request, self.line(request.operation.service), strategy, options)

    def line(self, service: str) -> Line:
        """Give the line to a service in this event loop."""
        if self.closed:
            raise ClientClosedError("this client is closed")
        if self._place is None or not self._place.is_here():
            self._move_here()
        line = self._lines.get(service)
        if line is None:
            assert self._place is not None
            assert self._renewals is not None
            line = self._lines[service] = self._open_line(service, self._place, self._renewals, self._traffic)
        return line

    def stats(self) -> dict[str, ServiceStats]:
        """Say what the lines hold; those that were not used yet in this event loop hold nothing."""
        return {name: line.stats() for name, line in self._lines.items()}

    async def aclose(self) -> None:
        """Admit no more calls, let those on their way end within a grace time, close the lines. Idempotent."""
        self.closed = True
        lines, self._lines = self._lines, {}
        if not lines or self._place is None or not self._place.is_here():
            return
        for line in lines.values():
            line.admission.close()
            line.token_lane.close()
            line.poll_lane.close()
        try:
            if self._traffic.count:
                self._traffic.none_left = anyio.Event()
                with anyio.move_on_after(DRAIN_GRACE):
                    await self._traffic.none_left.wait()
        finally:
            with anyio.CancelScope(shield=True):
                if self._host is not None:
                    await self._host.aclose()
                for line in lines.values():
                    await line.transport.aclose()

    def _move_here(self) -> None:
        """Leave the lines of an event loop that has ended, or of a parent process, untouched behind."""
        if self._place is not None and self._place.still_runs():
            raise ConfigurationError(
                "this client is in use in another event loop that still runs: make one client for each loop"
            )
        self._place = Place()
        self._host = Host(self._place)
        self._renewals = Renewals(self._host)
        self._lines = {}
        self._traffic = Traffic()
        self._process = os.getpid()

    def __del__(self) -> None:
        if self._process != os.getpid():
            return  # what is open is the parent's
        if self._host is not None:
            self._host.abandon()
        if self._lines:
            warnings.warn("an aiocc.Client was never closed: use `async with`, or aclose()", ResourceWarning, 2)
