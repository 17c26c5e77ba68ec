"""What a run measures, from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.backends import LOOPS
from benchmarks.contenders import CONTENDERS

PARTS: Final = ("calls", "neighbour", "idle", "imports", "construction", "fanout", "journal")


@dataclass(frozen=True)
class Options:
    """One run.

    Attributes:
        parts: Of `PARTS`.
        only: Contenders.
        loops: Of `LOOPS`.
        levels: Tasks in flight, and connections allowed.
        tls: True for TLS, False for plain, or both.
        rounds: How often the contenders take turns.
        seconds: Length of a period.
        quick: Whether all parts are cut short: for function, not for figures.
        keep: Whether the figures become the baseline.
        json: Where to write everything.
        picture: Where to draw.
    """

    parts: tuple[str, ...]
    only: tuple[str, ...]
    loops: tuple[str, ...]
    levels: tuple[int, ...]
    tls: tuple[bool, ...]
    rounds: int
    seconds: float
    quick: bool
    keep: bool
    json: Path | None
    picture: Path | None


def parse(argv: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    given = _parser().parse_args(argv)
    quick = given.quick
    modes = (True,) if given.tls and not given.plain else (False,) if given.plain and not given.tls else (True, False)
    return Options(
        parts=tuple(part for part in PARTS if part in given.parts) or PARTS,
        only=given.only or tuple(CONTENDERS),
        loops=given.loops or LOOPS,
        levels=given.c or ((10,) if quick else (1, 10, 100, 1000)),
        tls=modes,
        rounds=given.rounds or (2 if quick else 5),
        seconds=given.seconds or (0.1 if quick else 1.0),
        quick=quick,
        keep=given.keep,
        json=given.json,
        picture=given.picture,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What a call costs, beside others.")
    add = parser.add_argument
    add("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}; all without any")
    add("--quick", action="store_true", help="everything cut short, within a minute: for function, not for figures")
    add("--only", type=_names(CONTENDERS), metavar="A,B", help=f"contenders: {', '.join(CONTENDERS)}")
    add("--loops", type=_names(LOOPS), metavar="A,B", help=f"of {', '.join(LOOPS)}")
    add("--c", type=_levels, metavar="N,M", help="tasks in flight, and connections allowed: 1,10,100,1000")
    add("--tls", action="store_true", help="TLS alone")
    add("--plain", action="store_true", help="plain http alone")
    add("--rounds", type=_count, help="how often the contenders take turns: 5")
    add("--seconds", type=_length, help="length of a period: 1")
    add("--json", type=Path, metavar="FILE", help="write everything there")
    add("--picture", type=Path, metavar="FILE", help="draw there, .png or .svg (needs matplotlib)")
    add("--keep", action="store_true", help="make these figures the baseline")
    return parser


def _names(known: Iterable[str]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        names = tuple(filter(None, (part.strip() for part in text.split(","))))
        if not names or not set(names) <= set(known):
            raise argparse.ArgumentTypeError(f"{text!r}: expected some of {', '.join(known)}")
        return names

    return read


def _levels(text: str) -> tuple[int, ...]:
    levels = tuple(int(part) for part in text.split(","))
    if min(levels) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected whole numbers over 0")
    return levels


def _count(text: str) -> int:
    (count,) = _levels(text)
    return count


def _length(text: str) -> float:
    length = float(text)
    if not 0.01 <= length <= 60:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds, 0.01 to 60")
    return length
