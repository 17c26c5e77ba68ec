"""One connection that ends, stalls or overflows, at each phase: what is known of it, and that nothing is left."""

from __future__ import annotations

import socket
import tracemalloc
from typing import Any

import anyio
import pytest

from aiocc.delivery import Phase, Reason
from aiocc.protocol.limits import AnswerLimits, Timeouts
from aiocc.protocol.messages import Fault, Origin, Wire
from aiocc.transport import TLS
from tests.campaigns.kernel import sockets_to, until

from .conftest import Authority
from .corpus import answer
from .raw import LONG, OK, Peer, exchange, fault_of, pooled, serving

SECURE = pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
BEGINNINGS = {
    "at accept": (None, b""),
    "after the request": (True, b""),
    "in the head": (True, b"HTTP/1.1 200 OK\r\nContent-"),
    "in the body": (True, HALF),
    "in a chunk": (True, answer(b"Transfer-Encoding: chunked", body=b"5\r\nhal")),
}


def settings(authority: Authority, secure: bool) -> dict[str, Any]:
    """Give `pooled` what TLS takes."""
    return {"tls": authority.tls if secure else TLS()}


async def arrive(peer: Peer) -> None:
    """Wait until a piece has come."""
    await peer.receive()


@SECURE
@pytest.mark.parametrize("beginning", BEGINNINGS)
@pytest.mark.parametrize("ending", ["fin", "reset"])
async def test_an_answer_cut_short_is_named_by_how(
    authority: Authority, secure: bool, beginning: str, ending: str
) -> None:
    """A FIN before the end is CLOSED, a reset RESET; the request had left, and slot and socket are free again."""
    asked, data = BEGINNINGS[beginning]
    heard = anyio.Event()

    async def converse(peer: Peer) -> None:
        if asked:
            await peer.request()
        if data:
            await peer.send(data)
            with anyio.move_on_after(5):
                await heard.wait()
        if ending == "reset":
            peer.reset()

    async with (
        serving(converse, authority.context() if secure else None) as served,
        pooled(**settings(authority, secure)) as transport,
    ):
        wire = Wire()
        faults: list[Fault] = []

        async def call() -> None:
            # The address is given with its head read, as soon as there is one.
            faults.append(await fault_of(exchange(transport, served.origin, wire, on_head=lambda _: None)))

        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await until(lambda: not data or wire.phase is Phase.READ_ANSWER)
            heard.set()

        reason = faults[0].reason
        # A server that leaves with the request unread resets the connection, whatever it meant to do.
        allowed = {Reason.CONNECTION_RESET} if ending == "reset" else {Reason.CONNECTION_CLOSED}
        if not asked:
            allowed = {Reason.CONNECTION_RESET, Reason.CONNECTION_CLOSED, Reason.CONNECT_FAILED}
        assert reason in allowed
        assert (reason is not Reason.CONNECT_FAILED, bool(data)) == (wire.left, wire.phase is Phase.READ_ANSWER)
        stats = transport.stats()[served.url]
        assert (0, 0, 0) == (stats.active, stats.idle, stats.connecting)
        await served.until_open(0)
    assert 0 == sockets_to(served.port)


@SECURE
@pytest.mark.parametrize(
    ("begun", "phase"), [(b"", Phase.AWAIT_ANSWER), (b"HTTP/1.1 200", Phase.READ_ANSWER), (HALF, Phase.READ_ANSWER)]
)
@pytest.mark.parametrize("reason", [Reason.READ_TIMEOUT, Reason.DEADLINE])
async def test_a_server_that_falls_silent_is_waited_for_no_longer_than_allowed(
    authority: Authority, secure: bool, begun: bytes, phase: Phase, reason: Reason
) -> None:
    """The read time-out bounds a silence, the deadline the whole; the connection is closed."""

    async def converse(peer: Peer) -> None:
        await peer.request()
        await peer.send(begun) if begun else None
        await peer.until_closed()

    slow = reason is Reason.DEADLINE
    times = {"within": 0.1} if slow else {"timeouts": Timeouts(connect=LONG, read=0.1)}
    async with (
        serving(converse, authority.context() if secure else None) as served,
        pooled(**settings(authority, secure)) as transport,
    ):
        wire = Wire()
        fault = await fault_of(exchange(transport, served.origin, wire, **times))

        assert (reason, phase, True) == (fault.reason, wire.phase, wire.left)
        await served.until_open(0)


