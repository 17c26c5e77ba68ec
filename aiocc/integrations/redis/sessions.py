"""The sessions of agents as a fleet knows them: one keeper publishes each, all others read it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen
from redis.asyncio import Redis

from aiocc.integrations.redis.sealing import Keys, Seal
from aiocc.integrations.redis.server import ANSWER_WITHIN, Server
from aiocc.secret import Secret, conceal

PREFIX: Final = "aiocc:agent:"


@frozen
class KeptSession:
    """A signed-in agent's GUID, and the cookies of its sign-in.

    Attributes:
        guid: The current one.
        cookies: By name.
        fence: Of the keeper that signed the agent in; the greater, the later. `publish` is told it apart.
    """

    guid: Secret
    cookies: Mapping[str, Secret] = field(factory=dict, repr=False)
    fence: int = field(default=0, eq=False)

    @property
    def digest(self) -> str:
        """What tells this GUID from others, and tells nothing of it."""
        return hashlib.sha256(self.guid.reveal().encode()).hexdigest()


class SharedSessions:
    """Sessions in Redis, encrypted with `keys`.

    Args:
        redis: `redis://`, `rediss://` or `unix://` URL, or a `redis.asyncio.Redis`, which stays the caller's to close.
        keys: Fernet keys, the newest first; None keeps GUIDs as they are, and warns.
    """

    @conceal
    def __init__(self, redis: str | Redis, *, keys: Keys | None = None, answer_within: float = ANSWER_WITHIN) -> None:
        self.server: Server = Server(redis, answer_within=answer_within)
        self._seal = Seal(keys)

    async def read(self, agent_id: int) -> KeptSession | None:
        """Give an agent's session, None where none is published.

        Raises:
            RedisGoneError: No answer.
            ValueError: It was published with another key.
        """
        text, fence = await self.server.do("HMGET", f"{PREFIX}{agent_id}", "text", "fence")
        return None if text is None else self._open(agent_id, text, int(fence or 0))

    async def publish(self, agent_id: int, session: KeptSession, fence: int) -> bool:
        """Publish the session that a keeper has; False where another has taken over.

        Raises:
            RedisGoneError: No answer: publish again.
        """
        arguments = [fence, session.digest, self._close(agent_id, session)]
        return bool(await self.server.run("publish", [f"{PREFIX}{agent_id}"], arguments))

    async def replace(self, agent_id: int, old: KeptSession, new: KeptSession) -> bool:
        """Publish the GUID that came with an answer to `old`; False where that is not the current one.

        Raises:
            RedisGoneError: No answer: replace it again.
        """
        arguments = [old.digest, new.digest, self._close(agent_id, new)]
        return bool(await self.server.run("replace", [f"{PREFIX}{agent_id}"], arguments))

    async def lease(self, agent_id: int, owner: str, seconds: float) -> tuple[int | None, float]:
        """Take or renew the right to keep an agent: the fence, or None and the seconds until it may be free."""
        names = [f"{PREFIX}{agent_id}:lease", f"{PREFIX}{agent_id}:fence", f"{PREFIX}{agent_id}"]
        taken, value = await self.server.run("lease", names, [owner, round(seconds * 1000)])
        return (value, 0.0) if taken else (None, max(value, 0) / 1000)

    async def leave(self, agent_id: int, owner: str) -> None:
        """Give that right up."""
        await self.server.run("leave", [f"{PREFIX}{agent_id}:lease"], [owner])

    async def aclose(self) -> None:
        """Close the connections."""
        await self.server.aclose()

    @conceal
    def _close(self, agent_id: int, session: KeptSession) -> bytes:
        cookies = {name: value.reveal() for name, value in session.cookies.items()}
        return self._seal.close(f"{PREFIX}{agent_id}", json.dumps([session.guid.reveal(), cookies]))

    @conceal
    def _open(self, agent_id: int, kept: bytes, fence: int) -> KeptSession:
        guid, cookies = json.loads(self._seal.open(f"{PREFIX}{agent_id}", kept))
        return KeptSession(Secret(guid), {name: Secret(value) for name, value in cookies.items()}, fence)

    def __repr__(self) -> str:
        return "<SharedSessions>"
