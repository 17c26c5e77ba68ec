"""A wire between two processes that can be cut: a proxy on loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from contextlib import suppress
from typing import Self

from .redis_server import free_port


class CutWire:
    """Passes bytes on to a port, and resets its connections when told so.

    Args:
        target: The port.
        delay: Seconds, at most, by which what comes back is held.
        seed: Decides each delay.
    """

    def __init__(self, target: int, *, delay: float = 0.0, seed: int = 0) -> None:
        self.port = free_port()
        self._target = target
        self._delay = delay
        self._rng = random.Random(seed)  # noqa: S311 - nothing secret
        self._loop = asyncio.new_event_loop()
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def cut(self, share: float) -> int:
        """Reset about this share of the connections; gives how many."""
        return asyncio.run_coroutine_threadsafe(self._cut(share), self._loop).result(10)

    async def _cut(self, share: float) -> int:
        chosen = [pair for pair in self._pairs if self._rng.random() < share]
        for writer in (writer for pair in chosen for writer in pair):
            with suppress(OSError):
                # Closing with a linger of 0 sends a reset.
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return len(chosen)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        self._loop.run_forever()
        server.close()
        for writer in (writer for pair in self._pairs for writer in pair):
            writer.transport.abort()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, far_writer)
        self._pairs.add(pair)
        try:
            with suppress(asyncio.CancelledError):  # at the wire's end; asyncio would tell of it
                await asyncio.gather(self._pass(reader, far_writer, 0.0), self._pass(far_reader, writer, self._delay))
        finally:
            self._pairs.discard(pair)
            for one in pair:
                one.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while data := await reader.read(65536):
                if delay:
                    await asyncio.sleep(self._rng.uniform(0, delay))
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
