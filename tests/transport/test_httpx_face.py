"""PoolTransport under a plain httpx.AsyncClient: streams, time-outs, events, and what stays the client's."""

from __future__ import annotations

import asyncio
import os
import ssl
import tracemalloc
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

import anyio
import httpx
import pytest

from aiocc.protocol.limits import PoolLimits
from aiocc.transport import PoolTransport
from tests.campaigns.kernel import sockets_to, until
from tests.campaigns.storm import living_tasks

from .conftest import Authority
from .corpus import answer
from .raw import LONG, OK, Converse, Peer, once, serving

PIECE = b"x" * 65_536


@asynccontextmanager
async def client_of(**limits: Any) -> AsyncIterator[tuple[httpx.AsyncClient, PoolTransport]]:
    """Make a plain client over the pools."""
    transport = PoolTransport(PoolLimits(idle_expiry=LONG, **limits))
    async with httpx.AsyncClient(transport=transport, timeout=LONG) as client:
        yield client, transport


def held(transport: PoolTransport) -> int:
    """Count the slots in use."""
    return sum(one.active + one.connecting + one.waiting for one in transport.stats().values())


class Pieces:
    """A request's body in pieces: an iterator that needs no closing when it is left."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        if not self.pieces:
            raise StopAsyncIteration
        return self.pieces.pop()


def replying(data: bytes, *, wait: bool = False) -> Converse:
    """Answer each request with these bytes; `wait` for the client to close."""

    async def converse(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.send(data)
            if wait:
                await peer.until_closed()

    return converse


async def test_requests_and_responses_are_httpx_s_own() -> None:
    """Method, target, headers and body go out as httpx made them, and come back as it expects."""
    async with serving() as served, client_of() as (client, transport):
        response = await client.post(served.url + "/a?b=c%20d", content=b"body", headers={"X-One": "1"})

        assert (200, b"ok", "HTTP/1.1") == (response.status_code, response.content, response.http_version)
        _, head, body = served.requests[0]
        assert (b"POST /a?b=c%20d HTTP/1.1", True, b"body") == (head.split(b"\r\n")[0], b"X-One: 1" in head, body)
        assert 0 == held(transport)


async def test_a_response_is_streamed_and_a_slow_reader_holds_the_server_back() -> None:
    """A body far larger than memory may be costs no more than what is not yet read."""
    sent: list[int] = []

    async def converse(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"Content-Length: %d" % (512 * len(PIECE))))
        for _ in range(512):
            await peer.send(PIECE)
            sent.append(len(PIECE))

    async with serving(converse) as served, client_of() as (client, transport):
        tracemalloc.start()
        try:
            async with client.stream("GET", served.url) as response:
                size = 0
                stream = aiter(cast("AsyncIterable[bytes]", response.stream))
                size += len(await anext(stream))
                while sent and len(sent) != sent[-1]:
                    sent_before = len(sent)
                    await anyio.sleep(0.01)
                    if sent_before == len(sent):
                        break
                assert len(sent) < 400, "the server could send all without a reader"
                async for piece in stream:
                    size += len(piece)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert 512 * len(PIECE) == size
        assert peak < 8_000_000
        assert (0, 1) == (held(transport), transport.stats()[served.url].idle)


@pytest.mark.parametrize("length", [None, 64 * len(PIECE)])
async def test_a_request_body_is_streamed(length: int | None) -> None:
    """A body of an iterator goes out as it comes, chunked or with the length that the headers say."""
    arrived = 0

    async def body() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield PIECE
            yield b""

    async def converse(peer: Peer) -> None:
        nonlocal arrived
        data = b""
        while not (data.endswith(b"0\r\n\r\n") if length is None else arrived >= length):
            data = await peer.receive()
            arrived += len(data.rpartition(b"\r\n\r\n")[2] if b"HTTP/1.1" in data else data)
        await peer.send(OK)
        await peer.until_closed()

    async with serving(converse) as served, client_of() as (client, _):
        headers = {} if length is None else {"Content-Length": str(length)}
        response = await client.post(served.url, content=body(), headers=headers)

        assert 200 == response.status_code
        assert arrived >= 64 * len(PIECE)


@pytest.mark.parametrize(("said", "what"), [("3", "Too much"), ("5", "Too little")])
async def test_a_body_that_is_not_as_long_as_said_is_the_caller_s_error(said: str, what: str) -> None:
    """Such a request would swallow, or become, the next one: it is not finished, and its connection is closed."""
    async with serving() as served, client_of() as (client, transport):
        with pytest.raises(httpx.LocalProtocolError, match=what):
            await client.post(served.url, content=Pieces(b"four"), headers={"Content-Length": said})

        assert (0, 0) == (held(transport), transport.stats()[served.url].idle)


async def test_an_early_refusal_is_heard_and_its_connection_never_serves_again() -> None:
    """A request that was not sent to its end leaves a connection on which nothing may follow."""
    seen: list[bytes] = []

    async def converse(peer: Peer) -> None:
        seen.append(await peer.receive())
        if b"chunked" not in seen[-1]:
            await peer.send(OK)
        else:
            await peer.send(answer(b"Content-Length: 0", status=b"HTTP/1.1 413 Too Large"))
        await peer.until_closed()

    async with serving(converse) as served, client_of() as (client, transport):
        assert 413 == (await client.post(served.url, content=Pieces(*[PIECE] * 5_000))).status_code
        assert (0, 0) == (held(transport), transport.stats()[served.url].idle)
        assert 200 == (await client.get(served.url)).status_code
        assert True is seen[-1].startswith(b"GET / ")


async def test_an_early_acceptance_does_not_stop_the_request() -> None:
    """A server may begin its answer before it has read all of the request, as an echo does."""

    async def body() -> AsyncIterator[bytes]:
        for number in range(10):
            yield b"%d" % number
            await anyio.sleep(0.001)

    async def converse(peer: Peer) -> None:
        data = await peer.receive()
        await peer.send(answer(b"Transfer-Encoding: chunked"))
        while not data.endswith(b"0\r\n\r\n"):
            data += await peer.receive()
        echoed = data.partition(b"\r\n\r\n")[2]
        await peer.send(echoed)
        await peer.until_closed()

    async with serving(converse) as served, client_of() as (client, transport):
        response = await client.post(served.url, content=body())

        assert b"0123456789" == response.content
        assert 1 == transport.stats()[served.url].idle


@pytest.mark.parametrize(
    ("timeout", "limits", "error"),
    [
        ({"read": 0.05}, {}, httpx.ReadTimeout),
        ({"pool": 0.05}, {"max_connections": 1}, httpx.PoolTimeout),
        ({"write": 0.05}, {}, httpx.WriteTimeout),
    ],
)
async def test_time_outs_are_honoured(timeout: Any, limits: Any, error: type[Exception]) -> None:
    """Each of httpx's time-outs ends with httpx's exception, and leaves nothing."""

    async def converse(peer: Peer) -> None:
        await anyio.sleep_forever()

    async with serving(converse) as served, client_of(**limits) as (client, transport):
        async with anyio.create_task_group() as group:
            if "pool" in timeout:
                group.start_soon(client.get, served.url)
                await anyio.wait_all_tasks_blocked()
                await until(lambda: held(transport) > 0)
            with pytest.raises(error):
                await client.post(
                    served.url,
                    content=Pieces(*[PIECE] * 5_000) if "write" in timeout else b"",
                    timeout=httpx.Timeout(LONG, **timeout),
                )
            group.cancel_scope.cancel()
        assert 0 == held(transport)
    assert 0 == sockets_to(served.port)


async def test_each_piece_of_a_request_has_the_write_time_out_of_its_own() -> None:
    """A request may take longer than the write time-out as long as the server goes on reading."""

    async def converse(peer: Peer) -> None:
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            data = data[-10:] + (await peer.receive())[-10:]
            await anyio.sleep(0.001)
        await peer.send(OK)
        await peer.until_closed()

    async with serving(converse) as served, client_of() as (client, _):
        began = anyio.current_time()
        response = await client.post(served.url, content=Pieces(*[PIECE] * 600), timeout=httpx.Timeout(LONG, write=0.4))

        assert (200, True) == (response.status_code, anyio.current_time() - began > 0.4)


@pytest.mark.parametrize("ending", ["answer", "fin", "reset"])
async def test_a_write_that_waits_hears_what_the_server_does(ending: str) -> None:
    """An answer, or the end of the connection, ends the wait for room at once: nobody waits for a time-out."""
    full = anyio.Event()

    async def converse(peer: Peer) -> None:
        await full.wait()
        if ending == "answer":
            await peer.send(answer(b"Content-Length: 0", status=b"HTTP/1.1 413 Too Large"))
            await peer.until_closed()
        elif ending == "reset":
            peer.reset()

    async with serving(converse) as served, client_of() as (client, transport):
        outcomes: list[object] = []

        async def post() -> None:
            try:
                outcomes.append((await client.post(served.url, content=Pieces(*[PIECE] * 5_000))).status_code)
            except httpx.TransportError as error:
                outcomes.append(type(error))

        async with anyio.create_task_group() as group:
            group.start_soon(post)
            await served.until_open(1)
            await anyio.wait_all_tasks_blocked()
            full.set()

        lost = {httpx.ReadError, httpx.RemoteProtocolError}
        assert outcomes == [413] if ending == "answer" else set(outcomes) < lost
        assert (0, 0) == (held(transport), transport.stats()[served.url].idle)
    assert 0 == sockets_to(served.port)


async def test_a_handshake_that_hangs_is_a_connect_time_out() -> None:
    """Connecting includes TLS, as it does with httpx."""

    async def converse(peer: Peer) -> None:
        await peer.until_closed()

    async with serving(converse) as served, client_of() as (client, transport):
        with pytest.raises(httpx.ConnectTimeout):
            await client.get(f"https://127.0.0.1:{served.port}", timeout=httpx.Timeout(LONG, connect=0.05))
        assert 0 == held(transport)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"rubbish\r\n\r\n", httpx.RemoteProtocolError),
        (answer(b"Content-Length: 10", body=b"half"), httpx.RemoteProtocolError),
    ],
)
async def test_failures_have_httpx_s_names(data: bytes, error: type[Exception]) -> None:
    """Whoever catches httpx's exceptions catches these, with their request."""

    async def converse(peer: Peer) -> None:
        await peer.request()
        await peer.send(data) if data else None

    async with serving(converse) as served, client_of() as (client, transport):
        with pytest.raises(error) as caught:
            await client.get(served.url)

        assert served.url == str(caught.value.request.url).rstrip("/")
        assert 0 == held(transport)


