"""What one process knows of the sessions that keepers publish."""

from __future__ import annotations

import logging
import random
from typing import Final

import anyio
from attrs import define

from aiocc.call.host import Host
from aiocc.client import Client
from aiocc.integrations.redis.server import RedisGoneError
from aiocc.integrations.redis.sessions import KeptSession, SharedSessions
from aiocc.scopes.callers import Agent
from aiocc.secret import Secret

FRESH: Final = 1.0
"""Seconds for which a session that was read is taken for the current one."""

LOOK_AGAIN: Final = 0.25
"""Seconds, about, between two looks for a session that is not there yet."""

log: logging.Logger = logging.getLogger("aiocc")


@define(eq=False)
class _Known:
    session: KeptSession | None = None
    read_at: float = -1e9
    refused: str = ""


class SessionReader:
    """Gives agents as keepers have signed them in, on this process's client.

    A GUID that comes with an answer is published, so that the keeper and all others have it.

    Args:
        sessions: Where they are published.
        client: This process's.
        host: Publishes in the background.
    """

    def __init__(self, sessions: SharedSessions, client: Client, host: Host) -> None:
        self._sessions = sessions
        self._client = client
        self._host = host
        self._known: dict[int, _Known] = {}

    async def agent(self, agent_id: int, patience: float) -> Agent | None:
        """Give an agent whose GUID was not refused, None where none is published within so many seconds."""
        known = self._known.setdefault(agent_id, _Known())
        until = anyio.current_time() + patience
        while True:
            await self._read(agent_id, known)
            session = known.session
            if session is not None and session.digest != known.refused:
                return self._client.agent(
                    agent_id,
                    guid=session.guid,
                    cookies=session.cookies,
                    on_guid=lambda guid: self._learn(agent_id, known, guid),
                )
            if anyio.current_time() >= until:
                return None
            await anyio.sleep(LOOK_AGAIN * random.uniform(0.5, 1.5))  # noqa: S311 - nothing secret

    def refuse(self, agent_id: int, guid_digest: str) -> None:
        """Note that a GUID was refused: wait for another."""
        self._known[agent_id].refused = guid_digest

    def digest(self, agent_id: int) -> str:
        """Name the GUID that is in use."""
        session = self._known[agent_id].session
        return session.digest if session is not None else ""

    async def _read(self, agent_id: int, known: _Known) -> None:
        now = anyio.current_time()
        held = known.session
        if held is not None and held.digest != known.refused and now - known.read_at < FRESH:
            return
        try:
            known.session = await self._sessions.read(agent_id)
            known.read_at = now
        except RedisGoneError:
            return  # the one that is known serves on

    def _learn(self, agent_id: int, known: _Known, guid: str) -> None:
        old = known.session
        if old is not None:
            known.session = new = KeptSession(Secret(guid), old.cookies)
            known.read_at = anyio.current_time()
            self._host.start_soon(self._publish, agent_id, old, new)

    async def _publish(self, agent_id: int, old: KeptSession, new: KeptSession) -> None:
        published = False
        while not published:
            try:
                await self._sessions.replace(agent_id, old, new)
                published = True
            except RedisGoneError:
                await anyio.sleep(1.0)
