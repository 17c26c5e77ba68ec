"""What a pool tells of itself: its figures, and its connections as they come and go."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Literal, Protocol

from attrs import frozen

from aiocc.protocol.messages import Origin

log: logging.Logger = logging.getLogger("aiocc")

Closed = Literal["idle", "age", "requests", "surplus", "lost", "failed", "shutdown"]
"""Why a connection was closed.

"idle", "age" and "requests" are the pool's limits. "surplus": there was no room for it. "lost": the other side ended
it, or an exchange broke it off. "failed": the same, before its first answer had ended. "shutdown": the pool was closed.
"""


@frozen(kw_only=True)
class PoolStats:
    """What a pool holds now, and has done so far.

    Attributes:
        active: Connections with a request on its way.
        idle: Open ones without.
        connecting: Being opened.
        waiting: Requests that wait for a connection; under a `Client` none ever does.
        oldest_wait: Seconds that the first of these has waited.
        opened: Since the beginning.
        reused: Requests that went over a connection which had served before.
        closed: By reason.
    """

    active: int
    idle: int
    connecting: int
    waiting: int
    oldest_wait: float
    opened: int
    reused: int
    closed: dict[str, int]


class Watcher(Protocol):
    """Told of connections as they come and go; it must neither wait nor raise.

    Those of an event loop that has ended, or of a parent process, are left behind without a word.
    """

    def opened(self, origin: Origin, elapsed: float) -> None:
        """A connection is open, TLS included.

        Args:
            origin: Where to.
            elapsed: Seconds that it took.
        """

    def closed(self, origin: Origin, reason: Closed) -> None:
        """A connection was closed.

        Args:
            origin: Where to.
            reason: Why.
        """


class Tally:
    """Counts a pool's connections as they come and go, and tells the watcher.

    Attributes:
        opened: How many were.
        reused: Requests that went over a connection which had served before.
        closed: How many were, by reason.
    """

    __slots__ = ("_origin", "_watcher", "closed", "opened", "reused")

    def __init__(self, origin: Origin, watcher: Watcher | None) -> None:
        self._origin = origin
        self._watcher = watcher
        self.opened: int = 0
        self.reused: int = 0
        self.closed: Counter[str] = Counter()

    def count_opened(self, elapsed: float) -> None:
        """A connection is open."""
        self.opened += 1
        if self._watcher is not None:
            try:
                self._watcher.opened(self._origin, elapsed)
            except Exception as error:  # noqa: BLE001 - a watcher may raise anything, and must cost no slot
                log.warning("a watcher of connections raised %s", type(error).__name__)

    def count_closed(self, reason: Closed) -> None:
        """A connection was closed."""
        self.closed[reason] += 1
        if self._watcher is not None:
            try:
                self._watcher.closed(self._origin, reason)
            except Exception as error:  # noqa: BLE001 - as above
                log.warning("a watcher of connections raised %s", type(error).__name__)
