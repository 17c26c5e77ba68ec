"""Which of a host's addresses is used: the first that answers, and no other connection is left."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from aiocc.delivery import Reason
from aiocc.protocol.messages import Origin
from aiocc.transport.dial import connect
from tests.campaigns.kernel import sockets_to

from .raw import exchange, fault_of, pooled, serving

LIVE, DEAD = "127.0.0.1", "::1"


def addresses(*targets: tuple[str, int]) -> list[Any]:
    """Give what a resolver says."""
    found = []
    for host, port in targets:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        target = (host, port, 0, 0) if family == socket.AF_INET6 else (host, port)
        found.append((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", target))
    return found


class Resolving:
    """An event loop as `connect` uses it, with the answer of the resolver given.

    Args:
        answer: What a host's addresses are.
        silent: Addresses that never answer; none on the loopback is like that.
    """

    def __init__(self, answer: list[Any], silent: tuple[str, ...] = ()) -> None:
        self.loop = asyncio.get_running_loop()
        self.answer = answer
        self.silent = silent
        self.tried: list[str] = []

    async def getaddrinfo(self, *_: object, **__: object) -> list[Any]:
        """Resolve."""
        return self.answer

    async def sock_connect(self, opened: socket.socket, target: tuple[Any, ...]) -> None:
        """Connect, or never."""
        self.tried.append(target[0])
        if target[0] in self.silent:
            await asyncio.get_running_loop().create_future()
        await self.loop.sock_connect(opened, target)


@asynccontextmanager
async def connected(resolving: Resolving) -> AsyncIterator[str]:
    """Connect, and give to which address."""
    loop: Any = resolving
    with await connect(loop, "host.test", 80) as opened:
        yield str(opened.getpeername()[0])


ASYNCIO = pytest.mark.parametrize(
    "anyio_backend",
    [
        pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
    ],
)


@ASYNCIO
async def test_a_dead_address_is_passed_over(anyio_backend: object, dead_port: int) -> None:
    """An address that refuses leads to the next."""
    async with serving() as served:
        resolving = Resolving(addresses((LIVE, dead_port), (LIVE, served.port)))
        async with connected(resolving) as address:
            assert LIVE == address
        assert 0 == sockets_to(served.port)


@ASYNCIO
async def test_a_silent_address_does_not_keep_the_next_from_being_tried(anyio_backend: object) -> None:
    """An address that never answers is left behind, and its socket closed."""
    async with serving() as served:
        resolving = Resolving(addresses(("127.0.0.2", served.port), (LIVE, served.port)), silent=("127.0.0.2",))
        async with connected(resolving) as address:
            assert (LIVE, 1) == (address, sockets_to(served.port))


@ASYNCIO
async def test_families_are_tried_in_turn(anyio_backend: object, dead_port: int) -> None:
    """A host with many dead addresses of one family does not hold the other up."""
    hosts = addresses((DEAD, dead_port), (DEAD, dead_port), (LIVE, dead_port), (LIVE, dead_port))
    resolving = Resolving(hosts)
    with pytest.raises(ConnectionRefusedError):
        async with connected(resolving):
            pass

    assert [DEAD, LIVE, DEAD, LIVE] == resolving.tried


@ASYNCIO
@pytest.mark.parametrize("steps", range(12))
async def test_a_cancelled_connect_leaves_no_socket(anyio_backend: object, steps: int) -> None:
    """Wherever the cancellation meets it, every socket is closed."""
    async with serving() as served:
        resolving = Resolving(addresses(("127.0.0.2", served.port), (LIVE, served.port)), silent=("127.0.0.2",))
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:

                async def dial() -> None:
                    async with connected(resolving):
                        pass

                group.start_soon(dial)
                for _ in range(steps):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()
        assert 0 == sockets_to(served.port)


async def test_a_host_of_two_addresses_is_reached_where_one_is_dead() -> None:
    """The name localhost has two addresses on most machines, and a server listens on one."""
    async with serving() as served, pooled() as transport:
        got = await exchange(transport, Origin("http", "localhost", served.port))

        assert b"ok" == got.body


async def test_an_address_of_ipv6_is_an_origin_like_any_other() -> None:
    """A literal IPv6 address is dialled, and named in brackets."""
    try:
        async with serving(family=socket.AF_INET6) as served, pooled() as transport:
            origin = Origin("http", "::1", served.port)

            assert b"ok" == (await exchange(transport, origin)).body
            assert [f"http://[::1]:{served.port}"] == list(transport.stats())
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")


async def test_all_addresses_dead_is_a_refusal(dead_port: int) -> None:
    """Where every address refuses, the fault is that of a refusal."""
    async with pooled() as transport:
        fault = await fault_of(exchange(transport, Origin("http", "localhost", dead_port)))

        assert Reason.CONNECTION_REFUSED == fault.reason
