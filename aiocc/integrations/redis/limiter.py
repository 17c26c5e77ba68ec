"""A service's rate and concurrency, kept by all processes together."""

from __future__ import annotations

from redis.asyncio import Redis

from aiocc.errors import ConfigurationError
from aiocc.integrations.redis.seat import Limit, Seat
from aiocc.integrations.redis.server import Server
from aiocc.protocol.checks import is_number, is_seconds, kind
from aiocc.protocol.pace import Rate
from aiocc.secret import conceal


class FleetLimiter:
    """A limit that processes keep together through Redis: `Service(..., limiter=FleetLimiter(...))`.

    A slot is leased, and its lease renewed while the process lives: one that dies holds none for longer. When Redis
    is gone each process keeps to its fair share of the limit by itself, logs a warning, and goes on asking.

    Args:
        redis: `redis://`, `rediss://` or `unix://` URL, or a `redis.asyncio.Redis`, which stays the caller's to close.
        name: Of the limit; processes that give the same name keep one, and must give the same figures.
        rate: How often requests of all processes may go, None for as often as they come.
        concurrency: How many of all processes may be on their way at once, None for any number.
        processes: How many to count on while Redis has not told how many there are.
        lease: Seconds for which a process that says nothing is still counted.
        answer_within: Seconds in which Redis must answer.

    Raises:
        ConfigurationError: An argument is outside its limit, or there is nothing to keep.
    """

    @conceal
    def __init__(
        self,
        redis: str | Redis,
        name: str,
        *,
        rate: Rate | None = None,
        concurrency: int | None = None,
        processes: int = 16,
        lease: float = 10.0,
        answer_within: float = 0.5,
    ) -> None:
        if not name:
            raise ConfigurationError("name must be text, and not empty")
        if rate is not None and not isinstance(rate, Rate):
            raise ConfigurationError(f"rate must be a Rate, such as Rate(50), not {kind(rate)}")
        for what, number in (("concurrency", concurrency), ("processes", processes)):
            if number is not None and (not is_number(number) or number < 1):
                raise ConfigurationError(f"{what} must be a whole number over 0, not {kind(number)}")
        if not is_seconds(lease) or not lease:
            raise ConfigurationError(f"lease must be a number of seconds over 0, not {kind(lease)}")
        if rate is None and concurrency is None:
            raise ConfigurationError("a limiter needs rate=, concurrency= or both")
        self._server = Server(redis, answer_within=answer_within)
        self._limit = Limit(name=name, rate=rate, concurrency=concurrency, processes=processes, lease=lease)
        self._seat: Seat | None = None

    @property
    def alone(self) -> bool:
        """Whether Redis is gone, and this process keeps to its fair share."""
        return self._seat is not None and self._seat.alone

    @property
    def processes(self) -> int:
        """How many processes keep this limit, as far as is known."""
        return self._limit.processes if self._seat is None else self._seat.processes

    async def acquire(self, deadline: float, /) -> bool:
        """Wait until a request may go; False where it is clear that it will not before `deadline`, of the loop's."""
        seat = self._seat
        if seat is None or not seat.is_here():
            seat = self._seat = Seat(self._server, self._limit)
        return await seat.acquire(deadline)

    def release(self) -> None:
        """Hear that a request which was let through has ended."""
        if self._seat is not None:
            self._seat.release()

    async def aclose(self) -> None:
        """Give back what is held, and close the connections. Idempotent."""
        seat, self._seat = self._seat, None
        if seat is not None and seat.is_here():
            await seat.aclose()
        await self._server.aclose()

    def __repr__(self) -> str:
        return f"<FleetLimiter {self._limit.name}{', alone' if self.alone else ''}>"
