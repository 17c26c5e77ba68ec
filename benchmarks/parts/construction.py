"""How long a `Client` takes after the first in a process, and how long until its first call has ended."""

from __future__ import annotations

from statistics import median
from time import perf_counter

from benchmarks.backends import Backend
from benchmarks.bench import Bench
from benchmarks.contenders.typed_call import make
from benchmarks.job import Job, say
from benchmarks.results import Results


async def work(job: Job, backend: Backend) -> None:
    """Make clients, use each once, close them."""
    made: list[float] = []
    called: list[float] = []
    for _ in range(int(job.extra["count"]) + 1):
        began = perf_counter()
        contender = make(job.target)
        made.append(perf_counter() - began)
        await contender.call()
        called.append(perf_counter() - began)
        await contender.close()
    say(
        first_ms=made[0] * 1e3,
        further_ms=median(made[1:]) * 1e3,
        first_with_call_ms=called[0] * 1e3,
        further_with_call_ms=median(called[1:]) * 1e3,
    )


def run(bench: Bench, results: Results) -> None:
    """Measure in a process of its own."""
    facts = bench.once(bench.job("construction", "aiocc", count=5 if bench.options.quick else 100))
    results.parts["construction"] = {name.replace("_", " "): value for name, value in facts.items()}
