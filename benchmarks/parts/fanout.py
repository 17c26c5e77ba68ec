"""A fan-out of notes: what it holds in memory, however long, and how fast it is beside a plain loop of calls."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Final

from aiocc import Note
from benchmarks.backends import Backend
from benchmarks.bench import Bench
from benchmarks.contenders.typed_call import TypedCall, make
from benchmarks.job import Job, say
from benchmarks.machine import peak_rss
from benchmarks.note import CONTENT
from benchmarks.results import Results

CONCURRENCY: Final = 16
CONNECTIONS: Final = 20
"""Of which a bulk run may have nine tenths: none waits for a slot, in either way."""

IN_A_REQUEST: Final = 100
IN_A_NOTE: Final = 10_000
FIRST: Final = 101


async def work(job: Job, backend: Backend) -> None:
    """Send to so many receivers, either way."""
    contender = make(job.target)
    receivers = int(job.extra["receivers"])
    await contender.call()
    began = perf_counter()
    if job.contender == "fan-out":
        await _fan_out(contender, receivers)
    else:
        await _plain_loop(contender, receivers, backend)
    elapsed = perf_counter() - began
    await contender.close()
    say(per_second=receivers / IN_A_REQUEST / elapsed, peak_mb=peak_rss() / 1e6)


def run(bench: Bench, results: Results) -> None:
    """Measure each in a process of its own, in turns."""
    rounds, few, many = (1, 1_000, 20_000) if bench.options.quick else (3, 10_000, 1_000_000)
    growth: list[float] = []
    speed: list[float] = []
    rate: list[float] = []
    for _ in range(rounds):
        short, long, loop = (
            bench.once(bench.job("fanout", name, connections=CONNECTIONS, receivers=receivers))
            for name, receivers in (("fan-out", few), ("fan-out", many), ("loop", many))
        )
        growth.append(long["peak_mb"] - short["peak_mb"])
        speed.append(long["per_second"] / loop["per_second"])
        rate.append(long["per_second"])
    results.parts["fanout"] = {
        "receivers": float(many),
        "requests a second": median(rate),
        "growth MB": median(growth),
        "of the plain loop's speed": median(speed),
    }


async def _fan_out(contender: TypedCall, receivers: int) -> None:
    report = await contender.agent.send_notes(_notes(receivers), concurrency=CONCURRENCY)
    if not report.complete or report.accepted != receivers:
        raise RuntimeError(f"{report.accepted} of {receivers} receivers were accepted")


async def _plain_loop(contender: TypedCall, receivers: int, backend: Backend) -> None:
    groups = _groups(receivers)

    async def send() -> None:
        for group in groups:
            await contender.agent.send_note(group, CONTENT)

    await backend.together([send] * CONCURRENCY)


def _notes(receivers: int) -> Iterator[Note]:
    """Give notes of at most ten thousand receivers: there are fewer agent ids than a million."""
    for start in range(0, receivers, IN_A_NOTE):
        yield Note(range(FIRST, FIRST + min(IN_A_NOTE, receivers - start)), CONTENT)


def _groups(receivers: int) -> Iterator[range]:
    for _ in range(0, receivers, IN_A_NOTE):
        for start in range(FIRST, FIRST + min(IN_A_NOTE, receivers), IN_A_REQUEST):
            yield range(start, start + IN_A_REQUEST)
