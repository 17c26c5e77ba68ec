"""A closed load: so many tasks, each calling again as soon as its call has ended."""

from __future__ import annotations

import gc
from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Final

from benchmarks.backends import Backend
from benchmarks.machine import cpu_seconds, peak_rss

PROBE: Final = 0.002
"""Seconds between two looks at the clock: what comes later than that, the event loop was busy."""

LOOK: Final = 0.05
PATIENCE: Final = 3
"""A period goes on up to so many times its length, where fewer than two calls a task have ended."""

Call = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Figures:
    """What one period has shown.

    Attributes:
        per_second: Calls that ended, a second.
        cpu_us: The client's processor time for each, threads included, in microseconds.
        p50_ms: Median latency.
        p99_ms: And of the slowest hundredth.
        stall_ms: The longest time in which the event loop served nobody else.
        server: Share of its core that the server used, 0 to 1; -1 where it is not known.
        rss_mb: The most memory that the client's process has held so far.
    """

    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    stall_ms: float
    server: float
    rss_mb: float


@dataclass
class Meter:
    """Counts while it is on."""

    server_pids: Sequence[int]
    latencies: array[float] = field(default_factory=lambda: array("d"))
    stall: float = 0.0
    done: bool = False

    def start(self) -> None:
        """Forget what was, and count from here."""
        del self.latencies[:]
        self.stall = 0.0
        self._server = cpu_seconds(self.server_pids)
        self._cpu = process_time()
        self.began = perf_counter()

    def stop(self) -> Figures:
        """Say what was counted."""
        elapsed = perf_counter() - self.began
        cpu = process_time() - self._cpu
        server = cpu_seconds(self.server_pids)
        self.done = True
        ordered = sorted(self.latencies)
        calls = len(ordered)
        if not calls:
            raise RuntimeError(f"no call ended within {elapsed:.1f} s")
        return Figures(
            per_second=calls / elapsed,
            cpu_us=cpu / calls * 1e6,
            p50_ms=ordered[calls // 2] * 1e3,
            p99_ms=ordered[min(calls - 1, calls * 99 // 100)] * 1e3,
            stall_ms=self.stall * 1e3,
            server=(server - self._server) / elapsed if server is not None and self._server is not None else -1.0,
            rss_mb=peak_rss() / 2**20,
        )


async def warm(call: Call, backend: Backend, tasks: int) -> None:
    """Call once alone, then from all tasks at the same moment, so that every connection is open."""

    async def twice() -> None:
        await call()
        await call()

    await call()
    await backend.together([twice] * tasks)


async def measure(call: Call, backend: Backend, tasks: int, seconds: float, server_pids: Sequence[int] = ()) -> Figures:
    """Measure one period under full load, after a run-up of a fifth of it."""
    meter = Meter(server_pids)
    figures: list[Figures] = []

    async def drive() -> None:
        clock, note = perf_counter, meter.latencies.append
        while not meter.done:
            began = clock()
            await call()
            note(clock() - began)

    async def probe() -> None:
        while not meter.done:
            began = perf_counter()
            await backend.sleep(PROBE)
            meter.stall = max(meter.stall, perf_counter() - began - PROBE)

    async def conduct() -> None:
        await backend.sleep(max(seconds / 5, LOOK))
        meter.start()
        await backend.sleep(seconds)
        while len(meter.latencies) < 2 * tasks and perf_counter() - meter.began < PATIENCE * seconds:
            await backend.sleep(LOOK)
        figures.append(meter.stop())

    gc.collect()
    await backend.together([*[drive] * tasks, probe, conduct])
    return figures[0]
