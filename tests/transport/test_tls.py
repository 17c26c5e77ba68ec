"""TLS over real sockets: who is trusted, who is refused, and what a cut connection proves."""

from __future__ import annotations

import ssl
import warnings
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from aiocc.delivery import Phase, Reason
from aiocc.protocol.limits import Timeouts
from aiocc.protocol.messages import Wire
from aiocc.transport import TLS
from aiocc.transport.tls import ssl_context
from tests.campaigns.kernel import sockets_to

from .conftest import Authority
from .corpus import answer
from .raw import LONG, OK, Peer, exchange, fault_of, pooled, serving

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def of_version(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Let a server speak one version alone."""
    context.minimum_version = context.maximum_version = version
    return context


def raw(data: bytes, *, wait: bool = True) -> Any:
    """Answer a client's first bytes with these, past TLS."""

    async def converse(peer: Peer) -> None:
        await peer.receive_raw()
        await peer.send_raw(data)
        await peer.until_closed() if wait else None

    return converse


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
async def test_tls_1_2_and_1_3_are_spoken(authority: Authority, version: ssl.TLSVersion) -> None:
    """Both versions serve request after request over one connection."""
    async with (
        serving(context=of_version(authority.context(), version)) as served,
        pooled(authority.tls) as transport,
    ):
        bodies = [(await exchange(transport, served.origin, body=b"x" * 50_000)).body for _ in range(3)]

        assert ([b"ok"] * 3, 1) == (bodies, served.connections)


async def test_a_server_of_tls_1_1_alone_is_refused(authority: Authority) -> None:
    """Older than TLS 1.2 is never spoken, and the fault says that it is the version."""
    context = authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        of_version(context, ssl.TLSVersion.TLSv1_1)
    async with serving(context=context) as served, pooled(authority.tls) as transport:
        wire = Wire()
        fault = await fault_of(exchange(transport, served.origin, wire))

    assert (Reason.TLS_VERSION, False, Phase.TLS) == (fault.reason, wire.left, wire.phase)


@pytest.mark.parametrize(
    ("host", "trusted", "reason"),
    [
        ("127.0.0.1", False, Reason.CERTIFICATE_UNTRUSTED),
        ("another.host", True, Reason.CERTIFICATE_HOST_MISMATCH),
    ],
)
async def test_a_certificate_that_does_not_fit_stops_the_request(
    authority: Authority, host: str, trusted: bool, reason: Reason
) -> None:
    """Nothing is sent to a server that cannot prove who it is."""
    async with (
        serving(context=authority.context(host)) as served,
        pooled(authority.tls if trusted else TLS()) as transport,
    ):
        wire = Wire()
        fault = await fault_of(exchange(transport, served.origin, wire))
        await served.until_open(0)

        assert (reason, False, Phase.TLS) == (fault.reason, wire.left, wire.phase)
        assert (0, 0) == (transport.stats()[served.url].active, transport.stats()[served.url].connecting)
    assert 0 == sockets_to(served.port)


async def test_the_server_name_may_differ_from_the_host(authority: Authority) -> None:
    """server_name is whom the certificate must name, and what SNI says."""
    context = authority.context("cti.example")
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    tls = TLS(ca_file=authority.file, server_name="cti.example")
    async with serving(context=context) as served, pooled(tls) as transport:
        assert b"ok" == (await exchange(transport, served.origin)).body

    assert ["cti.example"] == names


async def test_a_server_name_that_is_none_is_a_fault_and_leaves_no_socket(authority: Authority) -> None:
    """A name that TLS cannot say is found out before a connection is opened."""
    async with serving(context=authority.context()) as served:
        async with pooled(TLS(ca_file=authority.file, server_name="a..b")) as transport:
            wire = Wire()
            fault = await fault_of(exchange(transport, served.origin, wire))

        assert (Reason.DNS_FAILURE, False) == (fault.reason, wire.left)
        assert (0, 0) == (served.connections, sockets_to(served.port))


async def test_a_context_of_the_application_s_own_is_used(authority: Authority) -> None:
    """An ssl.SSLContext goes in place of settings."""
    async with (
        serving(context=authority.context()) as served,
        pooled(ssl_context(authority.tls)) as transport,
    ):
        assert b"ok" == (await exchange(transport, served.origin)).body


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
async def test_a_client_certificate_that_is_trusted_opens_the_door(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    """A client proves who it is by its certificate."""
    context = of_version(authority.context(), version)
    authority.ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    tls = TLS(ca_file=authority.file, client_cert=authority.client_file("client.test"))
    async with serving(context=context) as served, pooled(tls) as transport:
        assert b"ok" == (await exchange(transport, served.origin)).body


@pytest.mark.parametrize("given", ["none", "of an unknown authority"])
async def test_a_client_certificate_refused_after_the_handshake_is_known_as_such(
    authority: Authority, given: str, tmp_path: Any
) -> None:
    """Under TLS 1.3 the refusal comes after the request was written, and says that it was not read (row 6a)."""
    context = of_version(authority.context(), ssl.TLSVersion.TLSv1_3)
    authority.ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    stranger = Authority(tmp_path).client_file("client.test") if given != "none" else None
    tls = TLS(ca_file=authority.file, client_cert=stranger)
    async with serving(context=context) as served, pooled(tls) as transport:
        wire = Wire()
        fault = await fault_of(exchange(transport, served.origin, wire))

        assert (Reason.CLIENT_CERTIFICATE_REFUSED, True, False) == (fault.reason, wire.left, wire.reused)
        assert [] == served.requests


@pytest.mark.parametrize("given", ["none", "of an unknown authority"])
async def test_a_client_certificate_refused_in_the_handshake_sent_nothing(
    authority: Authority, given: str, tmp_path: Any
) -> None:
    """Under TLS 1.2 the refusal ends the handshake."""
    context = of_version(authority.context(), ssl.TLSVersion.TLSv1_2)
    authority.ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    stranger = Authority(tmp_path).client_file("client.test") if given != "none" else None
    tls = TLS(ca_file=authority.file, client_cert=stranger)
    async with serving(context=context) as served, pooled(tls) as transport:
        wire = Wire()
        fault = await fault_of(exchange(transport, served.origin, wire))

        assert (Reason.TLS_FAILED, False) == (fault.reason, wire.left)


@pytest.mark.parametrize(
    "converse",
    [
        pytest.param(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), id="plain HTTP"),
        pytest.param(raw(b"\x16\x03\x03\x00\x04\x02\0\0\0"), id="empty server hello"),
        pytest.param(raw(b"\x15\x03\x03\x00\x02\x02\x28"), id="alert"),
        pytest.param(raw(b"\x16\x03\x03", wait=False), id="cut short"),
        pytest.param(raw(b"", wait=False), id="closed"),
    ],
)
async def test_a_handshake_that_fails_sent_nothing(authority: Authority, converse: Any) -> None:
    """Whatever a server says in place of TLS, the fault is one of TLS, and no slot or socket is left."""
    async with serving(converse) as served, pooled(authority.tls) as transport:
        origin = type(served.origin)("https", "127.0.0.1", served.port)
        wire = Wire()
        fault = await fault_of(exchange(transport, origin, wire))
        await served.until_open(0)

        assert (Reason.TLS_FAILED, False, Phase.TLS) == (fault.reason, wire.left, wire.phase)
        assert 0 == transport.stats()[str(origin)].connecting
    assert 0 == sockets_to(served.port)


async def test_a_handshake_reset_sent_nothing(authority: Authority) -> None:
    """A reset in the handshake is one of TLS's failures (row 9)."""

    async def converse(peer: Peer) -> None:
        await peer.receive_raw()
        peer.reset()

    async with serving(converse) as served, pooled(authority.tls) as transport:
        wire = Wire()
        fault = await fault_of(exchange(transport, type(served.origin)("https", "127.0.0.1", served.port), wire))

        assert (Reason.TLS_FAILED, False) == (fault.reason, wire.left)


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ({"timeouts": Timeouts(connect=0.05, read=LONG)}, Reason.CONNECT_TIMEOUT),
        ({"within": 0.05}, Reason.DEADLINE),
    ],
)
async def test_a_handshake_that_hangs_is_bounded(authority: Authority, times: Any, reason: Reason) -> None:
    """The handshake counts as connecting."""
    async with serving(raw(b"")) as served, pooled(authority.tls) as transport:
        wire = Wire()
        origin = type(served.origin)("https", "127.0.0.1", served.port)
        fault = await fault_of(exchange(transport, origin, wire, **times))
        await served.until_open(0)

        assert (reason, False, Phase.TLS) == (fault.reason, wire.left, wire.phase)


