"""The campaign of cancellations: every loop, TLS and plain, cold and warm, through every face."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from .progress import Progress
from .storm import Tally, cell_of, run_round, storm_server

DEFAULT = 1_000_000
ROUND = 1_000


def run(seed: int, count: int) -> list[str]:
    """Cancel so many calls, in rounds numbered from `seed`; gives what was left stuck."""
    progress = Progress("cancel", "cancellations", count)
    total = Tally()
    cells: Counter[str] = Counter()
    number = seed
    with tempfile.TemporaryDirectory() as folder, storm_server(Path(folder)) as server:
        while total.cancelled < count:
            tally = run_round(number, server, min(ROUND, count - total.cancelled))
            total.add(tally)
            cells[str(cell_of(number))] += tally.cancelled
            for one in tally.stuck:
                sys.stdout.write(f"STUCK {one}\n")
            number += 1
            progress.reach(total.cancelled, number)
    progress.end(number)
    for cell, cancelled in sorted(cells.items()):
        sys.stdout.write(f"  {cell:20} {cancelled:>10,}\n")
    phases = ", ".join(f"{phase} {cancelled:,}" for phase, cancelled in total.phases.most_common())
    sys.stdout.write(f"  completed beside them: {total.completed:,}; at the native face cancelled at: {phases}\n")
    return total.stuck
