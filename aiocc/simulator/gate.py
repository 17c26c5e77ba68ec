"""The door of one service: takes connections in, and mistreats those that a fault of the connection strikes."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, cast

from aiocc.simulator import proxy
from aiocc.simulator.faults.doors import ALERTS, CLOSED, PROXIED, SECURE
from aiocc.simulator.faults.emission import RST_ON_CLOSE, reset
from aiocc.simulator.faults.fault import Fault
from aiocc.simulator.tls import Identity

__all__ = ["Gate", "listen"]

BACKLOG = 2048
PIECE = 1 << 16
SORRY = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def listen(host: str, port: int, service: str) -> socket.socket:
    """Open a listening socket, or raise the OSError that says for which service it failed."""
    listener = _bound(host, port, service)
    listener.listen(BACKLOG)
    return listener


def _bound(host: str, port: int, service: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol spelled out, asyncio sets TCP_NODELAY; else an answer in two writes takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere the option lets two programs share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        text = f"the simulator cannot listen for {service} on {host}:{port}: {error.strerror or error}"
        raise type(error)(error.errno, text) from error
    return listener


class Gate:
    """The door of one service.

    Args:
        service: Its name.
        listener: Where connections come; the gate closes it.
        identity: What TLS is spoken with; None for none.
        strike: Draws the fault that strikes a connection.
        lasting: Gives the name of a fault that closes the door, if there is one.
        protocol: Makes what speaks HTTP on a connection.
    """

    def __init__(
        self,
        service: str,
        listener: socket.socket,
        identity: Identity | None,
        *,
        strike: Callable[[], Fault | None],
        lasting: Callable[[frozenset[str]], str | None],
        protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        self._service = service
        self._listener = listener
        self._host, self._port = listener.getsockname()[:2]
        self._identity = identity
        self._strike = strike
        self._lasting = lasting
        self._protocol = protocol
        self._loop: asyncio.AbstractEventLoop
        self._state: str | None = None
        self._fillers: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Let connections in, from within the event loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._listener, self._accept)

    def shut(self) -> None:
        """Let no more in; those inside go on."""
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for filler in self._fillers:
            filler.close()

    def update(self) -> None:
        """Close or open the door, as the faults say now."""
        state = self._lasting(CLOSED)
        if state == self._state:
            return
        self.shut()
        self._fillers = []
        self._state = state
        self._listener = _bound(self._host, self._port, self._service)
        if state == "blackhole":
            self._fill()
        elif state is None:
            self._listener.listen(BACKLOG)
            self.open()

    def _fill(self) -> None:
        """Let the queue of connections be full: the kernel then drops the first packet of every other."""
        self._listener.listen(0)
        for _ in range(2):
            filler = socket.socket(self._listener.family, socket.SOCK_STREAM)
            filler.setblocking(False)
            filler.connect_ex((self._host, self._port))
            self._fillers.append(filler)

    def _accept(self) -> None:
        for _ in range(BACKLOG):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._spawn(self._let_in(connection, self._strike()))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _let_in(self, connection: socket.socket, fault: Fault | None) -> None:
        try:
            if fault is None:
                await self._serve(connection)
            elif fault.name in PROXIED:
                inner, outer = socket.socketpair()
                inner.setblocking(False)
                outer.setblocking(False)
                how = proxy.BY_NAME[fault.name](**fault.chosen(fault.kinds[0]))
                self._spawn(self._serve(inner))
                await proxy.pass_on(connection, outer, how)
            elif fault.name == "reset_at_accept":
                await self._serve(connection, protocol=_Resetting)
            elif fault.name in SECURE and fault.name != "plain_http":
                assert self._identity is not None
                context = self._identity.spoiled(fault.name)
                if fault.name in ALERTS:
                    await self._refuse(connection, context)
                else:
                    await self._serve(connection, context=context)
            else:
                await self._without_tls(connection, fault.name)
        except (OSError, ssl.SSLError, EOFError):
            connection.close()  # the client left, or would have none of it
        except BaseException:
            connection.close()
            raise

    async def _serve(
        self,
        connection: socket.socket,
        *,
        context: ssl.SSLContext | None = None,
        protocol: Callable[[], asyncio.BaseProtocol] | None = None,
    ) -> None:
        usual = self._identity.context if self._identity is not None else None
        try:
            await self._loop.connect_accepted_socket(protocol or self._protocol, connection, ssl=context or usual)
        except (OSError, ssl.SSLError, EOFError):
            connection.close()

    async def _refuse(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        """Let a handshake fail, and let the client hear why: asyncio's own TLS would leave without a word."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        with contextlib.closing(connection):
            failed = False
            while not failed:
                try:
                    tls.do_handshake()
                    failed = True  # nobody is good enough
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLError:
                    failed = True
                await self._loop.sock_sendall(connection, outgoing.read())
                data = b"" if failed else await self._loop.sock_recv(connection, PIECE)
                failed = failed or not data
                incoming.write(data)
            connection.shutdown(socket.SHUT_WR)
            while await self._loop.sock_recv(connection, PIECE):
                pass

    async def _without_tls(self, connection: socket.socket, name: str) -> None:
        with contextlib.closing(connection):
            data = await self._loop.sock_recv(connection, PIECE)
            if name == "reset_in_handshake":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
                return
            if name == "plain_http":
                await self._loop.sock_sendall(connection, SORRY)
                connection.shutdown(socket.SHUT_WR)
            while data:
                data = await self._loop.sock_recv(connection, PIECE)


class _Resetting(asyncio.Protocol):
    """Reads nothing of a request, and resets the connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        reset(self._transport)
