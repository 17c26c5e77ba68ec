"""A server that a test leads by hand, byte by byte and connection by connection, with TLS or without.

It works on plain sockets and anyio's `wait_readable`, so that it can reset or cut a connection on every event loop.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.abc
from attrs import define, field

from aiocc.protocol.limits import AnswerLimits, PoolLimits, Timeouts
from aiocc.protocol.messages import Answer, AnswerHead, Fault, Origin, Wire, WireRequest
from aiocc.transport import TLS, PoolTransport
from tests.campaigns.kernel import undisturbed, until
from tests.live.scripted import RST_ON_CLOSE

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LONG = 60.0
PIECE = 64 * 1024


@define(eq=False)
class Peer:
    """One connection as the server sees it; `number` counts the connections from 1."""

    socket: socket.socket
    number: int
    data: bytes = b""
    tls: Any = None
    _incoming: ssl.MemoryBIO = field(factory=ssl.MemoryBIO)
    _outgoing: ssl.MemoryBIO = field(factory=ssl.MemoryBIO)

    async def receive(self) -> bytes:
        """Give what comes next, empty at the end of the stream."""
        while self.tls is not None:
            try:
                return bytes(self.tls.read(PIECE))
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self.receive_raw()
                if not data:
                    return b""
                self._incoming.write(data)
        return await self.receive_raw()

    async def receive_raw(self) -> bytes:
        """Give what comes next on the socket itself."""
        await anyio.wait_readable(self.socket)
        return self.socket.recv(PIECE)

    async def request(self) -> tuple[bytes, bytes] | None:
        """Read one request with a Content-Length or none; gives head and body, None at the end of the stream."""
        while b"\r\n\r\n" not in self.data:
            piece = await self.receive()
            if not piece:
                return None
            self.data += piece
        head, _, rest = self.data.partition(b"\r\n\r\n")
        pairs = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(pairs.get(b"content-length", b"0"))
        while len(rest) < length:
            piece = await self.receive()
            if not piece:
                return None
            rest += piece
        body, self.data = rest[:length], rest[length:]
        return head, body

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        if self.tls is not None:
            self.tls.write(data)
            await self._flush()
        else:
            await self.send_raw(data)

    async def send_raw(self, data: bytes) -> None:
        """Send all of it past TLS."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self.socket.send(rest) :]
            except BlockingIOError:
                await anyio.wait_writable(self.socket)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Do the server's part of the handshake."""
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self.receive_raw()
                if not data:
                    raise OSError("the client left in the handshake") from None
                self._incoming.write(data)
            except ssl.SSLError:
                await self._flush()
                raise
            else:
                await self._flush()
                return

    async def say_goodbye(self) -> None:
        """Send TLS's own end of the stream."""
        with suppress(ssl.SSLError):
            self.tls.unwrap()
        await self._flush()

    def reset(self) -> None:
        """Make the close that follows a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)

    async def until_closed(self) -> None:
        """Read until the client has closed, or reset, its side."""
        with suppress(OSError):
            while await self.receive_raw():
                pass

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self.send_raw(self._outgoing.read())


Converse = Callable[[Peer], Awaitable[None]]


@define(eq=False)
class Served:
    """The server; `requests` holds each request's connection, head and body in order, as `answering` took them."""

    port: int
    secure: bool
    connections: int = 0
    open: int = 0
    requests: list[tuple[int, bytes, bytes]] = field(factory=list)
    failures: list[BaseException] = field(factory=list)

    @property
    def origin(self) -> Origin:
        """Its address."""
        return Origin("https" if self.secure else "http", "127.0.0.1", self.port)

    @property
    def url(self) -> str:
        """Its address."""
        return str(self.origin)

    async def until_open(self, count: int) -> None:
        """Wait until so many connections are open."""
        await until(lambda: self.open == count)

    async def until_noticed(self) -> None:
        """Wait until what was done to every idle connection has arrived at the client's side."""
        await until(lambda: not undisturbed(self.port))

    async def _converse(self, converse: Converse, peer: Peer, context: ssl.SSLContext | None) -> None:
        self.open += 1
        try:
            with peer.socket:
                if context is not None:
                    await peer.start_tls(context)
                await converse(peer)
        except (OSError, ssl.SSLError) as error:
            self.failures.append(error)
        finally:
            self.open -= 1


@asynccontextmanager
async def serving(
    converse: Converse | None = None, context: ssl.SSLContext | None = None, *, family: int = socket.AF_INET
) -> AsyncIterator[Served]:
    """Lead each connection by a function; without one, each request is answered with `OK` and kept in `requests`."""
    with socket.socket(family) as listener:
        listener.setblocking(False)
        listener.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        listener.listen(512)
        served = Served(int(listener.getsockname()[1]), context is not None)
        lead = converse or answering(served)

        async def accept() -> None:
            while True:
                await anyio.wait_readable(listener)
                with suppress(BlockingIOError):
                    accepted, _ = listener.accept()
                    accepted.setblocking(False)
                    served.connections += 1
                    group.start_soon(served._converse, lead, Peer(accepted, served.connections), context)

        async with anyio.create_task_group() as group:
            group.start_soon(accept)
            yield served
            group.cancel_scope.cancel()


def answering(served: Served, answer: bytes = OK) -> Converse:
    """Answer each request the same way, and keep it."""

    async def converse(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            served.requests.append((peer.number, *request))
            await peer.send(answer)

    return converse


def once(answer: bytes) -> Converse:
    """Answer one request with these bytes, then close."""

    async def converse(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    return converse


def request_to(origin: Origin, method: str = "GET", body: bytes | None = None) -> WireRequest:
    """Make a request."""
    headers = [("Host", origin.authority)]
    if body is not None:
        headers.append(("Content-Length", str(len(body))))
    return WireRequest(method, "/", origin=origin, headers=headers, body=body)


async def exchange(transport: PoolTransport, origin: Origin, wire: Wire | None = None, **options: Any) -> Answer:
    """Exchange one request over the native face, with long times unless the test says otherwise."""
    body = options.pop("body", None)
    heads: list[AnswerHead] = []
    settings: dict[str, Any] = {
        "deadline": anyio.current_time() + options.pop("within", LONG),
        "timeouts": Timeouts(connect=LONG, queue=LONG, read=LONG),
        "limits": AnswerLimits(),
        "on_head": heads.append,
    }
    request = request_to(origin, options.pop("method", "GET"), body)
    return await transport.exchange(request, wire if wire is not None else Wire(), **{**settings, **options})


async def fault_of(awaitable: Awaitable[object]) -> Fault:
    """Give the fault that an exchange must end with."""
    try:
        await awaitable
    except Fault as fault:
        return fault
    raise AssertionError("there was no fault")


@asynccontextmanager
async def pooled(tls: TLS | ssl.SSLContext | None = None, **limits: Any) -> AsyncIterator[PoolTransport]:
    """Make a transport, and close it."""
    transport = PoolTransport(PoolLimits(**{"idle_expiry": LONG, **limits}), tls)
    try:
        yield transport
    finally:
        with anyio.CancelScope(shield=True):
            await transport.aclose()
