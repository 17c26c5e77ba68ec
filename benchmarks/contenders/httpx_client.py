"""httpx's own client, over httpcore's pool."""

from __future__ import annotations

import httpx

from benchmarks.note import HEADERS, PATIENCE, Target, check_answer, encode_note


class HttpxCall:
    """Any `httpx.AsyncClient`.

    Args:
        client: Owned from now on.
        url: Where notes go.
    """

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def open(self) -> None:
        """Nothing to do."""

    async def call(self) -> None:
        """Send one note."""
        answer = await self._client.post(self._url, content=encode_note(), headers=HEADERS)
        check_answer(answer.content)

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()


def limits(target: Target) -> httpx.Limits:
    """Allow as many connections as asked, and keep them all."""
    return httpx.Limits(
        max_connections=target.connections, max_keepalive_connections=target.connections, keepalive_expiry=PATIENCE
    )


def make(target: Target) -> HttpxCall:
    """Make it."""
    client = httpx.AsyncClient(
        verify=target.context() or True, limits=limits(target), timeout=PATIENCE, trust_env=False
    )
    return HttpxCall(client, target.url)
