"""httpx's face of the pools: streams in both directions, httpx's time-outs, events and exceptions."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, cast

import httpx

from aiocc.delivery import Reason
from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import DEFAULT_PORTS, AnswerHead, Fault, Origin, Wire
from aiocc.secret import HiddenBytes
from aiocc.transport.connection import Connection
from aiocc.transport.pool import Pool, refuse_stillborn

if TYPE_CHECKING:
    from aiocc.transport.place import Place

_FOREVER: Final = 10**9
_CLOSE: Final = re.compile(r"(?:^|,)\s*close\s*(?:,|$)", re.IGNORECASE)
_HEAD: Final = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/1\.1\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\0\r\n]*\r\n)*\r\n"
)
_LAST_PORT: Final = 65_535
_HIGH_WATER: Final = 256 * 1024

Trace = Callable[[str, dict[str, Any]], Awaitable[None]]

_BEFORE: Final[dict[Reason, type[httpx.TransportError]]] = {
    Reason.CONNECT_TIMEOUT: httpx.ConnectTimeout,
    Reason.QUEUE_TIMEOUT: httpx.PoolTimeout,
    Reason.DEADLINE: httpx.ConnectTimeout,
}
_AFTER: Final[dict[Reason, type[httpx.TransportError]]] = {
    Reason.READ_TIMEOUT: httpx.ReadTimeout,
    Reason.DEADLINE: httpx.ReadTimeout,
    Reason.WRITE_TIMEOUT: httpx.WriteTimeout,
    Reason.CONNECTION_RESET: httpx.ReadError,
    Reason.CLIENT_CERTIFICATE_REFUSED: httpx.ReadError,
}


async def send(request: httpx.Request, pool: Pool, place: Place, limits: AnswerLimits) -> httpx.Response:
    """Send httpx's request; gives its response as soon as the head is there.

    Raises:
        httpx.TransportError: What httpx's own transport would raise.
    """
    exchange = _Exchange(request, pool, place, limits)
    try:
        await exchange.send()
    except Fault as fault:
        error = named(fault, exchange.wire, request)
    else:
        return exchange.response()
    raise error


def origin_of(request: httpx.Request) -> Origin:
    """Give where a request goes.

    Raises:
        httpx.UnsupportedProtocol: Neither http nor https, or a port that is none.
    """
    url = request.url
    if url.scheme not in DEFAULT_PORTS:
        raise httpx.UnsupportedProtocol(f"Request URL has an unsupported protocol {url.scheme!r}.", request=request)
    port = DEFAULT_PORTS[url.scheme] if url.port is None else url.port
    if port > _LAST_PORT:
        # Where names are resolved it would be taken for another port, silently.
        raise httpx.UnsupportedProtocol(f"Request URL has the port {port}, which is none.", request=request)
    return Origin(url.scheme, url.raw_host.decode("ascii"), port)


class _Exchange(httpx.AsyncByteStream):
    """One request and the stream of its response."""

    def __init__(self, request: httpx.Request, pool: Pool, place: Place, limits: AnswerLimits) -> None:
        self.wire = Wire()
        self._request = request
        self._pool = pool
        self._place = place
        self._limits = limits
        self._connection: Connection | None = None
        self._head: AnswerHead | None = None
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        times = cast("dict[str, float | None]", request.extensions.get("timeout") or {})
        self._times = {name: _seconds(times.get(name)) for name in ("connect", "read", "write", "pool")}
        self._sent = False
        self._closes = bool(_CLOSE.search(request.headers.get("connection", "")))

    async def send(self) -> None:
        """Send the request, and wait for the head of its response."""
        connection = await self._started()
        try:
            await self._send_rest(connection)
            await self._trace("http11.receive_response_headers.started")
            while self._head is None:
                await connection.advance()
            await self._trace("http11.receive_response_headers.complete")
        except BaseException:
            await self.aclose()
            raise

    def response(self) -> httpx.Response:
        """Make httpx's response around this stream."""
        assert self._head is not None
        assert self._connection is not None
        return httpx.Response(
            self._head.status,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._head.headers],
            stream=self,
            extensions={"http_version": b"HTTP/1.1", "network_stream": _NetworkStream(self._connection)},
        )

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self  # no generator: one that is left half read would need closing of its own

    async def __anext__(self) -> bytes:
        connection = self._connection
        while not self._pieces:
            if connection is None or connection.complete:
                raise StopAsyncIteration
            connection.pause(False)
            try:
                await connection.advance()
                continue
            except Fault as fault:
                error = named(fault, self.wire, self._request)
            except BaseException:
                await self.aclose()
                raise
            await self.aclose()  # httpx does not, of a response that `send(stream=True)` gave
            raise error
        piece = self._pieces.popleft()
        self._buffered -= len(piece)
        return piece

    async def aclose(self) -> None:
        """Give the connection back; closed, unless the request was sent and the answer read to their ends."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if not connection.complete or (self.wire.left and not self._sent) or self._closes:
                connection.close()
            connection.settle()
            self._pool.give_back(connection, self._place.clock())

    async def _started(self) -> Connection:
        first = self._head_bytes()
        if self._request.method == "CONNECT":
            raise httpx.UnsupportedProtocol("CONNECT is not supported: give a proxy to httpx", request=self._request)
        while True:
            connection = kept = self._pool.take(self._place.clock())
            if connection is None:
                await self._trace("connection.connect_tcp.started")
                connection = await self._pool.borrow(
                    self.wire,
                    connect_timeout=self._times["connect"],
                    queue_timeout=self._times["pool"],
                    deadline=float("inf"),
                )
                await self._trace_opened(connection)
            self._connection = connection
            try:
                await self._trace("http11.send_request_headers.started")
                started = connection.start(
                    first,
                    self.wire,
                    bodiless=self._request.method == "HEAD",
                    limits=self._limits,
                    on_head=self._take_head,
                    on_data=self._take_data,
                    deadline=float("inf"),
                    read_timeout=self._times["read"],
                    stepwise=True,
                )
            except BaseException:
                await self.aclose()
                raise
            if started:
                return connection
            await self.aclose()
            if kept is None:
                refuse_stillborn(connection)

    async def _trace_opened(self, connection: Connection) -> None:
        try:
            await self._trace("connection.connect_tcp.complete")
        except BaseException:
            self._connection = connection
            await self.aclose()
            raise

    def _head_bytes(self) -> bytes:
        request = self._request
        target = request.extensions.get("target") or request.url.raw_path
        lines = [b"%s %s HTTP/1.1" % (request.method.encode("utf-8"), target)]
        lines += [b"%s: %s" % pair for pair in request.headers.raw]
        head = b"\r\n".join([*lines, b"", b""])
        if _HEAD.fullmatch(head) is None or head.count(b"\n") != len(lines) + 1:
            raise httpx.LocalProtocolError("Illegal method, target or header", request=request)
        length, coding = request.headers.get("content-length", "0"), request.headers.get("transfer-encoding", "chunked")
        if not (length.isascii() and length.isdigit()) or coding.lower() != "chunked":
            raise httpx.LocalProtocolError("Illegal Content-Length or Transfer-Encoding", request=request)
        return HiddenBytes(head)

    async def _send_rest(self, connection: Connection) -> None:
        """Send the body, and see to it that httpx's generator of its pieces is closed also where not all are wanted."""
        await self._trace("http11.send_request_headers.complete")
        await self._trace("http11.send_request_body.started")
        pieces = aiter(cast("AsyncIterable[bytes]", self._request.stream))
        try:
            self._sent = await self._send_pieces(connection, pieces)
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
        await self._trace("http11.send_request_body.complete")

    async def _send_pieces(self, connection: Connection, pieces: AsyncIterator[bytes]) -> bool:
        """Send the body as it comes, framed as the request's headers say; false if it was not sent to its end."""
        headers, timeout = self._request.headers, self._times["write"]
        chunked = "transfer-encoding" in headers
        left = int(headers.get("content-length", "0"))
        async for piece in pieces:
            if self._head is not None and self._head.status >= 400:
                return False  # refused before it was sent: what follows would not be read
            left -= len(piece)
            if left < 0 and not chunked:
                raise httpx.LocalProtocolError("Too much data for declared Content-Length", request=self._request)
            framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
            if piece and not await connection.write(framed, timeout):
                return False
        if left > 0 and not chunked:
            raise httpx.LocalProtocolError("Too little data for declared Content-Length", request=self._request)
        return not chunked or await connection.write(b"0\r\n\r\n", timeout)

    def _take_head(self, head: AnswerHead) -> None:
        self._head = head
        self._pool.learn(head)

    def _take_data(self, data: bytes) -> None:
        self._pieces.append(data)
        self._buffered += len(data)
        if self._buffered > _HIGH_WATER and self._connection is not None:
            self._connection.pause(True)

    async def _trace(self, name: str) -> None:
        trace = cast("Trace | None", self._request.extensions.get("trace"))
        if trace is not None:
            await trace(name, {"request": self._request})


class _NetworkStream:
    """What httpx calls `network_stream`: the facts of the connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get_extra_info(self, info: str) -> object:
        """Give `ssl_object`, `socket`, `client_addr` or `server_addr`."""
        return self._connection.extra(info)


def _seconds(timeout: float | None) -> float:
    return _FOREVER if timeout is None else timeout + 0.0  # what is no number is told before a slot is taken


def named(fault: Fault, wire: Wire, request: httpx.Request) -> httpx.TransportError:
    """Give httpx's name of a fault."""
    text = f"{fault.reason.value} ({fault.detail})" if fault.detail else fault.reason.value
    if not wire.left:
        cls = _BEFORE.get(fault.reason, httpx.ConnectError)
    else:
        cls = _AFTER.get(fault.reason, httpx.RemoteProtocolError)
    return cls(text, request=request)
