"""A request as it arrived, and the strict readings of its parts."""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from attrs import field, frozen

from aiocc.simulator.answers import Refused, text_answer

__all__ = ["Arrival"]

# RFC 6265, section 4.1.1: a name is a token, a value has no space, quote, comma, semicolon or backslash.
_COOKIE_PAIR = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(\"?[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*\"?)")


@frozen
class Arrival:
    """A whole request: `target` and `headers` as they came, `path` percent-decoded, `query` raw."""

    service: str
    method: str
    target: str
    path: str
    query: bytes
    headers: tuple[tuple[str, str], ...]
    body: bytes
    params: Mapping[str, str] = field(factory=dict)

    def header_values(self, name: str) -> tuple[str, ...]:
        """Give all values of a header."""
        wanted = name.lower()
        return tuple(value.strip(" \t") for found, value in self.headers if found.lower() == wanted)

    def header(self, name: str) -> str | None:
        """Give the value of a header, or None where it is missing or comes more than once."""
        values = self.header_values(name)
        return values[0] if len(values) == 1 else None

    def cookie(self, name: str) -> str | None:
        """Give a cookie's value untouched, or None: missing, twice there, or the header is malformed."""
        header = self.header("cookie")
        if header is None:
            return None
        pairs = [_COOKIE_PAIR.fullmatch(pair) for pair in header.split("; ")]
        if None in pairs:
            return None
        values = [pair[2] for pair in pairs if pair is not None and pair[1] == name]
        return values[0] if len(values) == 1 else None

    def require_json(self, *, charset: bool) -> None:
        """Refuse with 415 unless the content type is JSON in UTF-8; `charset`: it has to be said."""
        value = self.header("content-type")
        if value is None:
            raise Refused(text_answer(415, "Content-Type is missing or comes more than once"))
        media_type, *parameters = (part.strip(" \t").lower() for part in value.split(";"))
        plain = [parameter.replace('"', "") for parameter in parameters]
        if media_type != "application/json" or plain not in (
            [["charset=utf-8"]] if charset else [[], ["charset=utf-8"]]
        ):
            raise Refused(text_answer(415, f"Content-Type {value!r} is not the documented one"))

    def json_object(self) -> dict[str, Any] | None:
        """Give the body's JSON object, or None: not strict JSON in UTF-8, no object, or a name comes twice."""
        try:
            content = json.loads(self.body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return None
        return content if isinstance(content, dict) else None

    def accepts_gzip(self) -> bool:
        """Tell whether the client takes gzip."""
        for item in ",".join(self.header_values("accept-encoding")).split(","):
            coding, *parameters = (part.strip().lower() for part in item.split(";"))
            if coding == "gzip":
                return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
        return False


def text_within(value: object, least: int, most: int) -> bool:
    """Tell whether a value is Unicode text of so many characters."""
    return isinstance(value, str) and least <= len(value) <= most and _encodable(value)


def utf8_length(value: str) -> int | None:
    """Give the length in bytes, or None for text with a lone surrogate, which has no UTF-8 form."""
    return len(value.encode()) if _encodable(value) else None


def _encodable(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name comes twice")
    return content


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
