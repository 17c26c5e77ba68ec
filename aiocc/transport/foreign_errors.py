"""The one door at which httpx's and the socket's errors get our names."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final

import httpx

from aiocc.delivery import Phase, Reason
from aiocc.protocol.messages import Fault, Wire

PROVE_NOTHING_LEFT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)
"""These mean that no connection carried the request, whichever transport raises them."""

_HOST_MISMATCH: Final = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_EXPIRED: Final = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED

_PLAIN: Final[dict[type[Exception], Reason]] = {
    httpx.PoolTimeout: Reason.QUEUE_TIMEOUT,
    httpx.ConnectTimeout: Reason.CONNECT_TIMEOUT,
    httpx.ReadTimeout: Reason.READ_TIMEOUT,
    httpx.WriteTimeout: Reason.WRITE_TIMEOUT,
    httpx.ReadError: Reason.CONNECTION_RESET,
    httpx.WriteError: Reason.CONNECTION_RESET,
    httpx.CloseError: Reason.CONNECTION_RESET,
    httpx.UnsupportedProtocol: Reason.CONNECT_FAILED,
}


def name_fault(error: Exception, wire: Wire) -> Fault:
    """Name a foreign error. Only its class, and what says nothing of the request, goes into the text."""
    if isinstance(error, httpx.ConnectError):
        return _connect_fault(error, wire)
    if isinstance(error, httpx.RemoteProtocolError):
        return Fault(_protocol_reason(str(error), wire))
    for cls, reason in _PLAIN.items():
        if isinstance(error, cls):
            stale = reason is Reason.CONNECTION_RESET and wire.reused and wire.phase is not Phase.READ_ANSWER
            return Fault(Reason.STALE_CONNECTION if stale else reason)
    return Fault(Reason.INTERNAL, type(error).__name__)


def name_tls_error(error: ssl.SSLError) -> Fault:
    """Name an error of a TLS handshake."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _HOST_MISMATCH:
            reason = Reason.CERTIFICATE_HOST_MISMATCH
        elif error.verify_code in _EXPIRED:
            reason = Reason.CERTIFICATE_EXPIRED
        else:
            reason = Reason.CERTIFICATE_UNTRUSTED
        return Fault(reason, error.verify_message or "")
    text = error.reason or ""
    no_version = any(word in text for word in ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS"))
    return Fault(Reason.TLS_VERSION if no_version else Reason.TLS_FAILED, text.replace("_", " ").lower())


def _connect_fault(error: Exception, wire: Wire) -> Fault:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return name_tls_error(cause)
        if isinstance(cause, socket.gaierror):
            return Fault(Reason.DNS_FAILURE, cause.strerror or "")
        if isinstance(cause, ConnectionRefusedError):
            return Fault(Reason.CONNECTION_REFUSED)
    return Fault(Reason.TLS_FAILED if wire.phase is Phase.TLS else Reason.CONNECT_FAILED)


def _protocol_reason(text: str, wire: Wire) -> Reason:
    if "disconnected without" in text and wire.reused:
        return Reason.STALE_CONNECTION
    if "disconnected" in text or "closed connection" in text:
        return Reason.CONNECTION_CLOSED
    if "Receive buffer too long" in text:
        return Reason.HEAD_TOO_LARGE
    return Reason.NOT_HTTP


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk what an error came from, also through groups, as connecting to several addresses gives them."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [linked for linked in (current.__cause__, current.__context__) if linked is not None]
        if isinstance(current, BaseExceptionGroup):
            waiting += current.exceptions
