"""The server of the storms, in a process of its own: it answers as the header X-Manner asks.

`now` at once, `parts` head and body apart, `slow` after two milliseconds, `all-8` when eight such requests are there.
Started as `python storm_server.py CERTIFICATE`; prints its two ports, ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 37\r\n\r\n"
BODY = b'{"resultCode": "0",\n"returnCode":"0"}'
together: list[Conversation] = []


class Conversation(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.data = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream protocol gets this kind

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self in together:
            together.remove(self)

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, end, body = self.data.partition(b"\r\n\r\n")
        if not end:
            return
        pairs = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) < int(pairs.get(b"content-length", b"0")):
            return
        self.data = b""
        self.answer(pairs.get(b"x-manner", b"now").decode())

    def answer(self, manner: str) -> None:
        loop = asyncio.get_running_loop()
        if manner == "now":
            self.send(HEAD + BODY)
        elif manner == "parts":
            self.send(HEAD)
            loop.call_later(0.001, self.send, BODY)
        elif manner == "slow":
            loop.call_later(0.002, self.send, HEAD + BODY)
        else:
            together.append(self)
            if len(together) == int(manner.partition("-")[2]):
                waiting = together.copy()
                together.clear()
                for one in waiting:
                    one.send(HEAD + BODY)

    def send(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)


async def serve(certificate: str) -> None:
    """Serve on two ports until standard input ends."""
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    plain = await loop.create_server(Conversation, "127.0.0.1", 0, backlog=1024)
    secure = await loop.create_server(Conversation, "127.0.0.1", 0, backlog=1024, ssl=context)
    print(json.dumps([one.sockets[0].getsockname()[1] for one in (plain, secure)]), flush=True)  # noqa: T201
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(sys.argv[1]))
    else:
        uvloop.run(serve(sys.argv[1]))
