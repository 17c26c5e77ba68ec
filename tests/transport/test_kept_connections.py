"""Connections that are kept, over real sockets: what the server did meanwhile is noticed before anything is sent."""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from typing import Any

import anyio
import httpx
import pytest
import trio

from aiocc.delivery import Phase, Reason
from aiocc.protocol.limits import PoolLimits
from aiocc.protocol.messages import Origin, Wire
from aiocc.transport import TLS, PoolTransport
from tests.campaigns.kernel import sockets_to, until
from tests.campaigns.storm import living_tasks

from .conftest import Authority
from .raw import OK, Peer, exchange, fault_of, once, pooled, serving

SECURE = pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])


def settings(authority: Authority, secure: bool) -> dict[str, Any]:
    """Give `pooled` and `serving` what TLS takes."""
    return {"tls": authority.tls if secure else TLS()}


@SECURE
async def test_one_connection_carries_one_request_after_the_other(authority: Authority, secure: bool) -> None:
    """A connection whose answer ended cleanly is used again, and the wire says so."""
    async with (
        serving(context=authority.context() if secure else None) as served,
        pooled(**settings(authority, secure)) as transport,
    ):
        wires = [Wire(), Wire(), Wire()]
        bodies = [(await exchange(transport, served.origin, wire)).body for wire in wires]

        assert [b"ok"] * 3 == bodies
        assert [(False, True, Phase.DONE), (True, True, Phase.DONE), (True, True, Phase.DONE)] == [
            (wire.reused, wire.left, wire.phase) for wire in wires
        ]
        stats = transport.stats()[served.url]
        assert (1, 1, 2, 0, 1) == (served.connections, stats.opened, stats.reused, stats.active, stats.idle)
        assert 1 == sockets_to(served.port)
    assert 0 == sockets_to(served.port)


