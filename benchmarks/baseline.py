"""The kept baseline, so that later work can say what it cost."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.results import Cell, Results, wire

FILE: Final = Path(__file__).with_name("baseline.json")
WANTED: Final = Cell("aiocc", True, "asyncio", 100)


def summary(results: Results) -> str:
    """Say in one line what became of the typed call's speed."""
    kept = _read()
    if kept is None:
        return "baseline: none kept (--keep writes one)"
    before = {Cell(*entry["cell"]): entry["per_second"] for entry in kept["cells"]}
    common = [cell for cell in results.cells if cell in before and cell.contender == "aiocc"]
    if not common:
        return "baseline: no cell of the typed call in common"
    cell = WANTED if WANTED in common else common[0]
    now = results.median(cell, "per_second")
    assert now is not None
    line = (
        f"baseline: typed call {wire(tls=cell.tls)} {cell.loop} c={cell.level} "
        f"{before[cell]:,.0f}/s -> {now:,.0f}/s ({now / before[cell] - 1:+.1%})"
    )
    elsewhere = "" if kept["machine"] == results.machine else f", kept on another machine or server: {kept['machine']}"
    return line + elsewhere


def keep(results: Results) -> None:
    """Make these figures the baseline."""
    cells = [
        {
            "cell": list(cell),
            "per_second": round(median(one.per_second for one in rounds), 1),
            "cpu_us": round(median(one.cpu_us for one in rounds), 2),
            "p50_ms": round(median(one.p50_ms for one in rounds), 3),
            "p99_ms": round(median(one.p99_ms for one in rounds), 3),
        }
        for cell, rounds in results.cells.items()
    ]
    parts = {part: {name: round(value, 3) for name, value in found.items()} for part, found in results.parts.items()}
    lines = ",\n  ".join(json.dumps(cell) for cell in cells)
    FILE.write_text(
        f'{{"machine": {json.dumps(results.machine)},\n "parts": {json.dumps(parts)},\n "cells": [\n  {lines}\n ]}}\n',
        "utf-8",
    )


def _read() -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    except FileNotFoundError:
        return None
    return kept
