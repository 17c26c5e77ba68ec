"""What a journal costs a fan-out: the same requests with one and without, to a host that answers after 5 ms."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from aiocc import Client, Note, PoolLimits, Service
from benchmarks.backends import Backend
from benchmarks.bench import Bench
from benchmarks.job import Job, say
from benchmarks.note import AGENT, CONTENT, GUID
from benchmarks.results import Results

DELAY: Final = 0.005
CONCURRENCY: Final = 16
CONNECTIONS: Final = 20
"""Of which a bulk run gets nine tenths."""

FIRST: Final = 101
IN_A_REQUEST: Final = 100


async def work(job: Job, backend: Backend) -> None:
    """Send so many requests, keeping account or not."""
    del backend
    requests = int(job.extra["requests"])
    notes = [Note(range(FIRST, FIRST + IN_A_REQUEST), CONTENT)] * requests
    service = Service(job.extra["late"], pool=PoolLimits(max_connections=CONNECTIONS))
    with tempfile.TemporaryDirectory(prefix="aiocc-bench-") as folder:
        path = Path(folder) / "run.db" if job.contender == "with" else None
        async with Client(gateway=service) as client:
            agent = client.agent(AGENT, guid=GUID)
            await agent.send_notes(notes[:CONCURRENCY], concurrency=CONCURRENCY)
            began = perf_counter()
            report = await agent.send_notes(notes, concurrency=CONCURRENCY, journal=path)
            elapsed = perf_counter() - began
    if report.accepted != requests * IN_A_REQUEST:
        raise RuntimeError(f"{report.accepted} receivers were accepted")
    say(each_ms=elapsed / requests * CONCURRENCY * 1000)


def run(bench: Bench, results: Results) -> None:
    """Measure both in processes of their own, in turns."""
    late = bench.server.start_late(DELAY)
    rounds, requests = (1, 200) if bench.options.quick else (5, 5_000)
    without: list[float] = []
    kept: list[float] = []
    for _ in range(rounds):
        for name, found in (("without", without), ("with", kept)):
            job = bench.job("journal", name, connections=CONNECTIONS, requests=requests, late=late)
            found.append(bench.once(job)["each_ms"])
    pairs = list(zip(without, kept, strict=True))
    results.parts["journal"] = {
        "ms a request, without": median(without),
        "ms a request, with": median(kept),
        "cost ms": median(two - one for one, two in pairs),
        "of the speed without": median(one / two for one, two in pairs),
    }
