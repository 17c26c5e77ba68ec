"""How far a fan-out has come, while it runs: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from aiocc.cli.output import complain, count
from aiocc.delivery import Delivery
from aiocc.scopes.notes import NoteOutcome, Report

LINE_EVERY = 2.0
"""Seconds between two lines of progress where the output is piped."""

DRAW_EVERY = 0.1
"""Seconds between two changes of the bar."""


@contextmanager
def progress(total: int) -> Iterator[Callable[[Report], None]]:
    """Show a bar with rate, rest and counts on a terminal; a plain line now and then where stderr is piped."""
    console = Console(stderr=True)
    began = time.monotonic()
    if not console.is_terminal:
        last = began

        def line(report: Report) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= LINE_EVERY:
                last = now
                complain(f"aiocc: {report.requests:,} of {count(total, 'request')}; {_counts(report)}")

        yield line
        return
    done = TextColumn("{task.completed}/{task.total} requests  {task.fields[said]}")
    columns = (BarColumn(), done, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total, said="")

        drawn = 0.0

        def told(report: Report) -> None:
            nonlocal drawn
            now = time.monotonic()
            if now - drawn < DRAW_EVERY and report.requests < total:
                return
            drawn = now
            rate = report.requests / max(now - began, 0.001)
            bar.update(task, completed=report.requests, said=f"{rate:,.0f}/s  {_counts(report)}")

        yield told


def _counts(report: Report) -> str:
    """Say how many receivers have got how far; a report counts those on their way as unknown."""
    on_their_way = sum(len(outcome.to) for outcome in takewhile(_is_on_its_way, reversed(report.unsettled)))
    counts = {delivery.value.replace("_", " "): number for delivery, number in report.receivers.items()}
    counts[Delivery.UNKNOWN.value] = report.receivers.get(Delivery.UNKNOWN, 0) - on_their_way
    said = {**counts, "on their way": on_their_way}
    return "receivers: " + (", ".join(f"{number:,} {what}" for what, number in said.items() if number) or "none yet")


def _is_on_its_way(outcome: NoteOutcome) -> bool:
    return outcome.delivery is Delivery.UNKNOWN and outcome.reason is None and not outcome.earlier
