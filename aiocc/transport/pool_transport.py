"""The default transport: a pool for each origin."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from math import inf
from typing import Final

import anyio
import anyio.lowlevel
import httpx

from aiocc.delivery import Phase, Reason
from aiocc.protocol.inflate import Body
from aiocc.protocol.limits import AnswerLimits, PoolLimits, Timeouts
from aiocc.protocol.messages import Answer, AnswerHead, Fault, Origin, Wire, WireRequest
from aiocc.secret import HiddenBytes
from aiocc.transport import httpx_face
from aiocc.transport.dial import Dialler
from aiocc.transport.place import Place
from aiocc.transport.pool import Pool, refuse_stillborn
from aiocc.transport.reach import REACH
from aiocc.transport.stats import PoolStats, Watcher
from aiocc.transport.tls import TLS, ssl_context

_FACE_LIMITS: Final = AnswerLimits()


class PoolTransport(httpx.AsyncBaseTransport):
    """Exchanges requests over pools of its own, one for each origin, and says what left.

    Two faces: `exchange`, which the calls of a `Client` use, and httpx's, so that it also serves a plain
    `httpx.AsyncClient(transport=PoolTransport())`.

    Args:
        pool: For each origin.
        tls: How hosts prove who they are, or an `ssl.SSLContext`.
        own: Whom `TLS(server_name=...)` names; every origin without.
        watcher: Told of each connection that is opened or closed.
    """

    def __init__(
        self,
        pool: PoolLimits | None = None,
        tls: TLS | ssl.SSLContext | None = None,
        *,
        own: Origin | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self._limits = pool or PoolLimits()
        self._own = own
        self._watcher = watcher
        self._tls = tls if tls is not None else TLS()
        self._pools: dict[Origin, Pool] = {}
        self._place: Place | None = None
        self._closed = False

    async def exchange(
        self,
        request: WireRequest,
        wire: Wire,
        *,
        deadline: float,
        timeouts: Timeouts,
        limits: AnswerLimits,
        on_head: Callable[[AnswerHead], None],
        idle_at_most: float = inf,
    ) -> Answer:
        """Send a request once and read its answer to the end; see `Transport`."""
        assert request.origin is not None
        place = self._here()
        pool = self._pools.get(request.origin) or self._open_pool(request.origin, place)
        collected = _Collected(limits, on_head, pool)
        data = _sendable(request)
        while True:
            connection = kept = pool.take(place.clock(), idle_at_most=idle_at_most)
            if connection is None:
                connection = await pool.borrow(
                    wire, connect_timeout=timeouts.connect, queue_timeout=timeouts.queue, deadline=deadline
                )
            started = False
            try:
                started = connection.start(
                    data,
                    wire,
                    bodiless=request.method == "HEAD",
                    limits=limits,
                    on_head=collected.on_head,
                    on_data=collected.on_data,
                    deadline=deadline,
                    read_timeout=timeouts.read,
                )
                if started:
                    await connection.finish()
                    answer = collected.answer()
                    wire.phase = Phase.DONE
                    return answer
                if kept is None:
                    refuse_stillborn(connection)
            except Fault:
                if not started or wire.left or not wire.reused or place.clock() >= deadline:
                    raise
                wire.reused = None  # lost before its turn to be written came: nothing had left
            finally:
                connection.settle()
                pool.give_back(connection, connection.used_at)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request of httpx's; the body of the response is streamed.

        Raises:
            httpx.TransportError: What httpx's own transport would raise.
        """
        origin = httpx_face.origin_of(request)
        place = self._here()
        pool = self._pools.get(origin) or self._open_pool(origin, place)
        return await httpx_face.send(request, pool, place, _FACE_LIMITS)

    async def warm_up(self, url: str, connections: int = 1, *, timeout: float = 5.0) -> int:
        """Open connections before they are needed, TLS included, and keep them idle; `idle_expiry` bounds how long.

        Args:
            url: Any address of the host.
            connections: How many are to be open, those that are already included; never over `max_connections`.
            timeout: Seconds that this may take.

        Returns:
            How many are open.

        Raises:
            httpx.ConnectError: One could not be opened; those that could stay open.
            httpx.ConnectTimeout: The same, in time.
        """
        request = httpx.Request("GET", url)
        origin = httpx_face.origin_of(request)
        place = self._here()
        pool = self._pools.get(origin) or self._open_pool(origin, place)
        try:
            return await pool.warm_up(connections, connect_timeout=timeout, deadline=inf)
        except Fault as fault:
            error = httpx_face.named(fault, Wire(), request)
        raise error

    def stats(self) -> dict[str, PoolStats]:
        """Say what each origin's pool holds."""
        return {str(origin): pool.stats() for origin, pool in self._pools.items()}

    async def aclose(self, *, grace: float = 0.0) -> None:
        """Close every connection, for good: no request is begun after this has.

        Args:
            grace: Seconds that requests on their way, and responses that are being read, have to end. A `Client` gives
                its calls such a time by itself.
        """
        self._closed = True
        pools, self._pools = self._pools, {}
        if self._place is not None and self._place.is_here():
            for pool in pools.values():
                pool.shut()
            try:
                with anyio.move_on_after(grace):
                    for pool in pools.values():
                        await pool.drain()
            finally:
                for pool in pools.values():
                    pool.abort()
        await anyio.lowlevel.checkpoint()

    def _here(self) -> Place:
        """Leave the connections of an event loop that has ended, or of a parent process, untouched behind."""
        if self._place is not None and self._place.is_here():
            return self._place
        if self._place is not None and self._place.still_runs():
            raise RuntimeError("this transport is in use in another event loop that still runs")
        self._place = Place()
        self._pools = {}
        return self._place

    def _open_pool(self, origin: Origin, place: Place) -> Pool:
        REACH.check(origin)
        context = None
        server_name = None
        if origin.scheme == "https":
            context = ssl_context(self._tls) if isinstance(self._tls, TLS) else self._tls
            server_name = self._tls.server_name if isinstance(self._tls, TLS) and self._own in (None, origin) else None
        dial = Dialler(context, server_name, place).dial
        pool = self._pools[origin] = Pool(origin, self._limits, dial, place=place, watcher=self._watcher)
        if self._closed:
            pool.shut()
        return pool

    def __repr__(self) -> str:
        return f"<PoolTransport {' '.join(map(repr, self._pools.values()))}>"


