"""One Redis, as the parts of this package speak to it: scripts, a time-out for each, and how durable it is."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

import anyio
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import ClusterDownError, OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from aiocc.errors import ConfigurationError, JournalError
from aiocc.protocol.checks import is_seconds, kind
from aiocc.secret import conceal
from aiocc.transport.place import Place

ANSWER_WITHIN: Final = 2.0
"""Seconds for one command, connecting included."""

CUT: Final = (OSError, RuntimeError, AttributeError)
"""What writing to a connection raises that has just been lost: the second is uvloop's, the third that of CPython 3.12.0
and 3.12.1, and redis-py passes them on as they are."""

PASSING: Final = ("BUSY", "MISCONF", "NOREPLICAS")
"""What a server answers that will do its work again, where redis-py has no class for it."""


class RedisGoneError(JournalError):
    """Redis did not answer, or not in time: whether it did what it was asked is not known."""


class Server:
    """A Redis server of 6.2 or later, over redis-py's asyncio client. It needs asyncio: redis-py knows no trio.

    Connections belong to one event loop of one process: in another, or after a fork, there are new ones.

    Args:
        redis: Its URL, such as `redis://127.0.0.1:6379/0`, or `rediss://` for TLS; or a client, which stays the
            caller's to close.
        answer_within: Seconds for each command.

    Raises:
        ConfigurationError: It is neither, or the URL is none.
    """

    @conceal
    def __init__(self, redis: str | Redis, *, answer_within: float = ANSWER_WITHIN) -> None:
        if not is_seconds(answer_within):
            raise ConfigurationError(f"answer_within must be a number of seconds, not {kind(answer_within)}")
        self._within = answer_within
        self._place: Place | None = None
        self._scripts: dict[str, AsyncScript] = {}
        self._url = ""
        if isinstance(redis, Redis):
            self._redis: Redis | None = redis
        elif str(redis).startswith(("redis://", "rediss://", "unix://")):
            self._url, self._redis = str(redis), None
        else:
            raise ConfigurationError("redis must be a URL beginning with redis://, rediss:// or unix://, or a Redis")

    @property
    def address(self) -> str | Redis:
        """What it was made from, for another of the same."""
        assert self._url or self._redis is not None
        return self._url or self._redis  # type: ignore[return-value]  # one of them is there

    @property
    def redis(self) -> Redis:
        """The client for this event loop."""
        if self._url and (self._place is None or not self._place.is_here()):
            self._place = Place()
            self._redis = Redis.from_url(
                self._url,
                socket_timeout=None,  # `run` bounds the whole command
                socket_connect_timeout=self._within,
                retry=Retry(NoBackoff(), 0),  # what may be repeated, and for how long, is the caller's to know
            )
            self._scripts = {}
        assert self._redis is not None
        return self._redis

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Any] = ()) -> Any:
        """Run one of this package's scripts; what it does, it does whole or not at all.

        Raises:
            RedisGoneError: No answer: it may have been done.
        """
        redis = self.redis
        registered = self._scripts.get(script)
        if registered is None:
            registered = self._scripts[script] = redis.register_script(_source(script))
        return await self._answer(registered(keys=list(keys), args=list(arguments)))

    async def do(self, command: str, *arguments: Any) -> Any:
        """Perform a command of Redis's own.

        Raises:
            RedisGoneError: No answer: it may have been done.
        """
        return await self._answer(self.redis.execute_command(command, *arguments))  # type: ignore[no-untyped-call]  # of redis-py

    async def _answer(self, answer: Awaitable[Any]) -> Any:
        try:
            with anyio.fail_after(self._within):
                return await answer
        except (*CUT, RedisConnectionError, RedisTimeoutError, ReadOnlyError, ClusterDownError) as error:
            await self._forget_idle()  # to find who is in charge now, after a failover
            raise RedisGoneError(type(error).__name__) from None
        except OutOfMemoryError as error:
            raise RedisGoneError(type(error).__name__) from None
        except ResponseError as error:
            if not str(error).startswith(PASSING):
                raise
            raise RedisGoneError(str(error).partition(" ")[0]) from None

    async def _forget_idle(self) -> None:
        """Close what lies idle: where one connection was cut all were, most likely, and redis-py would try each."""
        with anyio.CancelScope(shield=True):
            await self.redis.connection_pool.disconnect(inuse_connections=False)

    async def check_durable(self, switch: str = "durable=False") -> None:
        """See that what Redis says it did survives its end: AOF, written to disk before each answer; no eviction.

        Args:
            switch: What the caller's user says to do without, for the error.

        Raises:
            ConfigurationError: It is set otherwise, or does not say.
            RedisGoneError: No answer.
        """
        wanted = {"appendonly": ("yes",), "appendfsync": ("always",), "maxmemory-policy": ("noeviction",)}
        for name, values in wanted.items():
            try:
                answer = await self.do("CONFIG GET", name)
            except RedisError as error:
                raise ConfigurationError(
                    f"this Redis does not tell its {name} ({type(error).__name__}): see that it is {values[0]}, "
                    f"then give {switch}"
                ) from None
            found = {_text(key): _text(value) for key, value in answer.items()}.get(name)
            if found not in values:
                raise ConfigurationError(
                    f"Redis has {name} {found}, and a ledger needs {values[0]}: what it forgets could be sent twice "
                    f"({switch} takes that risk)"
                )

    async def aclose(self) -> None:
        """Close the connections that are this server's own."""
        if self._url and self._redis is not None and self._place is not None and self._place.is_here():
            with anyio.CancelScope(shield=True):
                await self._redis.aclose()
        if self._url:
            self._redis, self._place = None, None

    def __repr__(self) -> str:
        return f"<Server {'of its own' if self._url else 'given'}>"


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@cache
def _source(script: str) -> str:
    return files(__package__).joinpath("lua", f"{script}.lua").read_text("utf-8")
