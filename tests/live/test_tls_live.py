"""Certificates that do not fit, over real sockets: each a typed error, and nothing sent."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from aiocc import (
    TLS,
    Client,
    ConfigurationError,
    Delivery,
    Reason,
    RejectedError,
    Service,
    TLSError,
)
from aiocc.auth import CookieToken
from aiocc.simulator import Simulator
from tests.transport.raw import serving

from .conftest import DIRECT, SAMPLES, Sample, at, failed, named, refusal
from .scripted import SUCCESS, secure

YEAR = timedelta(days=365)


@pytest.mark.parametrize(**named(DIRECT))
async def test_an_untrusted_certificate_is_a_tls_error(aicc: Simulator, sample: Sample) -> None:
    """Without the authority's file nothing is sent, nothing is repeated, and the variable is named."""
    environ = {name: value for name, value in aicc.environment.items() if name != "AIOCC_CA_FILE"}

    error = await failed(environ, sample)

    assert (TLSError, Delivery.NOT_SENT, Reason.CERTIFICATE_UNTRUSTED) == (type(error), error.delivery, error.reason)
    assert 1 == len(error.attempts)
    assert (
        "Nothing was sent; repeating is safe. "
        "Give the authority that signed it as TLS(ca_file=...) or AIOCC_CA_FILE." == error.next_step
    )
    assert () == aicc.requests


class Authority:
    """A certificate authority of the test's, its file, and servers' contexts."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self.file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.file)

    def context(
        self, host: str, not_before: datetime | None = None, not_after: datetime | None = None
    ) -> ssl.SSLContext:
        """Give the context of a server with a certificate of this host."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate = self.ca.issue_cert(
            host, not_before=not_before, not_after=not_after, key_type=trustme.KeyType.ECDSA
        )
        certificate.configure_cert(context)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Give an authority of the test's own."""
    return Authority(tmp_path)


def visitor_at(port: int, tls: TLS | ssl.SSLContext) -> Client:
    """Make a client of a web adapter with these TLS settings."""
    return Client(webadapter=Service(f"https://127.0.0.1:{port}", auth=CookieToken("token"), tls=tls))


@pytest.mark.parametrize(
    ("host", "shift", "reason", "hint"),
    [
        (
            "127.0.0.1",
            -2 * YEAR,
            Reason.CERTIFICATE_EXPIRED,
            "Have the service's certificate renewed, and check this machine's clock.",
        ),
        (
            "127.0.0.1",
            YEAR,
            Reason.CERTIFICATE_EXPIRED,
            "Have the service's certificate renewed, and check this machine's clock.",
        ),
        (
            "10.10.10.2",
            timedelta(0),
            Reason.CERTIFICATE_HOST_MISMATCH,
            "Use the name in the certificate, or give it as TLS(server_name=...).",
        ),
        (
            "aicc.example.com",
            timedelta(0),
            Reason.CERTIFICATE_HOST_MISMATCH,
            "Use the name in the certificate, or give it as TLS(server_name=...).",
        ),
    ],
    ids=["expired", "not yet valid", "other address", "other name"],
)
async def test_a_certificate_that_does_not_fit_is_a_tls_error(
    authority: Authority, host: str, shift: timedelta, reason: Reason, hint: str
) -> None:
    """An expired certificate and one of another host send nothing, are not repeated, and say what to do."""
    start = datetime.now(UTC) - timedelta(days=1) + shift
    context = authority.context(host, start, start + YEAR)

    async with (
        secure(context, SUCCESS["leave_message"]) as (port, received),
        visitor_at(port, TLS(ca_file=authority.file)) as client,
    ):
        error = await refusal(client.leave_message(phone_no="1", content="x"))

    assert (TLSError, reason, 1) == (type(error), error.reason, len(error.attempts))
    assert f"Nothing was sent; repeating is safe. {hint}" == error.next_step
    assert [] == received


