"""aiohttp's client."""

from __future__ import annotations

import aiohttp

from benchmarks.note import HEADERS, PATIENCE, Target, check_answer, encode_note


class AiohttpCall:
    """One `aiohttp.ClientSession`.

    Args:
        target: Where notes go.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Open the session: it must be made inside the event loop."""
        target = self._target
        connector = aiohttp.TCPConnector(
            limit=target.connections, ssl=target.context() or True, keepalive_timeout=PATIENCE
        )
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=PATIENCE))

    async def call(self) -> None:
        """Send one note."""
        assert self._session is not None
        async with self._session.post(self._target.url, data=encode_note(), headers=HEADERS) as answer:
            check_answer(await answer.read())

    async def close(self) -> None:
        """Close the session."""
        assert self._session is not None
        await self._session.close()


def make(target: Target) -> AiohttpCall:
    """Make it."""
    return AiohttpCall(target)