@SECURE
@pytest.mark.parametrize("ending", ["fin", "reset", "goodbye"])
async def test_a_connection_closed_while_idle_gets_no_request(authority: Authority, secure: bool, ending: str) -> None:
    """The server closes an idle connection: nothing goes over it, the next request has a new one and is not stale."""
    arrived: list[tuple[int, bytes]] = []
    idle = anyio.Event()

    async def converse(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            arrived.append((peer.number, request[1]))
            await peer.send(OK)
            if peer.number == 1:
                await idle.wait()
                if ending == "goodbye" and secure:
                    await peer.say_goodbye()
                if ending == "reset":
                    peer.reset()
                return

    async with (
        serving(converse, authority.context() if secure else None) as served,
        pooled(**settings(authority, secure)) as transport,
    ):
        await exchange(transport, served.origin, body=b"1")
        idle.set()
        await served.until_noticed()
        wire = Wire()
        await exchange(transport, served.origin, wire, body=b"2")

        assert [(1, b"1"), (2, b"2")] == arrived
        assert False is wire.reused
        assert 1 == sockets_to(served.port)


@SECURE
async def test_a_server_that_closes_after_each_answer_and_does_not_say_so_fails_nobody(
    authority: Authority, secure: bool
) -> None:
    """Also where the next request follows at once: it has a new connection, and its fate is known."""
    async with (
        serving(once(OK), authority.context() if secure else None) as served,
        pooled(**settings(authority, secure)) as transport,
    ):
        for _ in range(10):
            assert b"ok" == (await exchange(transport, served.origin)).body

        assert (10, 0) == (served.connections, transport.stats()[served.url].reused)


@SECURE
async def test_data_on_an_idle_connection_ends_it(authority: Authority, secure: bool) -> None:
    """What nobody asked for would be taken for the next answer: the connection is dropped."""
    idle, said = anyio.Event(), anyio.Event()

    async def converse(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.send(OK)
            if peer.number == 1:
                await idle.wait()
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
                said.set()

    async with (
        serving(converse, authority.context() if secure else None) as served,
        pooled(**settings(authority, secure)) as transport,
    ):
        await exchange(transport, served.origin)
        idle.set()
        await said.wait()
        await served.until_noticed()

        assert b"ok" == (await exchange(transport, served.origin)).body
        assert {"lost": 1} == transport.stats()[served.url].closed
        assert 2 == served.connections


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        pytest.param(OK, True, id="clean"),
        pytest.param(OK + b"rubbish", False, id="rubbish after it"),
        pytest.param(OK + OK, False, id="a second answer"),
        pytest.param(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), False, id="close"),
        pytest.param(OK.replace(b"1.1", b"1.0"), False, id="1.0"),
    ],
)
async def test_only_a_clean_end_keeps_the_connection(answer: bytes, kept: bool) -> None:
    """A connection that said more than its answer, or that it closes, is closed and counted."""

    async def converse(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.send(answer)

    async with serving(converse) as served, pooled() as transport:
        assert b"ok" == (await exchange(transport, served.origin)).body
        stats = transport.stats()[served.url]

        assert (1, {}) if kept else (0, {"lost": 1}) == (stats.idle, stats.closed)
        await served.until_open(1 if kept else 0)


async def test_the_server_s_keep_alive_header_shortens_the_idle_expiry() -> None:
    """Keep-Alive: timeout, as servers spell it, is when the server closes; the pool closes before."""

    async def converse(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.send(OK.replace(b"\r\n\r\n", b'\r\nKeep-Alive: max=5, Timeout="1"\r\n\r\n'))

    async with serving(converse) as served, pooled() as transport:
        await exchange(transport, served.origin)

        assert 0.5 == transport._pools[served.origin]._idle_expiry
        await until(lambda: 0 == sockets_to(served.port))
        assert {"idle": 1} == transport.stats()[served.url].closed


async def test_a_connection_that_ends_under_a_request_is_named_stale() -> None:
    """A kept connection closed in the moment of reuse is UNKNOWN, and said to be stale; it is not sent again."""
    arrived: list[int] = []

    async def converse(peer: Peer) -> None:
        while await peer.request() is not None:
            arrived.append(peer.number)
            if len(arrived) == 2:
                return
            await peer.send(OK)

    async with serving(converse) as served, pooled() as transport:
        await exchange(transport, served.origin)
        wire = Wire()
        fault = await fault_of(exchange(transport, served.origin, wire))

        assert (Reason.STALE_CONNECTION, True, True) == (fault.reason, wire.left, wire.reused)
        assert [1, 1] == arrived


async def test_more_requests_than_connections_wait_in_turn() -> None:
    """Over real sockets as well, the pool never opens more than it may, and serves all."""
    async with serving() as served, pooled(max_connections=3) as transport:
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(lambda n: exchange(transport, served.origin, body=b"%d" % n), number)

        assert 3 == served.connections == sockets_to(served.port)
        assert {b"%d" % number for number in range(20)} == {body for _, _, body in served.requests}
        stats = transport.stats()[served.url]
        assert (0, 3, 17) == (stats.active, stats.idle, stats.reused)


async def test_idle_at_most_of_zero_asks_for_a_new_connection() -> None:
    """A repeat after a lost answer never meets a second stale connection."""
    async with serving() as served, pooled() as transport:
        await exchange(transport, served.origin)
        wire = Wire()
        await exchange(transport, served.origin, wire, idle_at_most=0)

        assert (False, 2) == (wire.reused, served.connections)


@SECURE
async def test_a_pool_that_nobody_uses_closes_its_connections(authority: Authority, secure: bool) -> None:
    """The loop itself gives notice of the idle expiry: no further request is needed, and no task waits for it."""
    tasks = living_tasks()
    async with (
        serving(context=authority.context() if secure else None) as served,
        pooled(**settings(authority, secure), idle_expiry=0.2) as transport,
    ):
        for _ in range(2):
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(exchange, transport, served.origin)
            assert living_tasks() <= tasks + 1 + served.connections  # the server's own
            await until(lambda: 0 == sockets_to(served.port))

        stats = transport.stats()[served.url]
        assert (0, {"idle": stats.opened}) == (stats.idle, stats.closed)
        await served.until_open(0)
    assert tasks == living_tasks()


async def test_a_connection_past_its_age_is_closed_while_it_is_idle() -> None:
    """The age is noticed by the loop as well, so that an address that is given up is not held on to."""
    async with serving() as served, pooled(max_age=0.1) as transport:
        await exchange(transport, served.origin)
        await until(lambda: 0 == sockets_to(served.port))

        assert {"age": 1} == transport.stats()[served.url].closed


async def test_a_connection_that_is_used_again_and_again_is_not_closed() -> None:
    """The notice finds what is idle for too long then, not what was idle when it was asked for."""
    async with serving() as served, pooled(idle_expiry=1.0) as transport:
        began = anyio.current_time()
        while anyio.current_time() < began + 1.2:
            await exchange(transport, served.origin)
            await anyio.sleep(0.01)

        assert 1 == served.connections


@pytest.mark.usefixtures("abandoned")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_no_notice_comes_from_a_loop_that_has_ended(backend: str) -> None:
    """A loop ends with connections idle in it, whose notice is never given in the next one."""
    told: list[str] = []

    class Watched:
        def opened(self, origin: Origin, elapsed: float) -> None:
            told.append("opened")

        def closed(self, origin: Origin, reason: str) -> None:
            told.append(reason)

    transport = PoolTransport(PoolLimits(idle_expiry=0.02), watcher=Watched())

    async def use() -> None:
        async with serving() as served:
            await exchange(transport, served.origin)

    async def later() -> None:
        for _ in range(5):
            await anyio.sleep(0.01)
        await transport.aclose()

    anyio.run(use, backend=backend)
    anyio.run(later, backend=backend)

    assert ["opened"] == told


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_no_notice_comes_in_a_child_process(backend: str) -> None:
    """A child that goes on in its parent's loop closes none of its parent's connections."""
    turn = partial(asyncio.sleep, 0) if backend == "asyncio" else trio.lowlevel.checkpoint

    async def idle_in_child(transport: PoolTransport, url: str) -> None:
        code = 99
        try:
            until_then = time.monotonic() + 0.1
            while time.monotonic() < until_then:
                await turn()
            code = transport.stats()[url].idle
        finally:
            os._exit(code)

    async def use() -> tuple[int, int]:
        async with serving() as served, pooled(idle_expiry=0.05) as transport:
            await exchange(transport, served.origin)
            child = os.fork()
            if child == 0:
                await idle_in_child(transport, served.url)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])  # noqa: ASYNC222 - the child alone is to run
            await until(lambda: 0 == sockets_to(served.port))
            return code, transport.stats()[served.url].idle

    assert (1, 0) == anyio.run(use, backend=backend)