@pytest.mark.parametrize("kind", ["TLS", "context"])
async def test_a_certificate_of_a_trusted_authority_is_taken(authority: Authority, kind: str) -> None:
    """`TLS(ca_file=...)` adds an authority; an SSLContext of the caller's is used as it is."""
    tls = TLS(ca_file=authority.file)
    given = tls if kind == "TLS" else ssl.create_default_context(cafile=authority.file)

    async with (
        secure(authority.context("127.0.0.1"), SUCCESS["leave_message"]) as (port, received),
        visitor_at(port, given) as client,
    ):
        await client.leave_message(phone_no="1", content="x")

    assert 1 == len(received)


async def test_a_server_name_is_asked_for_and_checked(authority: Authority) -> None:
    """`TLS(server_name=...)` names the certificate where the address does not; Host stays the address."""
    async with secure(authority.context("aicc.example.com"), SUCCESS["leave_message"]) as (port, received):
        async with visitor_at(port, TLS(ca_file=authority.file, server_name="aicc.example.com")) as client:
            await client.leave_message(phone_no="1", content="x")
        async with visitor_at(port, TLS(ca_file=authority.file, server_name="other.example.com")) as client:
            error = await refusal(client.leave_message(phone_no="1", content="x"))

    assert (TLSError, Reason.CERTIFICATE_HOST_MISMATCH) == (type(error), error.reason)
    assert 1 == len(received)
    assert f"Host: 127.0.0.1:{port}\r\n".encode() in received[0]


async def test_a_client_without_the_certificate_that_is_asked_for_is_refused(authority: Authority) -> None:
    """Row 6a: under TLS 1.3 the refusal comes after the request was written, and says that it was not read."""
    context = authority.context("127.0.0.1")
    authority.ca.configure_trust(context)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    async with (
        serving(context=context) as served,
        visitor_at(served.origin.port, TLS(ca_file=authority.file)) as client,
    ):
        error = await refusal(client.leave_message(phone_no="1", content="x"))

    assert (RejectedError, Delivery.REJECTED, Reason.CLIENT_CERTIFICATE_REFUSED) == (
        type(error),
        error.delivery,
        error.reason,
    )
    assert (1, []) == (len(error.attempts), served.requests)
    assert "Nothing was done. Give a certificate that the host takes as TLS(client_cert=...)." == error.next_step


async def test_an_unverified_connection_works_and_warns(authority: Authority) -> None:
    """`insecure_no_verify` trusts anyone, and says so."""
    tls = TLS(insecure_no_verify=True, ca_file=authority.file)
    async with (
        secure(authority.context("aicc.example.com"), SUCCESS["leave_message"]) as (port, received),
        visitor_at(port, tls) as client,
    ):
        with pytest.warns(UserWarning, match="anyone on the way"):
            await client.leave_message(phone_no="1", content="x")

    assert 1 == len(received)


async def test_a_port_without_tls_is_a_tls_error(aicc: Simulator) -> None:
    """A handshake with something that speaks no TLS sends nothing."""
    with Simulator(tls=False) as plain:
        url = plain.url("webadapter").replace("http://", "https://")
        error = await failed(at(aicc.environment, url), SAMPLES[0])

        assert () == tuple(request for request in plain.requests if request.operation)
    assert (TLSError, Delivery.NOT_SENT) == (type(error), error.delivery)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "ca_file: there is no file"), ("no certificate", "holds no certificate in PEM")],
)
async def test_a_ca_file_that_serves_nothing_is_named(tmp_path: Path, content: str | None, said: str) -> None:
    """An authority's file that is missing or empty is a ConfigurationError that names it."""
    file = tmp_path / "missing.pem"
    if content is not None:
        file.write_text(content)

    async with visitor_at(1, TLS(ca_file=file)) as client:
        with pytest.raises(ConfigurationError, match=said):
            await client.leave_message(phone_no="1", content="x")
