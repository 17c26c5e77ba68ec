"""C2, "auth-v2": the AK/SK signature of CC-iSales, CC-CMS, CC-FS and CC-iKBS.

The rule is read from the vendor's demo code (`SignInfo` and `SignerUtils` of hpsdemo); its page,
https://support.huaweicloud.com/api-ccfs-cec/cec_07_0003.html, shows it as a picture.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from aiocc.auth.strategy import Credential, Fetch, Strategy, Verdict
from aiocc.errors import ConfigurationError
from aiocc.protocol.checks import check_setting, is_token, kind
from aiocc.protocol.messages import Answer, AnswerHead, WireRequest, http_date
from aiocc.secret import Secret, conceal, header_secret

MIN_SKEW: Final = timedelta(minutes=4)
"""A smaller difference of the clocks is not followed."""

MAX_SKEW: Final = timedelta(days=1)
"""Nor is a larger one: that is no clock."""

log: logging.Logger = logging.getLogger("aiocc")

_VERSION: Final = "auth-v2"
_UNRESERVED: Final = "-._~"

Pairs = Mapping[str, str] | Iterable[tuple[str, str]]


@conceal
def sign_c2(
    *,
    access_key: str | Secret,
    secret_key: str | Secret,
    method: str,
    path: str,
    query: Pairs = (),
    headers: Mapping[str, str],
    body: str | bytes | None = None,
    timestamp: str | datetime,
    blank_query_line: bool = False,
) -> str:
    """Make the whole Authorization value of a request. A pure function.

    Args:
        access_key: AK.
        secret_key: SK.
        method: In upper case.
        path: As it is sent, without the query.
        query: A mapping or pairs of raw text, not encoded.
        headers: Those to sign, with the values that are sent; `host` belongs among them.
        body: Exactly what is sent.
        timestamp: The text to sign, or an aware datetime, which is written in UTC to the second.
        blank_query_line: Sign an empty line in place of a missing query, as some deployments expect.

    Raises:
        ValueError: No header to sign, a datetime without a time zone, or text that UTF-8 cannot hold.
    """
    if not headers:
        raise ValueError("headers: at least one header, host, must be signed")
    moment = timestamp if isinstance(timestamp, str) else timestamp_text(timestamp)
    lines = sorted(f"{_encode(name.lower())}:{_encode(value)}" for name, value in headers.items())
    names = ";".join(sorted(name.lower() for name in headers))
    prefix = f"{_VERSION}/{_revealed(access_key)}/{moment}/{names}"
    pairs = query.items() if isinstance(query, Mapping) else query
    query_line = "&".join(sorted({f"{_encode(name)}={_encode(value or '')}" for name, value in pairs}))
    canonical = [
        method.upper(),
        path,
        *([query_line] if query_line or blank_query_line else []),
        names,
        *lines,
    ]
    text = "\n".join(canonical) + "\n" + (_encode(body) if body else "")
    return f"{prefix}/{_hmac(_hmac(secret_key, prefix), text)}"


def timestamp_text(moment: datetime, *, milliseconds: bool = False) -> str:
    """Write a moment as C2 does: UTC, to the second or the millisecond, with a Z.

    Raises:
        ValueError: The datetime has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("timestamp: a datetime must have a time zone")
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds" if milliseconds else "seconds") + "Z"


