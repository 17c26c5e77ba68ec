"""A proxy on the loopback that knows bytes and no protocol: it passes them on, cuts, stalls and resets."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Literal

from attrs import frozen

from aiocc.simulator.faults.emission import RST_ON_CLOSE

__all__ = ["Mistreatment", "pass_on"]

PIECE = 1 << 16


@frozen
class Mistreatment:
    """What becomes of the bytes of one connection.

    Attributes:
        of: Whose bytes are counted: those of the server or of the client.
        at: After how many of them the connection ends; None for never.
        end: How it ends: "close", "reset", or "stall", in which nothing more is passed on in this direction.
        size: Of the largest piece that is passed on at once.
    """

    of: Literal["server", "client"] = "server"
    at: int | None = None
    end: Literal["close", "reset", "stall"] = "close"
    size: int = PIECE


class _End(Exception):  # noqa: N818 - no error: it ends both directions
    pass


async def pass_on(client: socket.socket, server: socket.socket, how: Mistreatment) -> None:
    """Pass bytes on between two sockets until both sides have ended, or the mistreatment ends them; closes both."""
    plain = Mistreatment(size=PIECE)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_one_way(server, client, how if how.of == "server" else plain))
            group.create_task(_one_way(client, server, how if how.of == "client" else plain))
    except* _End:
        if how.end == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
    except* OSError:
        pass
    finally:
        client.close()
        server.close()


async def _one_way(source: socket.socket, target: socket.socket, how: Mistreatment) -> None:
    loop = asyncio.get_running_loop()
    left = how.at
    while data := await loop.sock_recv(source, how.size):
        if left is not None:
            data, left = data[:left], left - min(left, len(data))
        await loop.sock_sendall(target, data)
        if left == 0:
            await _stop(source, how)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


async def _stop(source: socket.socket, how: Mistreatment) -> None:
    if how.end == "stall":
        loop = asyncio.get_running_loop()
        while await loop.sock_recv(source, PIECE):
            pass
    raise _End


Mistreat = Callable[..., Mistreatment]

BY_NAME: dict[str, Mistreat] = {
    "bytes_cut": lambda at: Mistreatment("server", at, "close"),
    "bytes_reset": lambda at: Mistreatment("server", at, "reset"),
    "bytes_stall": lambda at: Mistreatment("server", at, "stall"),
    "request_cut": lambda at: Mistreatment("client", at, "reset"),
    "small_pieces": lambda size: Mistreatment(size=size),
}
