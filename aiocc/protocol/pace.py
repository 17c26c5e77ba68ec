"""So many requests a second, evenly: the generic cell rate algorithm."""

from __future__ import annotations

import math

from attrs import field, frozen

from aiocc.protocol.limits import positive


@frozen
class Rate:
    """So many requests a second, evenly (GCRA), of which `burst` may go at once.

    Attributes:
        per_second: Requests a second.
        burst: How many may go at once after a pause.
    """

    per_second: float = field(validator=positive)
    burst: float = field(default=1, validator=positive, kw_only=True)


class Pace:
    """Gives each request the moment at which it may go, by the generic cell rate algorithm.

    Args:
        rate: What is allowed.
    """

    __slots__ = ("_ahead", "_interval", "_next")

    def __init__(self, rate: Rate) -> None:
        self._interval = 1 / rate.per_second
        self._ahead = self._interval * (max(rate.burst, 1) - 1)
        self._next = -math.inf

    def reserve(self, now: float) -> float:
        """Take the next place; gives the seconds to wait for it."""
        arrival = max(self._next, now)
        self._next = arrival + self._interval
        return max(0.0, arrival - self._ahead - now)

    def wait(self, now: float, before: int = 0) -> float:
        """Say what `reserve` would give after so many others, taking nothing."""
        return max(0.0, max(self._next, now) + before * self._interval - self._ahead - now)

    def give_back(self) -> None:
        """Return a place that was not used."""
        self._next -= self._interval
