"""Fan-outs of 100,000 receivers over a queue, while workers, Redis, submitters and connections die."""

from __future__ import annotations

import sys

from tests.queue.chaos import run_once

from .progress import Progress

DEFAULT = 20
RECEIVERS = 100_000


def run(seed: int, count: int) -> list[str]:
    """Run so many seeds; gives what disagrees with the inboxes."""
    progress = Progress("queue", "runs", count, every=0)
    found: list[str] = []
    for number in range(count):
        verdict = run_once(seed + number, RECEIVERS)
        sys.stdout.write(f"{verdict}\n")
        found += [f"seed {verdict.seed}: {one}" for one in verdict.wrong]
        progress.reach(number + 1, seed + number + 1)
    progress.end(seed + count)
    return found
