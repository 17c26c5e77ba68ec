"""The limit: asyncio's protocol, asyncio's own TLS, httptools, a list of idle connections, and nothing else.

No deadline, no checks, no bound, no way to survive a fault: what is left when everything is left out.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import httptools

from benchmarks.note import HEADERS, PATH, Target, check_answer, encode_note


class Connection(asyncio.Protocol):
    """One open connection, which carries one request at a time.

    Args:
        loop: In which it lives.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)

    def exchange(self, data: bytes) -> asyncio.Future[bytes]:
        """Send a request; gives its answer's body to come."""
        assert self._transport is not None
        self._body = b""
        self._answer = self._loop.create_future()
        self._transport.write(data)
        return self._answer

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # a stream protocol gets this kind

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that there will be no answer."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._body += data

    def on_message_complete(self) -> None:
        """Hand the body over."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._body)


class LimitCall:
    """Calls over bare connections.

    Args:
        target: Where notes go.
    """

    def __init__(self, target: Target) -> None:
        parts = urlsplit(target.base)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._context = target.context()
        lines = [f"POST {PATH} HTTP/1.1", f"Host: {parts.netloc}", *(f"{name}: {HEADERS[name]}" for name in HEADERS)]
        self._head = "\r\n".join([*lines, "Content-Length: %d", "", ""]).encode()
        self._idle: list[Connection] = []
        self._all: list[Connection] = []

    async def open(self) -> None:
        """Nothing to do."""

    async def call(self) -> None:
        """Send one note."""
        body = encode_note()
        connection = self._idle.pop() if self._idle else await self._connect()
        answer = await connection.exchange(self._head % len(body) + body)
        self._idle.append(connection)
        check_answer(answer)

    async def close(self) -> None:
        """Close every connection."""
        for connection in self._all:
            connection.close()
        await asyncio.sleep(0)

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(loop), self._host, self._port, ssl=self._context
        )
        self._all.append(connection)
        return connection


def make(target: Target) -> LimitCall:
    """Make it."""
    return LimitCall(target)