class _Collected:
    """Takes one answer, within its limits."""

    __slots__ = ("_body", "_head", "_limits", "_on_head", "_pool")

    def __init__(self, limits: AnswerLimits, on_head: Callable[[AnswerHead], None], pool: Pool) -> None:
        self._limits = limits
        self._on_head = on_head
        self._pool = pool
        self._head: AnswerHead | None = None
        self._body: Body | None = None

    def on_head(self, head: AnswerHead) -> None:
        self._head = head
        self._pool.learn(head)
        self._on_head(head)
        header = head.header
        codings = head.all_headers("content-encoding") if header("content-encoding") is not None else ()
        self._body = Body(codings, header("content-length"), self._limits.body)

    def on_data(self, data: bytes) -> None:
        assert self._body is not None
        self._body.feed(data)

    def answer(self) -> Answer:
        assert self._head is not None
        assert self._body is not None
        return Answer(self._head, self._body.finish())


def _sendable(request: WireRequest) -> bytes:
    try:
        return HiddenBytes(serialise(request))
    except (ValueError, TypeError):
        pass  # its traceback, and a UnicodeEncodeError itself, would carry the whole head
    raise Fault(Reason.INTERNAL, "a header has characters that no header may carry")


def serialise(request: WireRequest) -> bytes:
    """Write a request's head and body as one piece.

    Raises:
        ValueError: A header holds a line break, which would end the head before its time.
    """
    lines = [f"{request.method} {request.target} HTTP/1.1", *map(": ".join, request.headers), "", ""]
    bare = "".join(lines)
    if "\n" in bare or "\r" in bare or "\0" in bare:
        del lines, bare  # a trace's locals would show them
        raise ValueError("a header holds a line break or NUL")
    return "\r\n".join(lines).encode("latin-1") + (request.body or b"")
