"""A contact centre without TLS, for storms; and a relay in front of it that can hold requests back."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import pytest
from anyio.abc import SocketAttribute
from attrs import define, field

from aiocc import Client, PoolLimits, RetryPolicy, Service, Timeouts
from aiocc.auth import AppKey
from aiocc.simulator import Simulator

Backend = tuple[str, dict[str, Any]]

QUICK = RetryPolicy(base=0.001, throttled_base=0.001)
"""The usual repeats, without the usual waits."""

PATIENT = Timeouts(connect=60, queue=60, read=60, token=60, total=60)
"""No time-out of a call ends a test on a slow machine."""

LEAVES_CONNECTIONS = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""For tests that end a loop with connections open, of which the loop itself warns when they are collected."""


@pytest.fixture(scope="session")
def plain_simulator() -> Iterator[Simulator]:
    """One simulator without TLS for the whole run."""
    with Simulator(tls=False) as simulator:
        yield simulator


@pytest.fixture
def centre(plain_simulator: Simulator) -> Simulator:
    """The simulator without TLS, as in the beginning."""
    plain_simulator.reset()
    return plain_simulator


def app_key(centre: Simulator, **options: Any) -> AppKey:
    """Authenticate at the simulator's API Fabric."""
    return AppKey(centre.environment["AIOCC_FABRIC_APP_KEY"], centre.environment["AIOCC_FABRIC_APP_SECRET"], **options)


def fabric_client(
    centre: Simulator, *, url: str | None = None, auth: AppKey | None = None, connections: int = 100, **options: Any
) -> Client:
    """Make a client of API Fabric alone."""
    service = Service(
        url or centre.url("fabric"),
        auth=auth or app_key(centre),
        pool=PoolLimits(max_connections=connections),
        **{"timeouts": PATIENT, "retry": QUICK, **options},
    )
    return Client(fabric=service)


def run(backend: Backend, function: Callable[[], Awaitable[Any]]) -> Any:
    """Run a loop of its own to its end."""
    name, options = backend
    return anyio.run(function, backend=name, backend_options=options)


def sent_with(centre: Simulator, operation: str, header: str = "authorization") -> list[str | None]:
    """List a header of each request of an operation, in order."""
    return [request.header(header) for request in centre.requests if request.operation == operation]


@define(eq=False)
class Relay:
    """Passes bytes on to the simulator; `hold` may keep back each piece that a client sends.

    Attributes:
        seen: Paths of requests, as they came.
    """

    port: int
    url: str
    hold: Callable[[str], Awaitable[None]]
    seen: list[str] = field(factory=list)
    _changed: anyio.Event = field(factory=anyio.Event)

    async def until(self, count: int, path: str = "") -> None:
        """Wait until so many requests with this in their path have come."""
        while sum(path in one for one in self.seen) < count:
            await self._changed.wait()

    async def serve(self, client: anyio.abc.SocketStream) -> None:
        """Serve one connection."""
        with anyio.CancelScope() as scope:
            async with (
                client,
                await anyio.connect_tcp("127.0.0.1", self.port) as server,
                anyio.create_task_group() as group,
            ):
                group.start_soon(self._up, client, server, scope)
                group.start_soon(_down, server, client, scope)

    async def _up(
        self, client: anyio.abc.SocketStream, server: anyio.abc.SocketStream, scope: anyio.CancelScope
    ) -> None:
        try:
            async for data in client:
                path = data.split(b" ", 2)[1].decode()
                self.seen.append(path)
                changed, self._changed = self._changed, anyio.Event()
                changed.set()
                await self.hold(path)
                await server.send(data)
        except anyio.BrokenResourceError:
            pass
        scope.cancel()


async def _down(server: anyio.abc.SocketStream, client: anyio.abc.SocketStream, scope: anyio.CancelScope) -> None:
    try:
        async for data in server:
            await client.send(data)
    except anyio.BrokenResourceError:
        pass
    scope.cancel()


async def nothing_held(_: str) -> None:
    """Pass everything on at once."""


@asynccontextmanager
async def relay(
    centre: Simulator, hold: Callable[[str], Awaitable[None]] = nothing_held, *, service: str = "fabric", port: int = 0
) -> AsyncIterator[Relay]:
    """Put a relay in front of a service; what a client sends in one piece is one request."""
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port, family=socket.AF_INET) as listener,
        anyio.create_task_group() as group,
    ):
        port = listener.extra(SocketAttribute.local_port)
        found = Relay(int(centre.url(service).rpartition(":")[2]), f"http://127.0.0.1:{port}", hold)
        group.start_soon(listener.serve, found.serve)
        yield found
        group.cancel_scope.cancel()


class Gate:
    """Holds requests whose path holds a text, from the `first` to the `last`, until it is opened."""

    def __init__(self, text: str, first: int = 1, last: int = 10**6) -> None:
        self._text = text
        self._held = range(first, last + 1)
        self._count = 0
        self._open = anyio.Event()

    def open(self) -> None:
        """Let everything pass from now on."""
        self._open.set()

    async def __call__(self, path: str) -> None:
        if self._text in path:
            self._count += 1
            if self._count in self._held:
                await self._open.wait()
