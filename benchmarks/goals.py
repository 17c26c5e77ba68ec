"""What is to be reached, as data, and how far it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.results import Cell, Results

AGAINST: Final = (
    ("httpx", {1: 2.0, 100: 30.0, 1000: 40.0}),
    ("aiohttp", {1: 1.2, 100: 1.5, 1000: 1.5}),
    ("pyreqwest", {1: 0.8, 100: 0.8, 1000: 0.8}),
    ("limit", {1: 0.6, 100: 0.6, 1000: 0.6}),
)
"""How many times the speed of a bare call over TLS on plain asyncio the whole typed call is to have, by load."""

REACHED: Final = "reached"


@dataclass(frozen=True)
class Goal:
    """One figure to reach.

    Attributes:
        wanted: The bound.
        figure: What was measured; None where it was not.
        unit: After both.
        at_least: Whether more is better.
    """

    name: str
    wanted: float
    figure: float | None
    unit: str = ""
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """Say whether it was reached, or by how much not."""
        if self.figure is None:
            return "not measured"
        short = self.wanted - self.figure if self.at_least else self.figure - self.wanted
        return REACHED if short <= 0 else f"**short by {short:,.2f}{self.unit}** ({short / self.wanted:.0%})"


def goals(results: Results) -> Iterator[Goal]:
    """Give every goal with its figure."""
    for name, bounds in AGAINST:
        for level, bound in bounds.items():
            ratio = results.ratio(_ours(level), _ours(level)._replace(contender=name))
            yield Goal(f"typed call against bare {name}, c={level}", bound, ratio, "x", at_least=True)
    yield from _flatness(results)
    yield Goal("slow neighbour changes the median by", 10, _absolute(results.part("neighbour", "aiocc change %")), " %")
    yield Goal("idle TLS connections, memory against the limit", 1.2, results.part("idle", "ratio"), "x")
    yield Goal("import, against httpx, attrs, cattrs, anyio", 1.15, results.part("imports", "ratio"), "x")
    yield Goal("a Client after the first", 1, results.part("construction", "further ms"), " ms")
    yield Goal("fan-out, memory over a short one's", 20, results.part("fanout", "growth MB"), " MB")
    speed = results.part("fanout", "of the plain loop's speed")
    yield Goal("fan-out, against the plain loop", 0.9, speed, "x", at_least=True)
    yield Goal("a journal, for each request", 1, results.part("journal", "cost ms"), " ms")
    kept = results.part("journal", "of the speed without")
    yield Goal("fan-out with a journal, against one without", 0.8, kept, "x", at_least=True)


def _flatness(results: Results) -> Iterator[Goal]:
    """Give what is to stay flat at a thousand calls in flight."""
    ours, few = _ours(1000), _ours(10)
    yield Goal("CPU per call, c=1000 against c=10", 1.3, results.ratio(ours, few, "cpu_us"), "x")
    p50, p99 = results.median(ours, "p50_ms"), results.median(ours, "p99_ms")
    yield Goal("p99 latency against the median, c=1000", 2, p99 / p50 if p50 and p99 else None, "x")
    yield Goal("longest stall, c=1000", 20, results.median(ours, "stall_ms"), " ms")
    against = results.ratio(ours, ours._replace(contender="limit"), "stall_ms")
    yield Goal("longest stall against the limit's, c=1000", 1.2, against, "x")


def _ours(level: int) -> Cell:
    return Cell("aiocc", True, "asyncio", level)


def _absolute(value: float | None) -> float | None:
    return None if value is None else abs(value)
