"""A host that answers every request late: `python -m benchmarks.servers.slow PORT SECONDS`."""

from __future__ import annotations

import asyncio
import sys

from benchmarks.note import ANSWER

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)


class Slow(asyncio.Protocol):
    """One connection. Requests come one after the other, each in one piece: head and body are small.

    Args:
        delay: Seconds.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._transport: asyncio.Transport | None = None
        self._pending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # a stream protocol gets this kind

    def data_received(self, data: bytes) -> None:
        """Answer later; a body that comes apart from its head belongs to the same request."""
        if not self._pending:
            self._pending = True
            asyncio.get_running_loop().call_later(self._delay, self._answer)

    def _answer(self) -> None:
        self._pending = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(HEAD + ANSWER)


async def serve(port: int, delay: float) -> None:
    """Answer until the process is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: Slow(delay), "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
