"""How a campaign says how far it is, how fast, and what it costs."""

from __future__ import annotations

import sys
import time

from attrs import define, field

from .kernel import peak_memory


@define
class Progress:
    """Of one campaign: time, rate and peak memory.

    Attributes:
        name: Of the campaign.
        what: It counts.
        aim: How many.
        every: Seconds between two lines.
    """

    name: str
    what: str
    aim: int
    every: float = 15.0
    done: int = 0
    _began: float = field(factory=time.monotonic)
    _said: float = field(factory=time.monotonic)

    def reach(self, done: int, next_seed: int) -> None:
        """Note how far it is; says so from time to time."""
        self.done = done
        if time.monotonic() - self._said >= self.every:
            self._said = time.monotonic()
            self._say(f"go on with --seed {next_seed}")

    def end(self, next_seed: int) -> None:
        """Say what was reached."""
        self._say(f"ended; the next seed is {next_seed}")

    def _say(self, tail: str) -> None:
        took = time.monotonic() - self._began
        sys.stdout.write(
            f"{self.name}: {self.done:,} of {self.aim:,} {self.what} in {took:,.0f} s, "
            f"{self.done / max(took, 1e-9):,.0f} a second, peak {peak_memory():,.0f} MiB; {tail}\n"
        )
        sys.stdout.flush()
