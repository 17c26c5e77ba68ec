"""Every way in which a hostile reader of logs and reports may look at a value or an error."""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Callable, Collection, Iterator
from typing import Any

import attrs
import cattrs
from rich.pretty import pretty_repr

from aiocc.protocol.codec import CONVERTER


def leaks(value: object, canaries: Collection[str]) -> list[str]:
    """List the ways in which a value, or an error with all that hangs on it, shows a canary."""
    shown = (_of_an_error if isinstance(value, BaseException) else _of_a_value)(value)  # type: ignore[operator]
    found = []
    for way, text in shown:
        found += [f"{way} shows {canary[:12]}: {_around(text, canary)}" for canary in canaries if canary in text]
    return found


def _around(text: str, canary: str) -> str:
    at = text.index(canary)
    return text[max(0, at - 60) : at + 20]


def _of_a_value(value: object) -> Iterator[tuple[str, str]]:
    ways: dict[str, Callable[[Any], object]] = {
        "str": str,
        "repr": repr,
        "format": lambda one: f"{one} {one!r} {one!s:>5}",
        "percent": lambda one: "%s %r" % (one, one),  # noqa: UP031 - this way of formatting, too
        "pickle": lambda one: pickle.dumps(one).decode("latin-1"),
        "asdict": attrs.asdict,
        "astuple": attrs.astuple,
        "cattrs": cattrs.unstructure,
        "our converter": CONVERTER.unstructure,
        "json": lambda one: json.dumps(cattrs.unstructure(one), default=str),
        "vars": vars,
        "rich": pretty_repr,
        "list": lambda one: [one, {"key": one}],
    }
    for way, show in ways.items():
        try:
            shown = show(value)
        except Exception as error:  # noqa: BLE001 - what cannot be shown this way says so without showing it
            yield f"{way} of {type(value).__name__}, refused", f"{error!r} {error}"
        else:
            yield f"{way} of {type(value).__name__}", shown if isinstance(shown, str) else repr(shown)


def _of_an_error(error: BaseException) -> Iterator[tuple[str, str]]:
    for one in chain(error):
        name = type(one).__name__
        yield f"str of {name}", str(one)
        yield f"repr of {name}", repr(one)
        yield f"args of {name}", repr(one.args)
        yield f"attributes of {name}", repr(vars(one))
        yield f"notes of {name}", repr(getattr(one, "__notes__", None))
        try:
            yield f"pickle of {name}", pickle.dumps(one).decode("latin-1")
        except Exception as refused:  # noqa: BLE001
            yield f"pickle of {name}, refused", repr(refused)
        yield f"trace of {name}", "".join(traceback.format_exception(one))
        yield from _of_locals(one)


def _of_locals(error: BaseException) -> Iterator[tuple[str, str]]:
    """Show the variables of every frame but the tests' own, which hold the canaries."""
    report = traceback.TracebackException(type(error), error, error.__traceback__, capture_locals=True)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for summary, frame in zip(report.stack, frames, strict=True):
        if "/tests/" not in summary.filename:
            where = f"{summary.filename.rpartition('/')[2]}:{summary.name}"
            yield f"reported locals of {where}", repr(summary.locals)
            for name, value in frame.f_locals.items():
                yield f"{name} in {where}", _deep(value)


def _deep(value: object) -> str:
    """Show a variable as reports do: by its repr, and as rich does, which takes attrs objects apart by itself."""
    return f"{value!r} {pretty_repr(value, max_depth=6)}"


def chain(error: BaseException) -> list[BaseException]:
    """List an error and whatever is linked to it, also what a report would suppress."""
    waiting: list[BaseException] = [error]
    found: list[BaseException] = []
    while waiting:
        one = waiting.pop()
        if any(one is other for other in found):
            continue
        found.append(one)
        waiting += [linked for linked in (one.__cause__, one.__context__) if linked is not None]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
    return found
