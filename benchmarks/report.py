"""Everything in Markdown: tables of calls per second, the details, the other parts, the goals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.contenders import CONTENDERS
from benchmarks.goals import REACHED, goals
from benchmarks.results import Cell, Results, wire

BOUND = 0.9
"""A server that used more than this share of its core may have been the bottleneck; its figures are marked."""


def report(results: Results) -> str:
    """Write it."""
    return "\n".join([*_sections(results), ""])


def _sections(results: Results) -> Iterator[str]:
    yield f"{results.machine}."
    if results.cells:
        yield (
            "Calls per second: median over the rounds, ± half of what lies between the extremes; "
            "c calls in flight = connections allowed."
        )
        busiest = max(one.server for rounds in results.cells.values() for one in rounds)
        marked = f"; ‡ marks cells where it was over {BOUND:.0%}" if busiest > BOUND else ""
        yield f"The server never used more than {busiest:.0%} of its core{marked}." if busiest >= 0 else ""
    for tls, loop in dict.fromkeys((cell.tls, cell.loop) for cell in results.cells):
        yield from _speeds(results, tls=tls, loop=loop)
    if results.cells:
        yield from _details(results)
    if results.parts:
        yield from _parts(results)
    if results.absent or results.failures:
        yield "\n### Not measured\n"
        yield from (f"- {name}: {reason}" for name, reason in results.absent.items())
        yield from (f"- {name}: failed: {reason}" for name, reason in results.failures.items())
    yield from _goals(results)


def _speeds(results: Results, *, tls: bool, loop: str) -> Iterator[str]:
    """One table: a row for each contender, a column for each load."""
    levels = results.levels(lambda cell: (cell.tls, cell.loop) == (tls, loop))
    yield f"\n### {wire(tls=tls)}, {loop}\n"
    yield from _head("calls per second", *(f"c={level}" for level in levels))
    for name in CONTENDERS:
        cells = [Cell(name, tls, loop, level) for level in levels]
        if any(cell in results.cells for cell in cells):
            yield _row(_title(name), *(_speed(results, cell) for cell in cells))


def _speed(results: Results, cell: Cell) -> str:
    value = results.median(cell, "per_second")
    if value is None:
        return "-"
    bound = " ‡" if (results.median(cell, "server") or 0) > BOUND else ""
    return f"{value:,.0f} ±{results.spread(cell, 'per_second'):.0%}{bound}"


def _details(results: Results) -> Iterator[str]:
    yield "\n### Each cell\n"
    yield from _head(
        "cell", "calls/s", "CPU µs a call", "p50 ms", "p99 ms", "longest stall ms", "peak RSS MiB", "server's core"
    )
    for cell in results.cells:
        cpu, p50, p99, stall, rss, server = (
            results.median(cell, name) or 0.0 for name in ("cpu_us", "p50_ms", "p99_ms", "stall_ms", "rss_mb", "server")
        )
        share = f"{server:.0%}" if server >= 0 else "-"
        yield _row(
            str(cell), _speed(results, cell), f"{cpu:,.0f}", f"{p50:,.2f}", f"{p99:,.2f}", f"{stall:,.1f}",
            f"{rss:,.0f}", share,
        )  # fmt: skip


def _parts(results: Results) -> Iterator[str]:
    yield "\n### The other parts\n"
    yield from _head("part", "figure", "value")
    for part, found in results.parts.items():
        for name, value in found.items():
            yield _row(part, name, f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}")


def _goals(results: Results) -> Iterator[str]:
    """Show the goals whose figures were measured."""
    measured = [goal for goal in goals(results) if goal.figure is not None]
    if not measured:
        return
    yield "\n### Goals: the whole typed call over TLS on plain asyncio\n"
    yield from _head("goal", "to reach", "figure", "")
    for goal in measured:
        sign = "≥" if goal.at_least else "≤"
        yield _row(goal.name, f"{sign} {goal.wanted:g}{goal.unit}", f"{goal.figure:,.2f}{goal.unit}", goal.verdict)
    reached = sum(goal.verdict == REACHED for goal in measured)
    unmeasured = sum(1 for _ in goals(results)) - len(measured)
    yield f"\n{reached} of {len(measured)} reached{f', {unmeasured} not measured' if unmeasured else ''}."


def _title(name: str) -> str:
    return f"**{CONTENDERS[name].title}**" if name == "aiocc" else CONTENDERS[name].title


def _head(*names: str) -> Iterable[str]:
    return _row(*names), _row("---", *["---:"] * (len(names) - 1))


def _row(*values: str) -> str:
    return f"| {' | '.join(values)} |"
