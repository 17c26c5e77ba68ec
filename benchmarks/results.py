"""What a run has shown: cells with a figure for each round, and ratios within a round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, NamedTuple

from benchmarks.load import Figures


class Cell(NamedTuple):
    """One contender under one load."""

    contender: str
    tls: bool
    loop: str
    level: int

    def __str__(self) -> str:
        return f"{self.contender} {wire(tls=self.tls)} {self.loop} c={self.level}"


def wire(*, tls: bool) -> str:
    """Name what is under HTTP."""
    return "TLS" if tls else "plain"


@dataclass
class Results:
    """Everything a run has shown.

    Attributes:
        machine: Its name.
        cells: A figure for each round.
        absent: Why a contender was not measured.
        failures: What went wrong, by cell or part.
        parts: Figures of the other parts, by part and name.
    """

    machine: str
    cells: dict[Cell, list[Figures]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    parts: dict[str, dict[str, float]] = field(default_factory=dict)

    def median(self, cell: Cell, figure: str) -> float | None:
        """Give the median over the rounds."""
        rounds = self.cells.get(cell)
        return median(getattr(one, figure) for one in rounds) if rounds else None

    def spread(self, cell: Cell, figure: str) -> float:
        """Give half the distance of the extremes, as a share of the median."""
        values = [getattr(one, figure) for one in self.cells[cell]]
        middle = median(values)
        return (max(values) - min(values)) / 2 / middle if middle else 0.0

    def ratio(self, cell: Cell, other: Cell, figure: str = "per_second") -> float | None:
        """Give the median of the ratios within each round."""
        mine, theirs = self.cells.get(cell), self.cells.get(other)
        if not mine or not theirs:
            return None
        pairs = zip(mine, theirs, strict=False)
        ratios = [getattr(one, figure) / getattr(two, figure) for one, two in pairs if getattr(two, figure)]
        return median(ratios) if ratios else None

    def part(self, part: str, name: str) -> float | None:
        """Give a figure of another part."""
        return self.parts.get(part, {}).get(name)

    def levels(self, accept: Callable[[Cell], bool] = lambda _: True) -> list[int]:
        """Give the loads that were measured."""
        return sorted({cell.level for cell in self.cells if accept(cell)})

    def dump(self) -> dict[str, Any]:
        """Give everything as JSON values."""
        return {
            "machine": self.machine,
            "cells": [{**cell._asdict(), "rounds": [asdict(one) for one in self.cells[cell]]} for cell in self.cells],
            "absent": self.absent,
            "failures": self.failures,
            "parts": self.parts,
        }
