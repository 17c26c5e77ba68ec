"""The C2 signature ("auth-v2"), computed again from a request as it arrived.

    Authorization = auth-v2/{access key}/{time}/{names of signed headers}/{signature}

Key and signature are two turns of HMAC-SHA256, of which the first one's *hexadecimal text* keys the second.
This module was written from the description of the scheme alone and shares nothing with any client.
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from urllib.parse import quote, unquote_to_bytes

from aiocc.simulator.arrival import Arrival

__all__ = ["canonical_request", "find_fault", "signature", "signing_key"]

_AUTHORIZATION = re.compile(r"(auth-v2/([^/]+)/([^/]+)/([^/]+))/([0-9a-f]{64})")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")


def normalized(raw: bytes) -> str:
    """Percent-encode every byte outside RFC 3986's unreserved ones, with capitals."""
    return quote(raw, safe="-._~")


def canonical_query(query: bytes) -> str:
    """Decode a raw query and write it in canonical order; equal pairs collapse."""
    pairs = set()
    for piece in query.split(b"&"):
        if piece:
            name, _, value = (unquote_to_bytes(part.replace(b"+", b" ")) for part in piece.partition(b"="))
            pairs.add(f"{normalized(name)}={normalized(value)}")
    return "&".join(sorted(pairs))


def canonical_request(
    method: str,
    path: str,
    query: bytes,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    *,
    blank_query_line: bool = False,
) -> str:
    """Write the text that is signed; `headers` are the signed ones, names in lower case."""
    signed = sorted(headers)
    lines = [method, path]
    query_line = canonical_query(query)
    if query_line or blank_query_line:
        lines.append(query_line)
    lines.append(";".join(name for name, _ in signed))
    lines += sorted(f"{normalized(name.encode())}:{normalized(value.encode('latin-1'))}" for name, value in signed)
    return "\n".join(lines) + "\n" + normalized(body)


def signing_key(secret_key: str, prefix: str) -> str:
    """Derive the key of one signature from the secret and everything before the signature."""
    return hmac.new(secret_key.encode(), prefix.encode(), hashlib.sha256).hexdigest()


def signature(secret_key: str, prefix: str, canonical: str) -> str:
    """Sign a canonical request under the prefix `auth-v2/{access key}/{time}/{names}`."""
    return hmac.new(signing_key(secret_key, prefix).encode(), canonical.encode(), hashlib.sha256).hexdigest()


def find_fault(
    arrival: Arrival,
    *,
    access_key: str,
    secret_key: str,
    now: float,
    skew: float,
    blank_query_line: bool,
    milliseconds: bool | None = None,
    signed_headers: Collection[str] | None = None,
    host_without_port: bool = False,
) -> str | None:
    """Say what is wrong with the request's signature, or None when it is right."""
    authorization = arrival.header("authorization")
    if authorization is None:
        return "Authorization is missing or comes more than once"
    parts = _AUTHORIZATION.fullmatch(authorization)
    if parts is None:
        return "Authorization is not of the form auth-v2/key/time/names/signature"
    prefix, claimed_key, time, names, claimed = parts.groups()
    if not hmac.compare_digest(claimed_key.encode(), access_key.encode()):
        return "the access key is unknown"
    if (fault := _time_fault(time, now, skew)) is not None:
        return fault
    if milliseconds is not None and milliseconds != ("." in time):
        return "the time is not in the precision that is expected here"
    signed = _signed_headers(arrival, names)
    if isinstance(signed, str):
        return signed
    if signed_headers is not None and {name for name, _ in signed} != set(signed_headers):
        return "other headers are signed than are expected here"
    if host_without_port:
        signed = [(name, value.rpartition(":")[0] if name == "host" else value) for name, value in signed]
    canonical = canonical_request(
        arrival.method, arrival.path, arrival.query, signed, arrival.body, blank_query_line=blank_query_line
    )
    right = signature(secret_key, prefix, canonical)
    return None if hmac.compare_digest(right, claimed) else "the signature differs"


def _time_fault(text: str, now: float, skew: float) -> str | None:
    if _TIME.fullmatch(text) is None:
        return "the time is not yyyy-MM-ddTHH:mm:ssZ, with or without milliseconds"
    try:
        then = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return "the time does not exist"
    return None if abs(now - then) <= skew else "the time is outside the window"


def _signed_headers(arrival: Arrival, names: str) -> list[tuple[str, str]] | str:
    listed = names.split(";")
    if listed != sorted(set(listed)) or not all(_NAME.fullmatch(name) for name in listed):
        return "the names of signed headers are not lower case, in order and each there once"
    if "host" not in listed or "authorization" in listed:
        return "host has to be signed and authorization cannot be"
    signed = []
    for name in listed:
        value = arrival.header(name)
        if value is None:
            return f"the signed header {name} is missing or comes more than once"
        signed.append((name, value))
    return signed
