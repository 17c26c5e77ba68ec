"""The seam for a limit that more than one client keeps: a fleet's, say."""

from __future__ import annotations

from typing import Protocol


class Limiter(Protocol):
    """Lets requests through; used beside a service's own ceiling and rate, once these have let a request through.

    An implementation decides by itself what to do when it fails; one that raises ends the attempt as NOT_SENT.
    """

    async def acquire(self, deadline: float, /) -> bool:
        """Wait until a request may go.

        Args:
            deadline: On the event loop's clock (`anyio.current_time()`); it is cancelled then. When it is cancelled,
                it must have taken nothing.

        Returns:
            Whether it may go; False where it is clear that it will not in time.
        """
        ...

    def release(self) -> None:
        """Hear that a request which was let through has ended. It may not wait."""
        ...