@pytest.mark.parametrize("goodbye", [True, False])
async def test_a_close_delimited_answer_over_tls_needs_its_goodbye(authority: Authority, goodbye: bool) -> None:
    """Without TLS's own end anyone on the way could have cut the answer (RFC 9112, 9.8)."""

    async def converse(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(body=b"cut or whole?"))
        if goodbye:
            await peer.say_goodbye()

    async with serving(converse, authority.context()) as served, pooled(authority.tls) as transport:
        if goodbye:
            assert b"cut or whole?" == (await exchange(transport, served.origin)).body
        else:
            assert Reason.CONNECTION_CLOSED == (await fault_of(exchange(transport, served.origin))).reason


async def test_a_framed_answer_over_tls_needs_no_goodbye(authority: Authority) -> None:
    """An answer that says where it ends is whole when it is there."""

    async def converse(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)

    async with serving(converse, authority.context()) as served, pooled(authority.tls) as transport:
        assert b"ok" == (await exchange(transport, served.origin)).body


async def test_a_broken_record_ends_the_connection(authority: Authority) -> None:
    """Bytes that are no TLS in the middle of an answer are a reset, not an answer."""

    async def converse(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"Content-Length: 10", body=b"half"))
        await peer.send_raw(b"rubbish in the clear")
        await peer.until_closed()

    async with serving(converse, authority.context()) as served, pooled(authority.tls) as transport:
        fault = await fault_of(exchange(transport, served.origin))

        assert Reason.CONNECTION_RESET == fault.reason
        await served.until_open(0)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(b"\x15\x03\x03\x00\x02\x02\x46", id="alert in the clear"),
        pytest.param(b"\x17\x03\x03\x00\x20" + bytes(32), id="record of no key"),
        pytest.param(b"rubbish in the clear", id="rubbish"),
    ],
)
async def test_a_broken_record_that_comes_with_an_answer_does_not_take_it_away(
    authority: Authority, after: bytes
) -> None:
    """What follows a whole answer spoils the connection, not the answer: it says that the call was accepted."""

    async def converse(peer: Peer) -> None:
        while await peer.request() is not None:
            peer.tls.write(OK)
            await peer.send_raw(peer._outgoing.read() + after)

    async with serving(converse, authority.context()) as served, pooled(authority.tls) as transport:
        for _ in range(2):
            assert b"ok" == (await exchange(transport, served.origin)).body

        assert (2, 0, {"lost": 2}) == (
            served.connections,
            transport.stats()[served.url].idle,
            transport.stats()[served.url].closed,
        )
        await served.until_open(0)


async def test_records_cut_anywhere_are_put_together(authority: Authority) -> None:
    """How TLS's records are cut on the way makes no difference."""

    async def converse(peer: Peer) -> None:
        while await peer.request() is not None:
            peer.tls.write(OK)
            sealed = peer._outgoing.read()
            for at in range(len(sealed)):
                await peer.send_raw(sealed[at : at + 1])
                await anyio.lowlevel.checkpoint()

    async with serving(converse, authority.context()) as served, pooled(authority.tls) as transport:
        for _ in range(2):
            assert b"ok" == (await exchange(transport, served.origin)).body


async def test_session_tickets_and_key_updates_are_no_answer(authority: Authority) -> None:
    """What TLS says for itself on an idle connection does not end it."""
    async with (
        serving(None, of_version(authority.context(), ssl.TLSVersion.TLSv1_3)) as served,
        pooled(authority.tls) as transport,
    ):
        for _ in range(5):
            await exchange(transport, served.origin)
            await anyio.sleep(0.003)

        assert 1 == served.connections
