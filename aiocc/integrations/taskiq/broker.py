"""The broker: Redis streams, as taskiq-redis has them, that outlive Redis's own restarts."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

import anyio
from redis.asyncio import Redis
from redis.exceptions import RedisError
from taskiq import AckableMessage, AsyncBroker
from taskiq_redis import RedisStreamBroker

from aiocc.errors import ConfigurationError
from aiocc.integrations.redis.server import CUT
from aiocc.protocol.checks import is_seconds, kind
from aiocc.secret import conceal

BLOCK: Final = 1.0
"""Seconds for which one read of the stream waits."""

AT_ONCE: Final = 16
"""Messages that a worker takes at once: what one holds, no other sends."""

KEEPS_NOTHING: Final = ("ListQueue", "PubSub", "InMemory", "ZeroMQ")
"""Parts of the names of brokers that hand a message out once and forget it."""

log: logging.Logger = logging.getLogger("aiocc")


class StreamBroker(RedisStreamBroker):
    """A stream in Redis: what a worker took and did not finish, another one gets.

    Workers and those who submit wait for a Redis that is gone, in place of ending. What is finished is removed
    from the stream.

    Args:
        url: Of Redis.
        idle_timeout: Seconds, not milliseconds, after which what a worker took goes to another.
        queue_name: Of the stream.
        options: Of taskiq-redis's `RedisStreamBroker`.

    Raises:
        ConfigurationError: The time-out is no number of seconds.
    """

    @conceal
    def __init__(self, url: str, *, idle_timeout: float = 120.0, queue_name: str = "aiocc", **options: Any) -> None:
        if not is_seconds(idle_timeout):
            raise ConfigurationError(f"idle_timeout must be a number of seconds, not {kind(idle_timeout)}")
        settings = {
            "consumer_group_name": queue_name,
            "consumer_id": "0",  # from the beginning: the stream may be there before the first worker
            "xread_block": round(BLOCK * 1000),
            "xread_count": AT_ONCE,
            "unacknowledged_lock_timeout": 10.0,
            "socket_timeout": 5 * BLOCK,
            **options,
        }
        super().__init__(url, queue_name, idle_timeout=round(idle_timeout * 1000), **settings)

    async def startup(self) -> None:
        """Start once Redis answers."""
        await AsyncBroker.startup(self)
        await self._connect()

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Give messages; where Redis is gone, wait until it is there again."""
        while True:
            try:
                async with aclosing(super().listen()) as messages:
                    async for message in messages:
                        yield message
            except (RedisError, *CUT) as error:
                log.warning("queue %s: Redis does not answer (%s)", self.queue_name, type(error).__name__)
            await self._connect()

    async def _connect(self) -> None:
        """Connect anew, once that can be, and see that the group is there."""
        connected = False
        while not connected:
            try:
                await self.connection_pool.disconnect(inuse_connections=False)
                await self._declare_consumer_group()
                connected = True
            except (RedisError, *CUT):
                await anyio.sleep(BLOCK)

    def _ack_generator(self, id: str, queue_name: str) -> Callable[[], Awaitable[None]]:  # noqa: A002 - taskiq-redis's
        async def ack() -> None:
            """Remove the message; where that fails it comes again, and is found settled."""
            try:
                async with Redis(connection_pool=self.connection_pool) as redis, redis.pipeline() as both:
                    both.xack(queue_name, self.consumer_group_name, id)
                    both.xdel(queue_name, id)
                    await both.execute()
            except (RedisError, *CUT) as error:
                log.debug("queue %s: not acknowledged (%s)", self.queue_name, type(error).__name__)

        return ack


def check_broker(broker: object, idle_timeout: float | None, lease: float) -> None:
    """Refuse a broker that loses what a worker took, or hands it out again while that may still be sent.

    Raises:
        ConfigurationError: Names what to use, or to set.
    """
    name = type(broker).__name__
    if not isinstance(broker, AsyncBroker):
        raise ConfigurationError(f"broker must be one of taskiq's, not {kind(broker)}")
    if any(part in one.__name__ for one in type(broker).__mro__ for part in KEEPS_NOTHING):
        raise ConfigurationError(
            f"{name} hands a request out once and forgets it: what a worker takes and does not finish would be lost; "
            "use a stream, such as aiocc.integrations.taskiq.StreamBroker"
        )
    found = getattr(broker, "idle_timeout", None)
    if isinstance(broker, RedisStreamBroker):
        if idle_timeout is not None and found != round(idle_timeout * 1000):
            raise ConfigurationError(
                f"{name} has idle_timeout={found}, which it counts in milliseconds: {idle_timeout:g} s are "
                f"{round(idle_timeout * 1000)}"
            )
        idle_timeout = broker.idle_timeout / 1000
    if idle_timeout is None:
        raise ConfigurationError(f"give idle_timeout=: the seconds after which {name} hands a request out again")
    if idle_timeout < lease:
        raise ConfigurationError(
            f"idle_timeout must be at least the ledger's lease of {lease:g} s, not {idle_timeout:g} s: requests would "
            "be handed out again while they are sent"
        )
