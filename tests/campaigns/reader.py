"""The campaign of mutated answers: whatever comes is an answer within its limits, or a fault of ours."""

from __future__ import annotations

import random

from tests.transport.corpus import CORPUS

from .kernel import peak_memory
from .mutation import by_seed, differs_after, outcome_of
from .progress import Progress

DEFAULT = 10_000_000
BLOCK = 10_000
"""Answers made by one seed."""

ROOM = 64.0
"""MiB by which reading may raise the peak of memory."""


def run(seed: int, count: int) -> list[str]:
    """Read so many mutated answers, in blocks of one seed each; gives what went wrong."""
    progress = Progress("reader", "mutated answers", count)
    corpus = [case.data for case in CORPUS if len(case.data) < 2_000]
    found: list[str] = []
    held = peak_memory()
    done = 0
    while done < count:
        rng = random.Random(seed)  # noqa: S311 - nothing secret
        for _ in range(min(BLOCK, count - done)):
            before, data = by_seed(corpus, rng)
            cut, head = rng.randrange(len(data) + 1), rng.random() < 0.1
            try:
                outcome_of([data[:cut], data[cut:]], head)
                if difference := differs_after(before, data, head):
                    found.append(f"seed {seed}: {difference}, HEAD: {head}")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                found.append(f"seed {seed}: {error!r} for {data[:500]!r} cut at {cut}, HEAD: {head}")
            done += 1
        seed += 1
        progress.reach(done, seed)
    if peak_memory() - held > ROOM:
        found.append(f"memory rose by {peak_memory() - held:.0f} MiB")
    progress.end(seed)
    return found
