"""One type for whatever must never be shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from functools import wraps
from hmac import compare_digest
from typing import Final, NoReturn, ParamSpec, TypeVar

from aiocc.errors import ConfigurationError

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")

HIDDEN: Final = "***"
_NUMBER: Final = re.compile(r"\d(?:[ -]?\d){5,}")


class Secret:
    """Text that hides itself in `repr`, `str`, format, pickle and `attrs.asdict`.

    Read it with `reveal()` at the last moment, and keep the result in no variable that lives across an await.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self._text.encode("utf-8", "surrogatepass"), other._text.encode("utf-8", "surrogatepass"))

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: hand over what it was made from")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self


class HiddenBytes(bytes):
    """Bytes that do not show themselves among a trace's variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


def length_of(value: object) -> str:
    """Say how long a text is, in its place: for a `repr` of what is a person's, and no credential."""
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    return "None" if value is None else HIDDEN


def scrub(text: str, secrets: Iterable[str], *, shortest: int = 6) -> str:
    """Take secrets out of foreign text that may echo them. Fragments under 6 characters are no secret, mostly."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= shortest:
            text = text.replace(secret, HIDDEN)
    return text


def mask_numbers(text: str, *, keep: Container[str] = ()) -> str:
    """Take what may be a phone number, six digits or more, out of text that is logged; its last two stay."""
    return _NUMBER.sub(lambda match: match.group() if match.group() in keep else HIDDEN + match.group()[-2:], text)


def conceal(function: Callable[P, R]) -> Callable[P, R]:
    """Raise whatever a function raises anew, without the frames whose variables hold a secret."""

    @wraps(function)
    def concealing(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except UnicodeError:  # which would carry the text itself
            refused: Exception = ValueError("holds text that cannot be encoded")
        except Exception as error:  # noqa: BLE001 - any of them would show the secret among its frames' variables
            refused = error.with_traceback(None)
            refused.__cause__ = refused.__context__ = None
        del args, kwargs
        raise refused

    return concealing


def concealing(cls: type[C]) -> type[C]:
    """Have what refuses to be made hide what it was given: a model's own frames hold it all."""
    cls.__init__ = conceal(cls.__init__)  # type: ignore[method-assign]  # every class has one
    return cls


@conceal
def header_secret(name: str, value: object) -> Secret:
    """Check a credential that will travel in a header, and hide it.

    Args:
        name: What the user calls it; the only thing an error shows.
        value: A str or a Secret. One trailing newline, as files have it, is stripped.

    Raises:
        ConfigurationError: It is empty, not text, or has characters that no header may carry.
    """
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str):
        raise ConfigurationError(f"{name} must be text, not {type(text).__name__}")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ConfigurationError(f"{name} is empty")
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise ConfigurationError(
            f"{name} has characters that no HTTP header may carry (line breaks, controls, "
            f"blanks at its ends, or text outside ASCII); its length is {len(text)}"
        )
    return Secret(text)
