"""Credentials that a fleet shares: one process fetches, all others wait for what it got."""

from __future__ import annotations

import math
import secrets
import time
from typing import Final

from redis.asyncio import Redis

from aiocc.auth.store import StoredCredential
from aiocc.integrations.redis.sealing import Keys, Seal
from aiocc.integrations.redis.server import ANSWER_WITHIN, Server
from aiocc.secret import conceal

UNDATED: Final = 60.0
"""Seconds for which a credential is kept that does not say when it ends."""

MARGIN: Final = 1.0
"""Seconds by which what is kept ends before the credential does."""


class RedisStore:
    """Keeps the tokens of `AppKey(..., store=RedisStore(...))` in Redis, so that a fleet fetches each once.

    What is kept ends before the token does. Its name is a keyed hash that nobody can find without the app's secret.
    When Redis is gone, each process fetches for itself, and says so.

    Args:
        redis: `redis://`, `rediss://` or `unix://` URL, or a `redis.asyncio.Redis`, which stays the caller's to close.
        keys: Fernet keys with which tokens are encrypted, the newest first; None keeps them as they are, and warns.
        answer_within: Seconds for each command.
    """

    @conceal
    def __init__(self, redis: str | Redis, *, keys: Keys | None = None, answer_within: float = ANSWER_WITHIN) -> None:
        self._server = Server(redis, answer_within=answer_within)
        self._seal = Seal(keys)
        self._owners: dict[str, str] = {}

    async def get(self, key: str, /) -> StoredCredential | None:
        """Give what is kept, None where there is nothing that can be read."""
        kept = await self._server.do("GET", key)
        if kept is None:
            return None
        try:
            return StoredCredential.from_json(self._seal.open(key, kept))
        except ValueError:
            return None

    async def lease(self, key: str, seconds: float, /) -> bool:
        """Say whether this process is now the one to fetch."""
        owner = secrets.token_hex(8)
        taken = await self._server.run("lease", [f"{key}:lease", f"{key}:fence"], [owner, math.ceil(seconds * 1000)])
        if taken[0] == 1:
            self._owners[key] = owner
        return bool(taken[0] == 1)

    async def put(self, key: str, credential: StoredCredential | None, /) -> None:
        """End the lease, and keep what was fetched until shortly before it ends."""
        kept: str | bytes = ""
        lifetime = UNDATED
        if credential is not None:
            if credential.expires_at is not None:
                lifetime = credential.expires_at - time.time() - MARGIN
            if lifetime > 0:
                kept = self._seal.close(key, credential.to_json())
        owner = self._owners.pop(key, "")
        await self._server.run("keep", [f"{key}:lease", key], [owner, kept, max(1, int(lifetime * 1000))])

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()

    def __repr__(self) -> str:
        return "<RedisStore>"