async def test_resets_and_refusals_have_httpx_s_names() -> None:
    """A reset is a ReadError, a refused connection a ConnectError, an unknown scheme unsupported."""

    async def converse(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with client_of() as (client, _):
        async with serving(converse) as served:
            with pytest.raises(httpx.ReadError):
                await client.get(served.url)
        with pytest.raises(httpx.ConnectError):
            await client.get(served.url)
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("ftp://127.0.0.1/")


async def test_trace_events_tell_the_steps() -> None:
    """`trace` is awaited at each step, with httpcore's names; a kept connection is not opened again."""
    told: list[str] = []

    async def trace(name: str, info: Any) -> None:
        assert isinstance(info, dict)
        told.append(name)

    request = [
        f"http11.{step}.{state}"
        for step in ("send_request_headers", "send_request_body", "receive_response_headers")
        for state in ("started", "complete")
    ]
    async with serving() as served, client_of() as (client, _):
        for expected in (["connection.connect_tcp.started", "connection.connect_tcp.complete", *request], request):
            told.clear()
            await client.get(served.url, extensions={"trace": trace})

            assert expected == told


async def test_a_trace_that_fails_leaves_nothing() -> None:
    """Whatever an application's trace raises, the slot is free again."""
    async with serving() as served, client_of(max_connections=1) as (client, transport):
        for step in range(8):
            left = step

            async def trace(name: str, info: Any) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await client.get(served.url, extensions={"trace": trace})
            assert 0 == held(transport)


async def test_network_stream_tells_of_the_connection(authority: Authority) -> None:
    """Addresses, the socket, and the session of TLS with the peer's certificate."""
    for secure in (True, False):
        transport = PoolTransport(tls=authority.tls)
        async with (
            serving(context=authority.context() if secure else None) as served,
            httpx.AsyncClient(transport=transport) as client,
            client.stream("GET", served.url) as response,
        ):
            stream = response.extensions["network_stream"]
            session = stream.get_extra_info("ssl_object")

            assert ("127.0.0.1", served.port) == tuple(stream.get_extra_info("server_addr"))[:2]
            assert "127.0.0.1" == stream.get_extra_info("client_addr")[0]
            assert None is not stream.get_extra_info("socket")
            assert secure is isinstance(session, ssl.SSLObject)
            assert None is stream.get_extra_info("whatever else")


async def test_redirects_and_cookies_are_the_client_s() -> None:
    """The transport follows nothing and keeps nothing; the client does as it was told."""
    moved = answer(b"Content-Length: 0", b"Location: /there", b"Set-Cookie: a=b", status=b"HTTP/1.1 302 Found")
    heads: list[bytes] = []

    async def converse(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            heads.append(request[0])
            await peer.send(OK if b"/there" in request[0] else moved)

    async with serving(converse) as served, client_of() as (client, _):
        assert 302 == (await client.get(served.url)).status_code
        assert 200 == (await client.get(served.url, follow_redirects=True)).status_code
        assert [False, True, True] == [b"Cookie: a=b" in head for head in heads]


async def test_a_response_closed_early_gives_its_slot_back() -> None:
    """What was not read to its end closes the connection, at once."""
    async with (
        serving(replying(answer(b"Content-Length: 1000000", body=PIECE), wait=True)) as served,
        client_of(max_connections=1) as (client, transport),
    ):
        for _ in range(3):
            async with client.stream("GET", served.url) as response:
                async with aclosing(aiter(cast("Any", response.stream))) as stream:
                    await anext(stream)
                assert 1 == transport.stats()[served.url].active
            assert 0 == held(transport)
        await served.until_open(0)


@pytest.mark.parametrize("ending", ["cut", "read time-out", "cancelled"])
async def test_a_response_whose_body_breaks_off_gives_its_slot_back(ending: str) -> None:
    """Also one of `send(stream=True)`, which httpx itself does not close then."""
    half = answer(b"Content-Length: 10", body=b"half")
    converse = replying(half, wait=True) if ending != "cut" else once(half)
    async with serving(converse) as served, client_of(max_connections=1) as (client, transport):
        for _ in range(2):
            request = client.build_request("GET", served.url)
            if ending == "read time-out":
                request.extensions["timeout"]["read"] = 0.02
            response = await client.send(request, stream=True)
            if ending == "cancelled":
                with anyio.move_on_after(0.02) as scope:
                    await response.aread()
                assert scope.cancelled_caught
            else:
                with pytest.raises(httpx.ReadTimeout if ending == "read time-out" else httpx.RemoteProtocolError):
                    await response.aread()

            assert 0 == held(transport)
        await served.until_open(0)


async def test_a_request_that_waits_is_given_no_connection_that_has_ended() -> None:
    """A server that closes after each answer, and does not say so, fails nobody: no loop hands on what is gone."""
    async with serving(once(OK)) as served, client_of(max_connections=1) as (client, transport):
        codes: list[int] = []

        async def get() -> None:
            codes.append((await client.get(served.url)).status_code)

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(get)

        assert [200] * 10 == codes
        assert (0, 10) == (held(transport), served.connections)


async def test_a_server_s_keep_alive_header_is_heeded_under_a_plain_client_too() -> None:
    """The pool closes an idle connection before the server does, whichever face learnt of it."""
    kept = answer(b"Content-Length: 2", b"Keep-Alive: timeout=1", body=b"ok")
    async with serving(replying(kept)) as served, client_of() as (client, transport):
        await client.get(served.url)
        await until(lambda: 0 == sockets_to(served.port))

        assert {"idle": 1} == transport.stats()[served.url].closed


@pytest.mark.parametrize(
    "request_of",
    [
        pytest.param({"method": "GET /there HTTP/1.1 "}, id="request line in the method"),
        pytest.param({"method": ""}, id="no method"),
        pytest.param({"method": "G\xe9T"}, id="other letters in the method"),
        pytest.param({"extensions": {"target": b"/a b"}}, id="blank in the target"),
        pytest.param({"headers": {"X:Y": "a"}}, id="colon in a name"),
        pytest.param({"headers": {"X Y": "a"}}, id="blank in a name"),
        pytest.param({"headers": {"": "a"}}, id="no name"),
        pytest.param({"headers": {"X": "a\r\nY: b"}}, id="header in a value"),
        pytest.param({"headers": {"X": "a\rb"}}, id="carriage return in a value"),
        pytest.param({"headers": {"X": "a\0b"}}, id="NUL in a value"),
        pytest.param({"headers": {"Content-Length": "x"}}, id="length that is no number"),
        pytest.param({"headers": {"Content-Length": "-1"}}, id="length under 0"),
        pytest.param({"headers": [("Content-Length", "0"), ("Content-Length", "1")]}, id="two lengths"),
        pytest.param({"headers": {"Transfer-Encoding": "gzip, chunked"}}, id="coding that is not applied"),
    ],
)
async def test_a_head_that_is_none_is_not_sent(request_of: dict[str, Any]) -> None:
    """A method, target or header that would say something else on the wire is the caller's error, as httpx has it."""
    async with serving() as served, client_of() as (client, _):
        with pytest.raises(httpx.LocalProtocolError):
            await client.request(**{"method": "GET", "url": served.url, **request_of})

        assert 0 == served.connections


@pytest.mark.parametrize(("said", "connections"), [("close", 2), ("x, Close", 2), ("keep-alive", 1), ("disclose", 1)])
async def test_a_request_that_says_it_is_the_last_is(said: str, connections: int) -> None:
    """After `Connection: close` the server ends the connection: no further request goes over it."""
    async with serving() as served, client_of() as (client, transport):
        for _ in range(2):
            await client.get(served.url, headers={"Connection": said})

        assert (connections, 0) == (served.connections, held(transport))


@pytest.mark.parametrize("name", ["connect", "pool", "read", "write"])
async def test_a_time_out_that_is_no_number_costs_no_slot(name: str) -> None:
    """A client takes what it is given, a text from the environment say: the error comes before a slot is taken."""
    async with serving() as served, client_of(max_connections=1) as (client, transport):
        request = client.build_request("POST", served.url, content=b"body")
        request.extensions["timeout"][name] = "5"
        with pytest.raises(TypeError):
            await client.send(request)

        assert 0 == held(transport)
        assert 200 == (await client.get(served.url)).status_code


async def test_port_0_is_not_the_default_one() -> None:
    """An address that nothing listens at leads nowhere else."""
    async with client_of() as (client, transport):
        with pytest.raises(httpx.ConnectError):
            await client.get("http://127.0.0.1:0")

        assert ["http://127.0.0.1:0"] == list(transport.stats())


async def test_a_port_that_is_none_is_not_taken_for_another() -> None:
    """The system's resolver counts ports modulo 65,536: a request would go to another service of that host."""
    async with serving() as served, client_of() as (client, _):
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get(f"http://127.0.0.1:{served.port + 65_536}")

        assert 0 == served.connections


async def test_head_and_bodiless_answers_have_no_body() -> None:
    """HEAD, 204 and 304 end with their heads."""
    async with serving(replying(answer(b"Content-Length: 5"))) as served, client_of() as (client, transport):
        assert b"" == (await client.head(served.url)).content
        assert 0 == held(transport)


@pytest.mark.usefixtures("abandoned")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("backends", [("asyncio", "asyncio"), ("asyncio", "trio"), ("trio", "asyncio")])
def test_one_client_serves_one_loop_after_the_other(backends: tuple[str, str]) -> None:
    """The connections of a loop that has ended are left untouched, and new ones are made (row 66)."""
    transport = PoolTransport()
    client = httpx.AsyncClient(transport=transport)

    async def use(last: bool) -> tuple[int, list[int]]:
        async with serving() as served:
            codes = [(await client.get(served.url)).status_code for _ in range(2)]
            if last:
                await client.aclose()
        return served.connections, codes

    assert [(1, [200, 200])] * 2 == [
        anyio.run(use, number == 1, backend=backend) for number, backend in enumerate(backends)
    ]


@pytest.mark.usefixtures("abandoned")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_closing_in_another_loop_touches_nothing() -> None:
    """aclose() after the loop has ended is no error, and the transport is closed: nothing is sent by it any more."""
    transport = PoolTransport()

    async def use() -> tuple[int, str]:
        async with serving() as served, httpx.AsyncClient() as plain:
            try:
                response = await transport.handle_async_request(plain.build_request("GET", served.url))
                told = (await response.aread()).decode()
            except httpx.ConnectError as error:
                told = str(error)
            return served.connections, told

    connections, _ = anyio.run(use)
    anyio.run(transport.aclose)

    assert (1, (0, "client was closed")) == (connections, anyio.run(use))


def test_a_second_loop_is_refused_while_the_first_still_runs() -> None:
    """Connections of a running loop cannot be used from another; this is said before anything is sent."""
    transport = PoolTransport()

    async def use(url: str) -> None:
        async with httpx.AsyncClient() as plain:
            await (await transport.handle_async_request(plain.build_request("GET", url))).aread()

    async def outer() -> int:
        async with serving() as served:
            await use(served.url)
            with pytest.raises(RuntimeError, match="another event loop"):
                await asyncio.to_thread(asyncio.run, use(served.url))
            await transport.aclose()
            return len(served.requests)

    assert 1 == asyncio.run(outer())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("abandoned")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_child_process_never_uses_a_parent_s_connection() -> None:
    """After a fork the child opens its own connection, and the parent's goes on undisturbed (row 67)."""
    transport = PoolTransport()

    async def get(url: str) -> bytes:
        async with httpx.AsyncClient() as plain:
            response = await transport.handle_async_request(plain.build_request("GET", url))
            return await response.aread()

    async def numbered(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.send(answer(b"Content-Length: 1", body=b"%d" % peer.number))

    async def parent() -> list[bytes]:
        async with serving(numbered) as served:
            bodies = [await get(served.url)]
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    asyncio.events._set_running_loop(None)
                    os.write(write, asyncio.new_event_loop().run_until_complete(get(served.url)))
                    code = 0
                finally:
                    os._exit(code)
            os.close(write)
            await anyio.wait_readable(read)
            bodies.append(os.read(read, 10))
            os.close(read)
            bodies.append(await get(served.url))
            assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])  # noqa: ASYNC222 - it has ended
            await transport.aclose()
            return bodies

    assert [b"1", b"2", b"1"] == asyncio.run(parent())


async def test_closing_ends_requests_on_their_way_and_sends_nothing_after() -> None:
    """Whoever waits, connects or reads when the transport is closed gets an error, and no request leaves any more."""
    tasks = living_tasks()
    async with serving(replying(b"", wait=True)) as served:
        transport = PoolTransport(PoolLimits(max_connections=2))
        client = httpx.AsyncClient(transport=transport, timeout=LONG)
        ended: list[str] = []

        async def call() -> None:
            try:
                await client.get(served.url)
            except httpx.TransportError as error:
                ended.append(type(error).__name__)

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(call)
            await until(lambda: [3] == [one.waiting for one in transport.stats().values()])
            await served.until_open(2)
            stats = transport.stats
            await transport.aclose()
        assert 5 == len(ended)
        assert {} == stats()
        with pytest.raises(httpx.ConnectError, match="closed"):
            await client.get(served.url)
        await client.aclose()
        await served.until_open(0)
        assert 2 == served.connections
    assert (0, tasks) == (sockets_to(served.port), living_tasks())


@pytest.mark.parametrize("grace", [0.02, LONG])
async def test_closing_with_a_grace_lets_what_is_on_its_way_end(grace: float) -> None:
    """Requests that were sent have the grace time for their answers; those that wait, and later ones, are refused."""
    closing = anyio.Event()

    async def converse(peer: Peer) -> None:
        while await peer.request() is not None:
            await closing.wait()
            if grace == LONG:
                await peer.send(OK)
            else:
                await peer.until_closed()

    async with serving(converse) as served, client_of(max_connections=1) as (client, transport):
        ended: list[object] = []

        async def call() -> None:
            try:
                ended.append((await client.get(served.url)).status_code)
            except httpx.TransportError as error:
                ended.append(type(error))

        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await until(lambda: [1] == [one.active for one in transport.stats().values()])
            group.start_soon(call)
            await until(lambda: [1] == [one.waiting for one in transport.stats().values()])
            group.start_soon(lambda: transport.aclose(grace=grace))
            await until(lambda: ended == [httpx.ConnectError])
            closing.set()

        assert [httpx.ConnectError, 200] == ended if grace == LONG else 2 == len(ended)
        with pytest.raises(httpx.ConnectError, match="closed"):
            await client.get(served.url)
        await served.until_open(0)
    assert 0 == sockets_to(served.port)
