"""The checks of arguments, as attrs validators: each error names the field, the limit and what was given."""

from __future__ import annotations

import math
import re
import sys
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from aiocc.errors import ConfigurationError, InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    import attrs

    Check = Callable[[Any, attrs.Attribute[Any], Any], None]

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_WORDS: Final[dict[type, str]] = {NoneType: "None", bool: "True or False", str: "text"}


def refuse(field: str, limit: str, given: str) -> NoReturn:
    """Raise the one error for an argument outside its limit. `given` describes the value, it never shows it."""
    raise InvalidRequestError(f"{field} must be {limit}, not {given}")


def kind(value: object) -> str:
    """Describe a value without showing it."""
    if value is None:
        return "None"
    if isinstance(value, bool):
        return "a bool"
    if isinstance(value, int):
        return f"{value}" if abs(value) < 10**12 else "a far larger number"
    if isinstance(value, str):
        return f"text of {len(value)} characters" if value else "empty text"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def check_setting(name: str, value: object, *classes: type) -> None:
    """Check a setting's class; a bool is no number.

    Raises:
        ConfigurationError: It is of another class; the message does not show it.
    """
    if not isinstance(value, classes) or (isinstance(value, bool) and bool not in classes):
        wanted = " or ".join(_WORDS.get(cls, cls.__name__) for cls in classes)
        raise ConfigurationError(f"{name} must be {wanted}, not {kind(value)}")


def setting(*classes: type) -> Check:
    """Check a setting's class."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        check_setting(attribute.name, value, *classes)

    return check


def text(minimum: int, maximum: int | None, *, optional: bool = False) -> Check:
    """Check text by its number of characters."""
    size = f"{minimum} to {maximum}" if maximum is not None else f"at least {minimum}"
    limit = f"text of {size} characters" + (" or None" if optional else "")

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None and optional:
            return
        if not isinstance(value, str) or len(value) < minimum or (maximum is not None and len(value) > maximum):
            refuse(attribute.name, limit, "a number: give text" if is_number(value) else kind(value))
        _encodable(attribute.name, value)

    return check


def utf8_text(maximum: int) -> Check:
    """Check text by its number of bytes in UTF-8; empty text is allowed."""
    limit = f"text of 0 to {maximum} bytes of UTF-8"

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, str):
            refuse(attribute.name, limit, "a number: give text" if is_number(value) else kind(value))
        size = len(_encodable(attribute.name, value))
        if size > maximum:
            refuse(attribute.name, limit, f"text of {size} bytes")

    return check


def number(minimum: int, maximum: int | None = None, *, optional: bool = False) -> Check:
    """Check a whole number; a bool is none."""
    limit = (
        f"a whole number from {minimum} to {maximum}" if maximum is not None else f"a whole number over {minimum - 1}"
    )
    if optional:
        limit += " or None"

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None and optional:
            return
        if not is_number(value) or value < minimum or (maximum is not None and value > maximum):
            refuse(attribute.name, limit, kind(value))

    return check


def shown(value: object) -> str:
    """Describe a value that is no secret: a short text as it is."""
    return repr(value) if isinstance(value, str) and 0 < len(value) <= 20 else kind(value)


def one_of(*allowed: str, optional: bool = False) -> Check:
    """Check that text is one of a few."""
    limit = " or ".join(repr(word) for word in allowed) + (" or None" if optional else "")

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not (value is None and optional) and value not in allowed:
            refuse(attribute.name, limit, kind(value))

    return check


def is_number(value: object) -> bool:
    """Whether this is a whole number, which a bool is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_token(value: object) -> bool:
    """Whether this is a token of RFC 9110, as names of headers and of cookies are."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def is_seconds(value: object) -> bool:
    """Whether this is a length of time: a number, which neither a bool nor NaN is, nor one too large for a clock."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not math.isnan(value) if isinstance(value, float) else abs(value) <= sys.float_info.max


def _encodable(field: str, value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        refuse(field, "text that UTF-8 can encode", "text with a lone surrogate")