async def test_the_deadline_holds_against_an_answer_that_drips() -> None:
    """A byte now and then keeps the read time-out away, never the deadline."""

    async def converse(peer: Peer) -> None:
        await peer.request()
        for byte in OK * 1000:
            await peer.send(bytes([byte]))
            await anyio.sleep(0.005)

    async with serving(converse) as served, pooled() as transport:
        times: dict[str, Any] = {"within": 0.1, "timeouts": Timeouts(read=0.05)}
        limits = AnswerLimits()
        faults = [
            await fault_of(exchange(transport, served.origin, limits=limits, **times)),
        ]

        assert [Reason.DEADLINE] == [fault.reason for fault in faults]


async def test_each_piece_moves_the_read_time_out_on() -> None:
    """An answer may take longer than the read time-out as long as it goes on."""

    async def converse(peer: Peer) -> None:
        while await peer.request() is not None:
            for byte in answer(b"Content-Length: 20"):
                await peer.send(bytes([byte]))
            for _ in range(20):
                await anyio.sleep(0.01)
                await peer.send(b"x")

    async with serving(converse) as served, pooled() as transport:
        for _ in range(2):
            got = await exchange(transport, served.origin, timeouts=Timeouts(read=0.15))

            assert b"x" * 20 == got.body


@SECURE
async def test_large_bodies_go_both_ways(authority: Authority, secure: bool) -> None:
    """Megabytes are sent and read, again and again over one connection."""
    sent = bytes(range(256)) * 16_384
    arrived: list[bytes] = []

    async def converse(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            arrived.append(request[1])
            await peer.send(answer(b"Content-Length: %d" % len(request[1]), body=request[1][::-1]))

    async with (
        serving(converse, authority.context() if secure else None) as served,
        pooled(**settings(authority, secure)) as transport,
    ):
        for _ in range(2):
            got = await exchange(transport, served.origin, method="POST", body=sent)
            assert (True, True) == (got.body == sent[::-1], arrived.pop() == sent)
        assert 1 == served.connections


@SECURE
async def test_an_answer_over_its_limit_is_not_read_to_its_end(authority: Authority, secure: bool) -> None:
    """A body that never ends costs its limit and little more, and the connection."""

    async def converse(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer())
        while True:
            await peer.send(b"x" * 65_536)

    async with (
        serving(converse, authority.context() if secure else None) as served,
        pooled(**settings(authority, secure)) as transport,
    ):
        tracemalloc.start()
        try:
            fault = await fault_of(exchange(transport, served.origin, limits=AnswerLimits(body=1_000_000)))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        await served.until_open(0)

    assert Reason.BODY_TOO_LARGE == fault.reason
    assert peak < 4_000_000


@SECURE
async def test_an_answer_that_comes_while_the_request_is_sent_is_taken(authority: Authority, secure: bool) -> None:
    """A server that refuses a large request with an answer and a close is heard, not just the close."""
    refusal = answer(b"Content-Length: 0", b"Connection: close", status=b"HTTP/1.1 413 Too Large")

    async def converse(peer: Peer) -> None:
        await peer.receive()
        await peer.send(refusal)
        while await peer.receive():
            pass

    async with (
        serving(converse, authority.context() if secure else None) as served,
        pooled(**settings(authority, secure)) as transport,
    ):
        got = await exchange(transport, served.origin, method="POST", body=bytes(4_000_000))

        assert 413 == got.status
        await served.until_open(0)


@SECURE
async def test_an_answer_is_heard_although_the_server_takes_no_more_of_the_request(
    authority: Authority, secure: bool
) -> None:
    """Whoever waits for room hears the answer; a request that was cut in the middle ends its connection."""
    enough = anyio.Event()

    async def converse(peer: Peer) -> None:
        if peer.number == 1:
            await peer.receive()
            await peer.send(answer(b"Content-Length: 2", status=b"HTTP/1.1 413 Too Large", body=b"no"))
            await enough.wait()
        else:
            await peer.request()
            await peer.send(OK)

    async with (
        serving(converse, authority.context() if secure else None) as served,
        pooled(**settings(authority, secure)) as transport,
    ):
        refused = await exchange(transport, served.origin, method="POST", body=bytes(16_000_000))
        enough.set()

        assert (413, b"no") == (refused.status, refused.body)
        assert b"ok" == (await exchange(transport, served.origin)).body
        assert (2, {"lost": 1}) == (served.connections, transport.stats()[served.url].closed)


@pytest.mark.parametrize("pause", [0, 5])
async def test_a_reset_ends_no_answer_whoever_notices_it(pause: int) -> None:
    """An answer that would end with the stream is cut by a reset, also where it is the sending that meets it."""

    async def converse(peer: Peer) -> None:
        await peer.receive()
        await peer.send(answer(body=b"cut or whole?"))
        for _ in range(pause):
            await anyio.sleep(0.001)
        peer.reset()

    async with serving(converse) as served, pooled() as transport:
        fault = await fault_of(exchange(transport, served.origin, method="POST", body=bytes(16_000_000)))

        assert Reason.CONNECTION_RESET == fault.reason
        await served.until_open(0)


@pytest.mark.parametrize(("status", "data"), [(200, b"ok"), (413, b"")])
async def test_a_close_delimited_answer_ends_with_the_stream(status: int, data: bytes) -> None:
    """Without TLS the end of the stream is the end of such an answer, and of the connection."""

    async def converse(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(status=b"HTTP/1.0 %d X" % status, body=data))

    async with serving(converse) as served, pooled() as transport:
        got = await exchange(transport, served.origin)

        assert (status, data) == (got.status, got.body)
        assert (0, {"lost": 1}) == (transport.stats()[served.url].idle, transport.stats()[served.url].closed)


async def test_a_refused_connection_sent_nothing() -> None:
    """Where nobody listens, nothing leaves."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        origin = Origin("http", "127.0.0.1", taken.getsockname()[1])
        async with pooled() as transport:
            wire = Wire()
            fault = await fault_of(exchange(transport, origin, wire))

    assert (Reason.CONNECTION_REFUSED, False, Phase.CONNECT, None) == (fault.reason, wire.left, wire.phase, wire.reused)


@pytest.mark.aiocc_allow("*")  # none of them has an address
@pytest.mark.parametrize("host", ["does-not-exist.invalid", "a" * 64 + ".test", "a..b"])
async def test_a_host_that_has_no_address_is_a_dns_failure(host: str) -> None:
    """A name that cannot be resolved, or is none, is a fault with a name, and nothing was sent."""
    async with pooled() as transport:
        wire = Wire()
        fault = await fault_of(exchange(transport, Origin("http", host, 80), wire))

        assert (Reason.DNS_FAILURE, False) == (fault.reason, wire.left)
        assert (0, 0) == (transport.stats()[f"http://{host}"].active, transport.stats()[f"http://{host}"].connecting)


async def test_sockets_send_at_once_and_keep_alive() -> None:
    """No-delay and keep-alive are set on every event loop."""
    async with serving() as served, pooled() as transport:
        await exchange(transport, served.origin)
        connection: Any = transport._pools[served.origin]._idle[0]
        opened = connection.extra("socket")

        assert 0 != opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert 0 != opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