def signed_at(authorization: str | None) -> datetime | None:
    """Read the moment out of an Authorization value that `sign_c2` made; None for another."""
    parts = (authorization or "").split("/")
    try:
        moment = datetime.fromisoformat(parts[-3])
    except (IndexError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None


class AkSk(Strategy):
    """Signs every attempt anew with an access key and a secret key.

    The switches are for deployments that differ: no vendor test vector is published, and its own sources
    disagree.

    Args:
        access_key: AK, from the operator's staff.
        secret_key: SK.
        milliseconds: Write the time stamp to the millisecond.
        signed_headers: Which headers are signed; `host` must be among them.
        host: Sign this in place of the Host header that is sent, for a proxy that rewrites it.
        blank_query_line: Sign an empty line in place of a missing query.

    Raises:
        ConfigurationError: A key that is empty or cannot travel, `host` not among `signed_headers`, or a switch of
            another kind.
    """

    remedy = "Check access key and secret key; `aiocc doctor` tries the signature's variants."

    @conceal
    def __init__(
        self,
        access_key: str | Secret,
        secret_key: str | Secret,
        *,
        milliseconds: bool = False,
        signed_headers: Iterable[str] = ("host",),
        host: str | None = None,
        blank_query_line: bool = False,
    ) -> None:
        self._access_key = header_secret("access_key", access_key)
        self._credential = Credential(header_secret("secret_key", secret_key))
        check_setting("milliseconds", milliseconds, bool)
        check_setting("blank_query_line", blank_query_line, bool)
        _check_host(host)
        self._signed_headers = _header_names(signed_headers)
        self._milliseconds = milliseconds
        self._host = host
        self._blank_query_line = blank_query_line
        self._skew = timedelta(0)

    @property
    def switches(self) -> Mapping[str, Any]:
        """The arguments besides the keys that differ from their defaults."""
        given = {
            "milliseconds": self._milliseconds or None,
            "signed_headers": self._signed_headers if self._signed_headers != ("host",) else None,
            "host": self._host,
            "blank_query_line": self._blank_query_line or None,
        }
        return {name: value for name, value in given.items() if value is not None}

    def varied(
        self,
        *,
        milliseconds: bool = False,
        signed_headers: Iterable[str] = ("host",),
        host: str | None = None,
        blank_query_line: bool = False,
    ) -> AkSk:
        """Give one with the same keys and other switches."""
        return AkSk(
            self._access_key,
            self._credential.secret,
            milliseconds=milliseconds,
            signed_headers=signed_headers,
            host=host,
            blank_query_line=blank_query_line,
        )

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        """Give the keys; there are no others to be had, but another clock to sign by."""
        return self._credential

    def held(self) -> Credential | None:
        """Give the keys."""
        return self._credential

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        """Sign exactly what is sent: its method, path, query, headers and body, at this moment."""
        head.headers.append(("Authorization", self._sign(head, credential)))

    def observe(self, sent: WireRequest, head: AnswerHead, /) -> None:
        """Learn the service's clock from an answer that refuses a signature, where it is far from this one's."""
        if head.status != 401 or sent.credential is not self._credential or head.header("age") is not None:
            return
        theirs = http_date(head.header("date"))
        if theirs is None:
            return
        skew = theirs - self._midpoint(sent)
        if abs(skew) <= MAX_SKEW and abs(skew - self._skew) > MIN_SKEW:
            self._skew = skew
            # Another credential, as far as it matters: what was signed with the former one may be sent once more.
            self._credential = Credential(self._credential.secret)
            log.warning(
                "AK/SK: the service's clock is %+.0f s from this one; signing by its clock", skew.total_seconds()
            )

    def verdict(self, sent: WireRequest, answer: Answer, /) -> Verdict:
        """Ask for one more signature where this one was refused for its time."""
        if answer.status != 401:
            return "ok"
        return "renew" if sent.credential is not self._credential else "denied"

    def _midpoint(self, sent: WireRequest) -> datetime:
        """Give the moment, by this clock, at which the service most likely looked at its own: halfway."""
        now = datetime.now(UTC)
        signed = signed_at(sent.header("authorization"))
        return now if signed is None else now - max(now - (signed - self._skew), timedelta(0)) / 2

    def _sign(self, head: WireRequest, credential: Credential) -> str:
        return sign_c2(
            access_key=self._access_key.reveal(),
            secret_key=credential.secret,
            method=head.method,
            path=head.path,
            query=head.query,
            headers={name: self._value(head, name) for name in self._signed_headers},
            body=head.body,
            timestamp=timestamp_text(datetime.now(UTC) + self._skew, milliseconds=self._milliseconds),
            blank_query_line=self._blank_query_line,
        )

    def _value(self, head: WireRequest, name: str) -> str:
        if name == "host" and self._host is not None:
            return self._host
        value = head.header(name)
        if value is None and name == "host" and head.origin is not None:
            return head.origin.authority
        if value is None and name == "content-length":
            return str(len(head.body or b""))
        if value is None:
            raise ConfigurationError(f"signed_headers: this request has no header {name!r} to sign")
        return value


def _check_host(given: object) -> None:
    if given is not None and not (isinstance(given, str) and given and given.isascii() and given.isprintable()):
        raise ConfigurationError(f"host must be what a Host header may carry or None, not {kind(given)}")


def _header_names(given: object) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else ()
    if not names or not all(map(is_token, names)):
        raise ConfigurationError("signed_headers must be names of headers, 'host' among them")
    lowered = tuple(sorted({name.lower() for name in names}))
    if "host" not in lowered:
        raise ConfigurationError("signed_headers must hold 'host'")
    return lowered


def _encode(text: str | bytes) -> str:
    return quote(text, safe=_UNRESERVED)


def _hmac(key: str | Secret, message: str) -> str:
    return hmac.digest(_revealed(key).encode(), message.encode(), "sha256").hex()


def _revealed(key: str | Secret) -> str:
    return key.reveal() if isinstance(key, Secret) else key
