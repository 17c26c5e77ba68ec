"""A server on the loopback that does what a test says with each request, and keeps every request it received.

It works on plain sockets and anyio's `wait_readable`, so that it can reset a connection on every event loop.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc
from anyio.streams.tls import TLSListener
from attrs import define, field, frozen

from aiocc import Client, Service
from aiocc.auth import AgentGuid, AkSk, AppKey, CookieToken, Strategy

CREATED = {"resultCode": "0", "resultData": {"sipServiceAddress": "10.0.0.1:5063", "accesscode": "1790"}}
SUCCESS: Mapping[str, Mapping[str, Any]] = {
    "leave_message": {"resultCode": "0", "returnCode": "0", "description": "", "resultDesc": ""},
    "click_to_dial": {"resultCode": "0", "resultDesc": "connect successfully."},
    "send_note": {"retcode": "0", "message": "success", "result": None},
    "obs_result_codes": {"resultCode": "0200000", "returnCode": "0200000", "totalCount": 0, "obsCodes": []},
    "create_call": CREATED,
}
"""An accepted answer of each operation."""

TOKEN = {"AccessToken": "token-of-the-script", "ApplyType": "Bearer", "Expires": "3600"}
RST_ON_CLOSE = struct.pack("ii", 1, 0)


@frozen
class Arrived:
    """A request as it came: names of headers in lower case; `connection` counts the connections from 1."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


Act = Callable[[socket.socket], Awaitable[bool]]
"""Does something with a connection that has brought a request, and says whether it is kept."""


def answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Act:
    """Answer with JSON, or with text as it stands, and keep the connection unless a header says otherwise."""
    body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    given = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in given.items()), "", ""]

    async def act(connection: socket.socket) -> bool:
        connection.sendall("\r\n".join(lines).encode() + body)
        return "Connection" not in given

    return act


def send(data: bytes) -> Act:
    """Send these bytes, then close the connection."""

    async def act(connection: socket.socket) -> bool:
        connection.sendall(data)
        return False

    return act


close = send(b"")


async def reset(connection: socket.socket) -> bool:
    """Reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
    return False


async def silent(_: socket.socket) -> bool:
    """Never answer."""
    await anyio.sleep_forever()
    return False


@define(eq=False)
class Scripted:
    """The server: `received` holds every business request, in order; `tokens` counts those for a token."""

    script: Callable[[Arrived], Act]
    listener: socket.socket
    received: list[Arrived] = field(factory=list)
    tokens: int = 0
    token_act: Act = field(factory=lambda: answer(TOKEN, headers={"Connection": "close"}))
    connections: int = 0
    ended: int = 0
    listening: anyio.Event = field(factory=anyio.Event)
    _changed: anyio.Event = field(factory=anyio.Event)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def listen(self) -> None:
        """Take connections from now on; they are refused before."""
        self.listener.listen()
        self.listening.set()

    async def until_received(self, count: int = 1) -> None:
        """Wait until so many business requests have come."""
        while len(self.received) < count:
            await self._changed.wait()

    async def until_ended(self, count: int) -> None:
        """Wait until so many connections have ended."""
        while self.ended < count:
            await self._changed.wait()

    async def serve(self, group: anyio.abc.TaskGroup) -> None:
        """Take connections until cancelled."""
        await self.listening.wait()
        while True:
            await anyio.wait_readable(self.listener)
            connection, _ = self.listener.accept()
            connection.setblocking(False)
            self.connections += 1
            group.start_soon(self._converse, connection, self.connections)

    async def _converse(self, connection: socket.socket, number: int) -> None:
        with connection:
            try:
                while (arrived := await _read(connection, number)) is not None:
                    if not await self._act(arrived)(connection):
                        return
            except OSError:
                pass  # the client went away
            finally:
                self.ended += 1
                self._tell()

    def _act(self, arrived: Arrived) -> Act:
        if arrived.target.endswith("tokenByAkSk"):
            self.tokens += 1
            return self.token_act
        self.received.append(arrived)
        self._tell()
        return self.script(arrived)

    def _tell(self) -> None:
        self._changed, changed = anyio.Event(), self._changed
        changed.set()


async def _read(connection: socket.socket, number: int) -> Arrived | None:
    data = b""
    while b"\r\n\r\n" not in data:
        await anyio.wait_readable(connection)
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    line, *pairs = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (pair.partition(":") for pair in pairs)}
    while len(body) < int(headers.get("content-length", "0")):
        await anyio.wait_readable(connection)
        piece = connection.recv(65536)
        if not piece:
            return None
        body += piece
    method, target, _ = line.split(" ")
    return Arrived(method, target, headers, body, number)


@asynccontextmanager
async def scripted(
    script: Callable[[Arrived], Act] | Sequence[Act], *, listening: bool = True
) -> AsyncIterator[Scripted]:
    """Serve: each request meets the next act of the script, the last one over and over; or what a function says."""
    server: Scripted

    def in_turn(_: Arrived) -> Act:
        assert not callable(script)
        return script[min(len(server.received), len(script)) - 1]

    with socket.socket() as listener:
        listener.setblocking(False)
        listener.bind(("127.0.0.1", 0))
        server = Scripted(script if callable(script) else in_turn, listener)
        if listening:
            server.listen()
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, group)
            yield server
            group.cancel_scope.cancel()


@asynccontextmanager
async def secure(context: ssl.SSLContext, content: Mapping[str, Any]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Serve TLS, answering whatever comes with one JSON object; gives the port, and what came."""
    body = json.dumps(content).encode()
    received: list[bytes] = []

    async def converse(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            received.append(await stream.receive())
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)

    tcp = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    listener = TLSListener(tcp, context, standard_compatible=False)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, converse)
        yield tcp.extra(anyio.abc.SocketAttribute.local_port), received
        group.cancel_scope.cancel()


def client_of(url: str, *, visitor: Strategy | None = None, **options: Any) -> Client:
    """Make a client whose four services are all at one address; the options are those of `Service`."""
    client = Client(
        webadapter=Service(url, auth=visitor or CookieToken("cookie-of-the-visitor"), **options),
        gateway=Service(url, **options),
        isales=Service(url, auth=AkSk("access-key", "secret-key-of-isales"), **options),
        fabric=Service(url, auth=AppKey("app-key", "secret-of-the-app"), **options),
    )
    client.agent(101, guid="guid-of-agent-101.AgentGateway1")
    return client


__all__ = [
    "SUCCESS",
    "Act",
    "AgentGuid",
    "Arrived",
    "Scripted",
    "answer",
    "client_of",
    "close",
    "reset",
    "scripted",
    "secure",
    "send",
    "silent",
]
