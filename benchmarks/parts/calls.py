"""Calls per second: contenders take turns, each in a process of its own that keeps its connections between turns."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict

from benchmarks import backends
from benchmarks.backends import Backend
from benchmarks.bench import Bench, Failed, Worker, tell
from benchmarks.contenders import CONTENDERS, NotMeasured, make
from benchmarks.job import Job, commands, say
from benchmarks.load import Figures, measure, warm
from benchmarks.results import Cell, Results, wire


async def work(job: Job, backend: Backend) -> None:
    """Measure a period for each command."""
    contender = make(job.contender, job.target)
    await contender.open()
    tasks = job.target.connections
    try:
        await warm(contender.call, backend, tasks)
        say(ready=True)
        for _ in commands():
            say(**asdict(await measure(contender.call, backend, tasks, job.seconds, job.server_pids)))
    finally:
        await contender.close()


def run(bench: Bench, results: Results) -> None:
    """Measure every cell that was asked for."""
    options = bench.options
    for loop in options.loops:
        reason = backends.missing(loop)
        if reason is not None:
            results.absent[loop] = reason
            continue
        for tls in options.tls:
            for level in options.levels:
                began = time.monotonic()
                _group(bench, results, tls=tls, loop=loop, level=level)
                tell(f"{wire(tls=tls)}, {loop}, c={level}: {time.monotonic() - began:.0f} s")


def _group(bench: Bench, results: Results, *, tls: bool, loop: str, level: int) -> None:
    """Let the contenders take turns under one load."""
    with ExitStack() as stack:
        workers: dict[Cell, Worker] = {}
        for name in _present(bench.options.only, loop, results):
            cell = Cell(name, tls, loop, level)
            job = bench.job("calls", name, loop=loop, connections=level, tls=tls)
            worker = stack.enter_context(Worker(job))
            try:
                worker.hear()
            except NotMeasured as absent:
                results.absent[name] = str(absent)
            except Failed as failed:
                results.failures[str(cell)] = str(failed)
            else:
                workers[cell] = worker
        for number in range(bench.options.rounds):
            _round(workers, results, number)


def _present(names: Iterable[str], loop: str, results: Results) -> Iterator[str]:
    """Give those that know this kind of loop and are installed."""
    for name in names:
        reason = CONTENDERS[name].missing()
        if reason is not None:
            results.absent[name] = reason
        elif CONTENDERS[name].runs_on(loop) and name not in results.absent:
            yield name


def _round(workers: dict[Cell, Worker], results: Results, number: int) -> None:
    """Let each have one period; who begins changes from round to round."""
    cells = list(workers)
    first = number % len(cells) if cells else 0
    for cell in cells[first:] + cells[:first]:
        try:
            figures = Figures(**workers[cell].go())
        except Failed as failed:
            results.failures[str(cell)] = str(failed)
            del workers[cell]
        else:
            results.cells.setdefault(cell, []).append(figures)
