"""Where a client's calls start: the lines to its services, opened for one event loop and one process."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Protocol, TypeVar

import anyio
from attrs import evolve

from aiocc.auth.strategy import Strategy
from aiocc.call.admission import Admission
from aiocc.call.call import perform
from aiocc.call.host import Host
from aiocc.call.line import CallOptions, Line, Traffic
from aiocc.call.renewal import Renewals
from aiocc.call.shield import see_through
from aiocc.call.stats import ServiceStats
from aiocc.delivery import Reason
from aiocc.errors import ClientClosedError, ConfigurationError
from aiocc.outcome import Outcome
from aiocc.protocol.operation import Request
from aiocc.transport.place import Place

T = TypeVar("T")

OpenLine = Callable[[str, Place, Renewals, Traffic], Line]

DRAIN_GRACE = 5.0
"""Seconds that `aclose` lets calls on their way come to an end."""


class Held(Protocol):
    """A scope for which the contact centre holds something, until the scope or the client gives it back."""

    def stop(self) -> None:
        """Begin nothing more: the client closes."""

    async def release(self) -> None:
        """Give back what is held; raises nothing."""

    def tell(self) -> None:
        """Cancel the scope's body: the client was closed."""


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
        self.scopes: set[Held] = set()
        self._last_lines: dict[str, Line] = {}

    def perform(
        self, request: Request[T], strategy: Strategy | None, options: CallOptions
    ) -> Coroutine[Any, Any, Outcome[T]]:
        """Perform one call over its service's line.

        Raises:
            ClientClosedError: The client was closed before.
            ConfigurationError: The client is in use in another event loop that still runs.
        """
        return perform(request, self.line(request.operation.service), strategy, options)

    async def perform_last(self, request: Request[T], strategy: Strategy | None, options: CallOptions) -> Outcome[T]:
        """Perform what gives back what a scope holds: while the client closes too, and then it waits for no call.

        Raises:
            ClientClosedError: The client was closed before.
        """
        service = request.operation.service
        if not self.closed:
            outcome = await self.perform(request, strategy, options)
            if outcome.error is None or outcome.error.reason is not Reason.CLIENT_CLOSED:
                return outcome
        line = self._last_lines.get(service) or self.line(service)
        return await perform(request, line, strategy, options)

    def line(self, service: str) -> Line:
        """Give the line to a service in this event loop."""
        self.arrive()
        line = self._lines.get(service)
        if line is None:
            assert self._place is not None
            assert self._renewals is not None
            line = self._lines[service] = self._open_line(service, self._place, self._renewals, self._traffic)
        return line

    def arrive(self) -> None:
        """Make this event loop the client's, unless it is.

        Raises:
            ClientClosedError: The client was closed before.
            ConfigurationError: The client is in use in another event loop that still runs.
        """
        if self.closed:
            raise ClientClosedError("this client is closed")
        if self._place is None or not self._place.is_here():
            self._move_here()

    def stats(self) -> dict[str, ServiceStats]:
        """Say what the lines hold; those that were not used yet in this event loop hold nothing."""
        return {name: line.stats() for name, line in self._lines.items()}

    async def aclose(self) -> None:
        """Admit no more calls, let those on their way end within a grace time, end the scopes, close the lines.

        Idempotent. From the first call on all is closed, whatever cancels it meanwhile.
        """
        if self.closed:
            return
        self.closed = True
        lines, self._lines = self._lines, {}
        if self._place is None or not self._place.is_here():
            return
        for scope in self.scopes:
            scope.stop()
        for name, line in lines.items():
            self._close_lanes(name, line)
        try:
            if self._traffic.count:
                self._traffic.none_left = anyio.Event()
                with anyio.move_on_after(DRAIN_GRACE):
                    await self._traffic.none_left.wait()
        finally:
            if lines:
                await see_through(partial(self._close, lines))

    def _close_lanes(self, name: str, line: Line) -> None:
        """Let nobody who waits go any more, but for what gives back what scopes hold."""
        slots = line.admission.stats().slots
        for lane in (line.admission, line.token_lane, line.poll_lane):
            lane.close()
        lanes = [Admission(slots, max_wait=line.timeouts.queue) for _ in range(2)]
        self._last_lines[name] = evolve(line, admission=lanes[0], token_lane=lanes[1])

    async def _close(self, lines: dict[str, Line]) -> None:
        """Let the scopes give back what they hold, close the lines, and tell the scopes' bodies."""
        try:
            async with anyio.create_task_group() as group:
                for scope in self.scopes:
                    group.start_soon(scope.release)
        finally:
            self._last_lines = {}
            if self._host is not None:
                await self._host.aclose()
            for line in lines.values():
                await line.transport.aclose()
            for scope in tuple(self.scopes):
                scope.tell()

    def _move_here(self) -> None:
        """Leave the lines and scopes of an event loop that has ended, or of a parent process, untouched behind."""
        if self._place is not None and self._place.still_runs():
            raise ConfigurationError(
                "this client is in use in another event loop that still runs: make one client for each loop"
            )
        self.taken, self.scopes = set(), set()
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
