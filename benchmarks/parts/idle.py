"""What open idle TLS connections hold in memory, beside the bare protocol's."""

from __future__ import annotations

import ctypes
import gc
import sys
from statistics import median

from benchmarks.backends import Backend
from benchmarks.bench import Bench
from benchmarks.contenders import make
from benchmarks.job import Job, say
from benchmarks.machine import open_sockets, rss
from benchmarks.results import Results


async def work(job: Job, backend: Backend) -> None:
    """Open connections by calls at the same moment, and see what they leave."""
    contender = make(job.contender, job.target)
    await contender.open()
    await contender.call()
    sockets = open_sockets()
    before = _settled()
    await backend.together([contender.call] * job.target.connections)
    await backend.sleep(0.2)
    after = _settled()
    opened = open_sockets() - sockets
    await contender.close()
    if opened < job.target.connections * 0.9:
        say(failed=f"only {opened} connections were open")
    else:
        say(kib_each=(after - before) / opened / 1024)


def run(bench: Bench, results: Results) -> None:
    """Measure in turns."""
    rounds, connections = (1, 200) if bench.options.quick else (5, 1000)
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(rounds):
        for name, found in (("aiocc", ours), ("limit", bare)):
            found.append(bench.once(bench.job("idle", name, connections=connections))["kib_each"])
    results.parts["idle"] = {
        "connections": float(connections),
        "aiocc KiB each": median(ours),
        "limit KiB each": median(bare),
        "ratio": median(one / two for one, two in zip(ours, bare, strict=True)),
    }


def _settled() -> int:
    """Give the memory held, once what is free has gone back to the system."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
    return rss()
