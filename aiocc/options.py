"""A service as its user describes it."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any

import attrs
import httpx
from attrs import field, frozen

from aiocc.call.limiter import Limiter
from aiocc.errors import ConfigurationError
from aiocc.protocol.checks import is_token, kind, setting
from aiocc.protocol.limits import AnswerLimits, PoolLimits, Timeouts, optional_positive_whole
from aiocc.protocol.messages import Origin, parse_url
from aiocc.protocol.pace import Rate
from aiocc.protocol.retry import RetryPolicy
from aiocc.secret import Secret, conceal
from aiocc.transport.tls import TLS

_FRAMING = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te"})
_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "x-app-key", "guid", "cookie", "ccmessaging-token"})

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


@conceal
def headers_option(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Check extra headers.

    Raises:
        ConfigurationError: What is neither a mapping nor pairs, a name or value that no header may have, or a header
            that the client itself sets.
    """
    pairs = _pairs(headers)
    for name, value in pairs:
        if not is_token(name):
            raise ConfigurationError(f"headers: {name!r} is no header name")
        if name.lower() in _FRAMING:
            raise ConfigurationError(f"headers: {name} is set by the client itself")
        if name.lower() in _CREDENTIALS:
            raise ConfigurationError(f"headers: {name} carries a credential, which goes into auth=")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or value != value.strip():
            raise ConfigurationError(f"headers: the value of {name} has characters that no header may carry")
    return pairs


def _pairs(headers: Headers) -> tuple[tuple[str, Any], ...]:
    try:
        return tuple((name, value) for name, value in (headers.items() if isinstance(headers, Mapping) else headers))
    except (TypeError, ValueError):
        given = kind(headers)
    raise ConfigurationError(f"headers must be a mapping or pairs of text, not {given}")


def _limiter(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not (
        callable(getattr(value, "acquire", None)) and callable(getattr(value, "release", None))
    ):
        raise ConfigurationError(f"{attribute.name} must have acquire and release, as Limiter says, not {kind(value)}")


@frozen(init=False, kw_only=True)
class Service:
    """One of the four services: where it is, how to authenticate, what it may cost.

    Attributes:
        url: https address, with a path prefix where there is one.
        auth: The strategy, or any `httpx.Auth`; None where each visitor or agent brings its own.
        headers: Sent with every request, `X-TenantSpaceID` for example; values are hidden, for one may be a key.
        pool: How many connections, and for how long.
        timeouts: In seconds.
        limits: What an answer may cost.
        retry: What is repeated by itself.
        concurrency: Calls on their way at once, at most as many as connections; None for as many, or 10 at iSales, as
            its page advises.
        rate: How often calls may go; None for as often as they come.
        limiter: A limit kept with other clients, asked after the two above; None for none.
        tls: How the host proves who it is, or an `ssl.SSLContext`. The first call with some `TLS` settings makes their
            context, which holds the event loop for some 50 ms; one made before the loop runs spares that.
        transport: Any `httpx.AsyncBaseTransport` in place of the pool; it stays the caller's to close.
        insecure_http: Allow http to more than a literal loopback address.
    """

    url: str
    auth: httpx.Auth | None = None
    headers: tuple[tuple[str, Secret], ...] = field(default=(), repr=lambda pairs: repr([name for name, _ in pairs]))
    pool: PoolLimits = field(validator=setting(PoolLimits))
    timeouts: Timeouts = field(validator=setting(Timeouts))
    limits: AnswerLimits = field(validator=setting(AnswerLimits))
    retry: RetryPolicy = field(validator=setting(RetryPolicy))
    concurrency: int | None = field(default=None, validator=optional_positive_whole)
    rate: Rate | None = field(default=None, validator=setting(Rate, NoneType))
    limiter: Limiter | None = field(default=None, validator=_limiter)
    tls: TLS | ssl.SSLContext = field(validator=setting(TLS, ssl.SSLContext))
    transport: httpx.AsyncBaseTransport | None = field(
        default=None, validator=setting(httpx.AsyncBaseTransport, NoneType)
    )
    insecure_http: bool = field(default=False, validator=setting(bool))
    origin: Origin = field(repr=False)
    prefix: str = field(repr=False)

    @conceal
    def __init__(
        self,
        url: str,
        *,
        auth: httpx.Auth | None = None,
        headers: Headers = (),
        pool: PoolLimits | None = None,
        timeouts: Timeouts | None = None,
        limits: AnswerLimits | None = None,
        retry: RetryPolicy | None = None,
        concurrency: int | None = None,
        rate: Rate | None = None,
        limiter: Limiter | None = None,
        tls: TLS | ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        insecure_http: bool = False,
    ) -> None:
        if transport is not None and (pool is not None or tls is not None):
            raise ConfigurationError("transport= brings its own pool and TLS: leave pool= and tls= out")
        origin, prefix = parse_url(url, what="url")
        if origin.scheme == "http" and not insecure_http and not origin.is_loopback:
            raise ConfigurationError(
                "url must be https, except to a literal loopback address or with insecure_http=True"
            )
        if auth is not None and not isinstance(auth, httpx.Auth):
            raise ConfigurationError(f"auth must be a strategy of aiocc.auth, not {kind(auth)}")
        self.__attrs_init__(
            url=url,
            auth=auth,
            headers=tuple((name, Secret(value)) for name, value in headers_option(headers)),
            pool=pool if pool is not None else PoolLimits(),
            timeouts=timeouts if timeouts is not None else Timeouts(),
            limits=limits if limits is not None else AnswerLimits(),
            retry=retry if retry is not None else RetryPolicy(),
            concurrency=concurrency,
            rate=rate,
            limiter=limiter,
            tls=tls if tls is not None else TLS(),
            transport=transport,
            insecure_http=insecure_http,
            origin=origin,
            prefix=prefix,
        )
        if transport is None and self.concurrency is not None and self.concurrency > self.pool.max_connections:
            raise ConfigurationError(
                f"concurrency={concurrency} is more than there are connections, "
                f"PoolLimits(max_connections={self.pool.max_connections}): raise these too"
            )

    @property
    def server_name(self) -> str | None:
        """The name in the host's certificate, where that is not the host of the URL."""
        return self.tls.server_name if isinstance(self.tls, TLS) else None