async def test_what_was_opened_ahead_serves_the_next_requests(authority: Authority) -> None:
    """warm_up opens connections, TLS included, and the requests that follow wait for none."""
    async with serving(context=authority.context()) as served, pooled(authority.tls) as transport:
        assert 3 == await transport.warm_up(served.url + "/any/path", 3)
        assert (3, 3) == (served.connections, sockets_to(served.port))
        wires = [Wire(), Wire(), Wire()]
        async with anyio.create_task_group() as group:
            for wire in wires:
                group.start_soon(exchange, transport, served.origin, wire)

        stats = transport.stats()[served.url]
        assert (3, 3, 0) == (served.connections, stats.opened, stats.reused)
        assert [False] * 3 == [wire.reused for wire in wires]


async def test_a_warm_up_that_finds_nobody_raises_what_httpx_would(dead_port: int) -> None:
    """Its exceptions are httpx's, as it is asked from outside."""
    async with pooled() as transport:
        with pytest.raises(httpx.ConnectError, match="refused"):
            await transport.warm_up(f"http://127.0.0.1:{dead_port}", 2)
        with pytest.raises(httpx.UnsupportedProtocol):
            await transport.warm_up("ftp://127.0.0.1")


async def test_an_opened_ahead_connection_that_ended_meanwhile_is_passed_over() -> None:
    """It was idle, like any other: the request goes over a new one."""
    idle = anyio.Event()

    async def converse(peer: Peer) -> None:
        if peer.number == 1:
            await idle.wait()
        else:
            while await peer.request() is not None:
                await peer.send(OK)

    async with serving(converse) as served, pooled() as transport:
        await transport.warm_up(served.url)
        idle.set()
        await served.until_noticed()

        assert b"ok" == (await exchange(transport, served.origin)).body
        assert (1, 2) == (sum(transport.stats()[served.url].closed.values()), served.connections)
