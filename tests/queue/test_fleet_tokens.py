"""One token for a fleet of processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
import redis
from cryptography.fernet import Fernet

from aiocc import Client, Service
from aiocc.auth import AppKey
from aiocc.auth.store import StoredCredential
from aiocc.integrations.redis import RedisStore
from aiocc.secret import Secret
from aiocc.simulator import Simulator

from .redis_server import RedisServer

SEAL = Fernet.generate_key().decode()
KEY = "aiocc:0123"


@pytest.fixture(scope="module")
def plain_simulator():
    """A contact centre without TLS: what is counted here are token requests."""
    with Simulator(tls=False) as simulator:
        yield simulator


def test_twenty_processes_meet_an_expired_token_and_one_fetches(plain_simulator: Simulator, redis_url: str):
    """However many processes need a token at once, one request fetches it for all of them."""
    env = plain_simulator.environment
    told = [env["AIOCC_FABRIC_URL"], env["AIOCC_FABRIC_APP_KEY"], env["AIOCC_FABRIC_APP_SECRET"]]
    command = [sys.executable, "-m", "tests.queue.fleet", "tokens", "20", redis_url, SEAL, *told]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as fleet:
        assert fleet.stdin is not None
        assert fleet.stdout is not None
        assert "ready\n" == fleet.stdout.readline()
        assert 1 == plain_simulator.token_requests
        plain_simulator.expire_tokens()
        fleet.stdin.write("go\n")
        fleet.stdin.flush()
        placed = json.loads(fleet.stdout.readline())

    assert 2 == plain_simulator.token_requests
    assert 40 == len({serial for serials in placed for serial in serials}) == plain_simulator.calls_placed


def store(url: str, keys: str | None = SEAL) -> RedisStore:
    """A store that seals."""
    return RedisStore(url, keys=keys)


async def test_what_is_kept_ends_before_the_token_and_shows_nothing(redis_url: str):
    """A token is encrypted, under a name that tells nothing, and gone from Redis before it ends."""
    one = store(redis_url)
    await one.put(KEY, StoredCredential(Secret("open-sesame"), time.time() + 100))

    with redis.Redis.from_url(redis_url) as client:
        assert b"open-sesame" not in client.get(KEY)
        assert 0 < client.pttl(KEY) <= 99_000
    found = await one.get(KEY)
    assert found is not None
    assert "open-sesame" == found.secret.reveal()
    await one.aclose()


async def test_a_token_that_ends_at_once_is_not_kept(redis_url: str):
    """What has ended, or is about to, nobody else can use."""
    one = store(redis_url)
    await one.put(KEY, StoredCredential(Secret("open-sesame"), time.time() + 0.5))

    assert await one.get(KEY) is None
    await one.aclose()


async def test_another_key_or_name_opens_nothing(redis_url: str):
    """What cannot be opened is as if it were not there: it is fetched."""
    one, other = store(redis_url), store(redis_url, Fernet.generate_key().decode())
    await one.put(KEY, StoredCredential(Secret("open-sesame")))
    with redis.Redis.from_url(redis_url) as client:
        client.copy(KEY, "aiocc:moved")

    assert await other.get(KEY) is None
    assert await one.get("aiocc:moved") is None
    await one.aclose()
    await other.aclose()


async def test_one_fetches_and_a_late_one_displaces_nothing(redis_url: str):
    """Only one process has the lease; whose lease went to another does not displace what that one fetched."""
    late, now = store(redis_url), store(redis_url)

    assert await late.lease(KEY, 0.001)
    while not await now.lease(KEY, 10):
        pass
    assert not await late.lease(KEY, 10)
    await now.put(KEY, StoredCredential(Secret("new")))
    assert await now.lease(KEY, 10)
    await late.put(KEY, StoredCredential(Secret("old")))
    found = await now.get(KEY)
    assert found is not None
    assert "new" == found.secret.reveal()
    await late.aclose()
    await now.aclose()


def test_no_key_warns():
    """Without a key tokens are kept as they are, and the application hears so."""
    with pytest.warns(UserWarning, match="kept in Redis as they are"):
        store("redis://127.0.0.1:1", None)


async def test_without_redis_each_fetches_for_itself(plain_simulator: Simulator, own_redis: RedisServer):
    """A call does not fail because Redis is gone."""
    plain_simulator.reset()
    env = plain_simulator.environment
    one = RedisStore(own_redis.url, keys=SEAL, answer_within=0.2)
    own_redis.stop()
    auth = AppKey(env["AIOCC_FABRIC_APP_KEY"], env["AIOCC_FABRIC_APP_SECRET"], store=one)
    async with Client(fabric=Service(env["AIOCC_FABRIC_URL"], auth=auth)) as client:
        await client.create_call(called="88884432")

    assert 1 == plain_simulator.token_requests
    await one.aclose()
