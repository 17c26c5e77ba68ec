"""Failing fast for a host that keeps refusing connections: a circuit breaker, as a pure state machine.

Closed, everything goes. After some refusals in a row it is open: nothing goes until a pause is over. Then it is half
open: one attempt goes as a probe. If that gets a connection the breaker is closed, else the next pause is twice as
long.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import Final

from aiocc.delivery import Reason
from aiocc.protocol.messages import Fault, Wire

REFUSALS: Final = frozenset(
    {Reason.CONNECTION_REFUSED, Reason.CONNECT_FAILED, Reason.CONNECT_TIMEOUT, Reason.TLS_FAILED}
)
"""What counts. A wrong certificate does not: the host is there, and its error says more than a breaker could."""

THRESHOLD: Final = 5
"""Refusals in a row, without an attempt that got a connection."""

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds."""


class State(StrEnum):
    """What a breaker lets through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


class Breaker:
    """The state of one host.

    Attributes:
        refusals: In a row.
        tripped: Whether it is not closed.
    """

    __slots__ = ("_pause", "_probe", "_until", "refusals", "tripped")

    def __init__(self) -> None:
        self.refusals: int = 0
        self.tripped: bool = False
        self._pause = 0.0
        self._until = -inf
        self._probe: Wire | None = None

    def state(self, now: float) -> State:
        """Say what it lets through now."""
        if not self._still_tripped():
            return State.CLOSED
        return State.HALF_OPEN if self._probe is not None or now >= self._until else State.OPEN

    def left(self, now: float) -> float:
        """Say in how many seconds a probe may go."""
        return max(0.0, self._until - now)

    def refuses(self, now: float) -> bool:
        """Whether an attempt would be refused now; takes nothing."""
        return self._still_tripped() and (self._probe is not None or now < self._until)

    def check(self, now: float) -> None:
        """Let nothing go to a host that keeps refusing.

        Raises:
            Fault: UNAVAILABLE.
        """
        if self.refuses(now):
            left = self.left(now)
            when = f"the next try is in {left:.1f} s" if left else "one try is on its way"
            raise Fault(Reason.UNAVAILABLE, f"{self.refusals} connections refused in a row, {when}")

    def begin_probe(self, wire: Wire) -> None:
        """One attempt goes, and no other until it has a connection, or until `end_probe`."""
        self._probe = wire

    def end_probe(self, wire: Wire) -> None:
        """The probe is over. Neither `refused` nor connected, it has shown nothing: another may go."""
        if self._still_tripped() and self._probe is wire:
            self._probe = None

    def refused(self, now: float) -> None:
        """An attempt got no connection."""
        self.refusals += 1
        # What was on its way when it tripped comes back while its pause goes on, and says nothing new.
        if self.refusals >= THRESHOLD and now >= self._until:
            self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            self._until = now + self._pause
            self.tripped = True

    def connected(self) -> None:
        """The host has answered an attempt, or taken its connection."""
        self.refusals, self.tripped, self._probe = 0, False, None
        self._pause, self._until = 0.0, -inf

    def _still_tripped(self) -> bool:
        """Take note of a probe that has got its connection, although its answer is still to come."""
        if self._probe is not None and self._probe.left:
            self.connected()
        return self.tripped
