"""The campaign by hypothesis: the property of the reader's test, a hundred thousand times."""

from __future__ import annotations

import hypothesis

from tests.transport.test_reader import ARGUMENTS, read_alike

from .progress import Progress

DEFAULT = 100_000
BLOCK = 2_000
"""Examples tried by one seed."""


def run(seed: int, count: int) -> list[str]:
    """Try so many examples; gives what hypothesis found."""
    progress = Progress("hypothesis", "examples", count)
    found: list[str] = []
    done = 0
    while done < count:
        examples = min(BLOCK, count - done)
        settings = hypothesis.settings(max_examples=examples, database=None, deadline=None)
        try:
            settings(hypothesis.seed(seed)(hypothesis.given(*ARGUMENTS)(read_alike)))()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            found.append(f"seed {seed}: {error!r} {getattr(error, '__notes__', '')}")
        done += examples
        seed += 1
        progress.reach(done, seed)
    progress.end(seed)
    return found
