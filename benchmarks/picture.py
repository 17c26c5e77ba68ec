"""The picture: calls per second by load, over TLS on plain asyncio."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import CONTENDERS
from benchmarks.results import Cell, Results

COLOURS: Final = {
    "httpx": "#c9ced6",
    "httpx-aiohttp": "#aab4c0",
    "aiohttp": "#8795a6",
    "pyreqwest": "#c98a4b",
    "limit": "#ffffff",
    "pool": "#7fb6a8",
    "aiocc": "#0b7a63",
}

_UNDATED: Final = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}
"""A picture that is drawn anew from the same figures stays the same file."""


def draw(results: Results, file: Path) -> str:
    """Draw; gives what became of it."""
    if importlib.util.find_spec("matplotlib") is None:
        return "no picture: matplotlib not installed (extra `bench`)"
    wanted = [cell for cell in results.cells if cell.tls and cell.loop == "asyncio"]
    if not wanted:
        return "no picture: nothing was measured over TLS on asyncio"
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    figure, axes = pyplot.subplots(figsize=(10, 5), layout="constrained")
    levels = results.levels(lambda cell: cell in wanted)
    names = [name for name in CONTENDERS if any(cell.contender == name for cell in wanted)]
    for number, name in enumerate(names):
        _bars(axes, results, name, levels, offset=(number - (len(names) - 1) / 2) * 0.8 / len(names), count=len(names))
    axes.set_xticks(range(len(levels)), [f"{level:,} in flight" for level in levels])
    axes.set_ylabel("calls per second")
    axes.set_title("One note over TLS on plain asyncio: aiocc's whole typed call beside bare calls", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.08))
    figure.supxlabel(results.machine, fontsize=7, color="#555555")
    figure.savefig(file, dpi=150, metadata=_UNDATED.get(file.suffix, {}))
    pyplot.close(figure)
    return f"drawn: {file.name}"


def _bars(axes: Any, results: Results, name: str, levels: list[int], *, offset: float, count: int) -> None:
    places, heights, errors = [], [], []
    for place, level in enumerate(levels):
        cell = Cell(name, True, "asyncio", level)
        value = results.median(cell, "per_second")
        if value is not None:
            places.append(place + offset)
            heights.append(value)
            errors.append(results.spread(cell, "per_second") * value)
    bars = axes.bar(
        places,
        heights,
        width=0.8 / count,
        yerr=errors,
        error_kw={"elinewidth": 0.8, "ecolor": "#444444"},
        label=CONTENDERS[name].title,
        color=COLOURS[name],
        edgecolor="#555555",
        linewidth=0.6,
        hatch="///" if name == "limit" else None,
    )
    labels = [f"{height:,.0f}" if height < 1000 else f"{height / 1000:.1f}k" for height in heights]
    axes.bar_label(bars, labels=labels, padding=2, fontsize=6.5, fontweight="bold" if name == "aiocc" else "normal")
