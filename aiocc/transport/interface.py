"""What `aiocc.call` asks of a transport."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from math import inf
from typing import Any, Protocol

from aiocc.protocol.limits import AnswerLimits, Timeouts
from aiocc.protocol.messages import Answer, AnswerHead, Wire, WireRequest
from aiocc.transport.stats import PoolStats


class Transport(Protocol):
    """Exchanges requests for answers."""

    def exchange(
        self,
        request: WireRequest,
        wire: Wire,
        *,
        deadline: float,
        timeouts: Timeouts,
        limits: AnswerLimits,
        on_head: Callable[[AnswerHead], None],
        idle_at_most: float = inf,
    ) -> Coroutine[Any, Any, Answer]:
        """Send a request once and read its answer to the end.

        Args:
            request: Complete: its origin is set, its headers hold Host and Content-Length.
            wire: Kept up to date at every step, so that it is true also when this is cancelled.
            deadline: On the event loop's clock.
            timeouts: For connecting, and between two pieces of an answer.
            limits: What the answer may cost.
            on_head: Called as soon as the answer's head is there.
            idle_at_most: Use no connection that has been idle for this many seconds, it may have gone stale; 0 asks
                for a new one. A foreign transport cannot.

        Raises:
            Fault: There is no answer, or none that can be read.
        """

    def stats(self) -> Mapping[str, PoolStats]:
        """Say what each origin's pool holds; nothing where the connections are another's."""

    async def aclose(self) -> None:
        """Close what this transport owns."""
