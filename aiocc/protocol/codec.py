"""JSON in both directions, strict enough that no answer can be read two ways."""

from __future__ import annotations

import codecs
import json
import math
import re
from functools import lru_cache
from typing import Any, Final, NoReturn, TypeVar

import cattrs

from aiocc.delivery import Reason

T = TypeVar("T")

MAX_DIGITS: Final = 400

CHARSETS: Final = frozenset(
    {"utf-8", "utf-16", "utf-16-le", "utf-16-be", "ascii", "gbk", "gb2312", "gb18030", "iso8859-1"}
)
"""What an answer may declare. GBK is what some gateways were seen to send."""

_BLANKS: Final = " \t\n\r"  # RFC 8259's, and no others
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKET_OR_TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


class CodecError(Exception):
    """A body that could not be read, and the kind of fault."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def encode_json(value: Any) -> bytes:
    """Write compact JSON in UTF-8; signed and sent are the same bytes."""
    return _ENCODER.encode(value).encode()


def decode_text(body: bytes, content_type: str | None) -> str:
    """Decode a body by its byte order mark, its declared charset, or as UTF-8.

    Raises:
        CodecError: BAD_CHARSET.
    """
    charset = _declared_charset(content_type)
    if charset is None:
        charset = json.detect_encoding(body) if b"\0" in body[:4] else "utf-8"
    if body.startswith(codecs.BOM_UTF8):
        charset = "utf-8-sig"
    elif body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        charset = "utf-16"
    try:
        return body.decode(charset)
    except (UnicodeDecodeError, LookupError):
        raise CodecError(Reason.BAD_CHARSET) from None


def decode_json(body: bytes, content_type: str | None = None, *, max_depth: int = 64, max_values: int = 100_000) -> Any:
    """Read a JSON text.

    Refused: more than `max_values` values, nesting deeper than `max_depth`, one key twice in an object (the last
    would win, and could say success), NaN and infinities, numbers of more than `MAX_DIGITS` digits.

    Raises:
        CodecError: With the kind of fault.
    """
    if not body or body.isspace():
        raise CodecError(Reason.EMPTY_BODY)
    text = decode_text(body, content_type)
    if len(text) > max_values and _values(text) > max_values and _values(_TEXT.sub("", text)) > max_values:
        # No scan of all of it: it would hold the event loop for as long as reading it.
        raise CodecError(Reason.TOO_DEEP if _deeper(text[:max_values], max_depth) else Reason.TOO_MANY_VALUES)
    if text.count("{") + text.count("[") > max_depth and _deeper(text, max_depth):
        raise CodecError(Reason.TOO_DEEP)
    text = text.strip(_BLANKS)
    try:
        value, end = _DECODER.raw_decode(text)
    except ValueError:
        raise CodecError(Reason.NOT_JSON) from None
    except RecursionError:
        raise CodecError(Reason.TOO_DEEP) from None
    if end != len(text):
        raise CodecError(Reason.NOT_JSON)
    return value


def structure(cls: type[T]) -> Any:
    """Give the function that makes a `cls` from a JSON object, built once."""
    hook = CONVERTER.get_structure_hook(cls)
    return lambda data: hook(data, cls)


@lru_cache(maxsize=128)
def _declared_charset(content_type: str | None) -> str | None:
    match = _CHARSET.search(content_type) if content_type else None
    if match is None:
        return None
    try:
        name = codecs.lookup(match.group(1)).name
    except LookupError:
        raise CodecError(Reason.BAD_CHARSET) from None
    if name not in CHARSETS:
        raise CodecError(Reason.BAD_CHARSET)
    return name


def _values(text: str) -> int:
    """Count values, or a few more: a comma inside of text counts as well."""
    return text.count(",") + text.count("{") + text.count("[")


def _deeper(text: str, limit: int) -> bool:
    """Whether brackets nest deeper than this anywhere outside of text."""
    depth = 0
    for match in _BRACKET_OR_TEXT.finditer(text):
        mark = match.group()
        if mark in "{[":
            depth += 1
            if depth > limit:
                return True
        elif mark in "}]":
            depth -= 1
    return False


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CodecError(Reason.DUPLICATE_KEY)
    return found


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise CodecError(Reason.BAD_NUMBER)
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits) if len(digits) <= MAX_DIGITS else math.inf
    if not math.isfinite(value):
        raise CodecError(Reason.BAD_NUMBER)
    return value


def _no_constant(_: str) -> NoReturn:
    raise CodecError(Reason.BAD_NUMBER)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_whole, parse_float=_real, parse_constant=_no_constant)


def _structure_text(value: Any, _: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError("neither text nor a whole number")


def _structure_number(value: Any, _: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    raise TypeError("not a whole number")


CONVERTER: Final = cattrs.Converter(detailed_validation=False)
"""Structures payloads. Text given as a number and a number given as text are taken, a bool never."""
CONVERTER.register_structure_hook(str, _structure_text)
CONVERTER.register_structure_hook(int, _structure_number)
