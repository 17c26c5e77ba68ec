"""What goes out on a connection in place of an ordinary answer, byte by byte, and how the connection ends."""

import asyncio
import socket
import struct
from collections.abc import Iterable
from http import HTTPStatus
from typing import Literal, Protocol

import anyio
import anyio.lowlevel
from attrs import frozen
from starlette.types import Receive

from aiocc.simulator.answers import Answer

__all__ = ["Emission", "emit", "reset", "split", "whole"]

End = Literal["hang", "close", "vanish", "reset"]

ENOUGH = 1 << 18
BREATH = 0.001
RST_ON_CLOSE = struct.pack("ii", 1, 0)


@frozen
class Emission:
    """Bytes to send and seconds to wait, in order, and what then becomes of the connection.

    `end` is "hang", nothing more until the client closes; "close", an orderly end; "vanish", an end without TLS's
    own goodbye; "reset". No connection goes on after an emission.
    """

    pieces: Iterable[bytes | float] = ()
    end: End = "hang"

    def data(self) -> bytes:
        """Give all bytes that would be sent."""
        return b"".join(piece for piece in self.pieces if isinstance(piece, bytes))


def whole(answer: Answer, date: str) -> Emission:
    """Write an answer as it would have been sent."""
    known = {status.value: status.phrase for status in HTTPStatus}
    lines = [f"HTTP/1.1 {answer.status} {known.get(answer.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines += [f"Date: {date}", f"Content-Length: {len(answer.body)}", "", ""]
    return Emission(("\r\n".join(lines).encode("latin-1"), answer.body))


def split(emission: Emission) -> tuple[bytes, bytes]:
    """Give head and body of what would be sent; the head with the empty line at its end."""
    head, line, body = emission.data().partition(b"\r\n\r\n")
    return head + line, body


class Connection(Protocol):
    """What the server knows of a connection."""

    transport: asyncio.Transport
    lost: bool


async def emit(emission: Emission, connection: Connection, receive: Receive) -> None:
    """Send it, past HTTP, and see to the end of the connection; over when the connection is."""
    transport = connection.transport
    for piece in emission.pieces:
        if connection.lost or transport.is_closing():
            break
        if isinstance(piece, float):
            await anyio.sleep(piece)
            continue
        transport.write(piece)
        await anyio.lowlevel.checkpoint()  # lets the end of the connection be heard
        while transport.get_write_buffer_size() > ENOUGH and not connection.lost:  # noqa: ASYNC110 - no event
            await anyio.sleep(BREATH)
    if emission.end != "hang" and not connection.lost:
        _end(transport, emission.end)
    while (await receive())["type"] != "http.disconnect":
        pass


def _end(transport: asyncio.Transport, end: End) -> None:
    if end == "close":
        transport.close()
    elif end == "vanish":
        transport.abort()
    else:
        reset(transport)


def reset(transport: asyncio.Transport) -> None:
    """End a connection by a reset."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
    transport.abort()
