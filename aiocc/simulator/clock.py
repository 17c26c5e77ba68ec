"""The contact centre's own clock, which a test can put forward."""

import time
from email.utils import formatdate

__all__ = ["Clock"]


class Clock:
    """Tell the time: the host's at first, steady afterwards, ahead by what `advance` was given."""

    def __init__(self) -> None:
        self._epoch = time.time() - time.monotonic()
        self._ahead = 0.0

    def now(self) -> float:
        """Give the centre's time in epoch seconds."""
        return self._epoch + time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the clock forward, or back with a negative number."""
        self._ahead += seconds

    def reset(self) -> None:
        """Show the host's time again."""
        self._ahead = 0.0

    def http_date(self) -> str:
        """Give the value of a `Date` header."""
        return formatdate(self.now(), usegmt=True)
