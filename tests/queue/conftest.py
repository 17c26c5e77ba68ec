"""redis-py and taskiq know asyncio alone: these tests run on it, and on uvloop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("redis", reason="no redis: pip install 'aiocc[redis,taskiq]' to run the tests of the queue")

from .redis_server import RedisServer


@pytest.fixture(params=[True, False], ids=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The event loops under which redis-py works."""
    return ("asyncio", {"use_uvloop": request.param})


@pytest.fixture(scope="module")
def module_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for the tests of a module."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(module_redis: RedisServer) -> str:
    """The address of an empty Redis, which other tests use after this one."""
    import redis

    with redis.Redis.from_url(module_redis.url) as client:
        client.flushall()
    return module_redis.url


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that a test may stop and start."""
    with RedisServer(tmp_path) as server:
        yield server
