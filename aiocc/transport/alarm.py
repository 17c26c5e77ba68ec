"""Being called by the event loop itself when a time has come, without a task that waits for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from aiocc.transport.place import Place


class Alarm:
    """Rings once at the time set, unless set anew, in the place where it was made and nowhere else.

    On asyncio it is a timer of the loop. Trio has none: there it is an instrument, which the loop calls at each of
    its turns. So a trio loop that sleeps is not woken, and rings at its next turn.

    Args:
        place: The event loop.
        ring: Told the time.
    """

    __slots__ = ("_place", "_ring", "_timer", "when")

    def __init__(self, place: Place, ring: Callable[[float], None]) -> None:
        self._place = place
        self._ring = ring
        self._timer: Any = None
        self.when: float | None = None

    def set(self, when: float) -> None:
        """Ring at a time of the loop's clock, and not at the one set before."""
        self.cancel()
        self.when = when
        loop = self._place.asyncio_loop
        if loop is not None:
            self._timer = loop.call_at(when, self._rings)
        else:
            self._timer = _AtTurn(when, self._place.clock, self._rings)

    def cancel(self) -> None:
        """Do not ring."""
        timer, self._timer, self.when = self._timer, None, None
        if timer is not None:
            timer.cancel()

    def _rings(self) -> None:
        self._timer = self.when = None
        if self._place.is_this_process():  # a child that goes on in its parent's loop leaves the parent's sockets alone
            self._ring(self._place.clock())


class _AtTurn:
    """An instrument of trio's that calls at the first turn of the loop from a time on."""

    def __init__(self, when: float, clock: Callable[[], float], rings: Callable[[], None]) -> None:
        self._lowlevel: Any = importlib.import_module("trio.lowlevel")
        self._when = when
        self._clock = clock
        self._rings = rings
        self._lowlevel.add_instrument(self)

    def before_io_wait(self, _timeout: float) -> None:
        """The loop has done all there was to do."""
        if self._clock() >= self._when:
            self.cancel()
            self._rings()

    def cancel(self) -> None:
        """Leave the loop."""
        self._lowlevel.remove_instrument(self)
