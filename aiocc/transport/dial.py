"""Opening connections: TCP by happy eyeballs (RFC 8305), then TLS."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio

from aiocc.delivery import Phase, Reason
from aiocc.protocol.messages import Fault, Origin, Wire
from aiocc.transport.asyncio_connection import AsyncioConnection
from aiocc.transport.connection import Connection
from aiocc.transport.foreign_errors import name_tls_error
from aiocc.transport.place import Place
from aiocc.transport.stream_connection import StreamConnection
from aiocc.transport.tls_buffers import TLSBuffers
from aiocc.transport.turn import Turn

STAGGER: Final = 0.25
"""Seconds that one address has before the next is tried beside it."""

Dial = Callable[[Origin, Wire], Awaitable[Connection]]


class Dialler:
    """Opens connections in one event loop.

    Args:
        context: For https; None where only http is spoken.
        server_name: The name in the host's certificate, where that is not the host of the URL.
        place: The event loop.
    """

    def __init__(self, context: ssl.SSLContext | None, server_name: str | None, place: Place) -> None:
        self._context = context
        self._server_name = server_name
        self._loop = place.asyncio_loop
        # One buffer for all connections of this loop: what is read into it is taken before the next read.
        self._buffer = memoryview(bytearray(64 * 1024))
        self._turn = Turn(place.asyncio_loop, place.clock) if place.asyncio_loop is not None else None

    async def dial(self, origin: Origin, wire: Wire) -> Connection:
        """Open a connection.

        Raises:
            Fault: By what failed.
        """
        wire.phase = Phase.CONNECT
        fault: Fault
        try:
            if self._loop is not None:
                return await self._dial_asyncio(self._loop, origin, wire)
            return await self._dial_stream(origin, wire)
        except Fault as own:
            fault = own
        except ssl.SSLError as error:
            fault = name_tls_error(error)
        except socket.gaierror as error:
            fault = Fault(Reason.DNS_FAILURE, error.strerror or "")
        except ConnectionRefusedError:
            fault = Fault(Reason.CONNECTION_REFUSED)
        except OSError as error:
            fault = _os_fault(error, wire)
        except ValueError as error:
            fault = Fault(Reason.DNS_FAILURE, f"not a host name ({type(error).__name__})")
        raise fault

    async def _dial_asyncio(self, loop: asyncio.AbstractEventLoop, origin: Origin, wire: Wire) -> Connection:
        assert self._turn is not None
        turn, tls = self._turn, self._tls(origin)
        opened = await connect(loop, origin.host, origin.port)
        try:
            _, connection = await loop.create_connection(
                lambda: AsyncioConnection(loop, self._buffer, tls, opened, turn), sock=opened
            )
        except BaseException:
            opened.close()
            raise
        wire.phase = Phase.TLS
        await connection.handshake()
        return connection

    async def _dial_stream(self, origin: Origin, wire: Wire) -> Connection:
        tls = self._tls(origin)
        stream = await anyio.connect_tcp(origin.host, origin.port, happy_eyeballs_delay=STAGGER)
        connection = StreamConnection(stream, tls)
        wire.phase = Phase.TLS
        try:
            await connection.handshake()
        except BaseException:
            connection.close()
            raise
        return connection

    def _tls(self, origin: Origin) -> TLSBuffers | None:
        if origin.scheme != "https":
            return None
        assert self._context is not None
        return TLSBuffers(self._context, self._server_name or origin.host)


async def connect(loop: asyncio.AbstractEventLoop, host: str, port: int) -> socket.socket:
    """Connect to the first address of a host that answers, trying them staggered and with families in turn.

    Raises:
        OSError: The last address's, when none answers.
    """
    addresses = _interleaved(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP))
    if len(addresses) == 1:
        return await _connect_one(loop, addresses[0])
    won: list[socket.socket] = []
    failures: list[OSError] = []

    async def attempt(address: Any, failed: anyio.Event, scope: anyio.CancelScope) -> None:
        try:
            opened = await _connect_one(loop, address)
        except OSError as error:
            failures.append(error)
            failed.set()
            return
        if won:
            opened.close()
            return
        won.append(opened)
        scope.cancel()

    try:
        async with anyio.create_task_group() as group:
            for address in addresses:
                failed = anyio.Event()
                group.start_soon(attempt, address, failed, group.cancel_scope)
                with anyio.move_on_after(STAGGER):
                    await failed.wait()
    except BaseException:
        for opened in won:
            opened.close()
        raise
    if not won:
        raise failures[-1]
    return won[0]


async def _connect_one(loop: asyncio.AbstractEventLoop, address: Any) -> socket.socket:
    family, kind, proto, _, target = address
    opened = socket.socket(family, kind, proto)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await loop.sock_connect(opened, target)
    except BaseException:
        opened.close()
        raise
    return opened


def _interleaved(addresses: list[Any]) -> list[Any]:
    first = addresses[0][0]
    same = [one for one in addresses if one[0] == first]
    other = [one for one in addresses if one[0] != first]
    return [one for pair in itertools.zip_longest(same, other) for one in pair if one is not None]


def _os_fault(error: OSError, wire: Wire) -> Fault:
    """Name an error of the socket; connecting to several addresses may wrap the one that says why."""
    cause: BaseException | None = error.__cause__ or error.__context__
    if isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[-1]
    if isinstance(cause, socket.gaierror):
        return Fault(Reason.DNS_FAILURE, cause.strerror or "")
    if isinstance(cause, ConnectionRefusedError):
        return Fault(Reason.CONNECTION_REFUSED)
    return Fault(Reason.TLS_FAILED if wire.phase is Phase.TLS else Reason.CONNECT_FAILED)
