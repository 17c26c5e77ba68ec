"""httpx's client over aiohttp's connector."""

from __future__ import annotations

from httpx_aiohttp import HttpxAiohttpClient

from benchmarks.contenders.httpx_client import HttpxCall, limits
from benchmarks.note import PATIENCE, Target


def make(target: Target) -> HttpxCall:
    """Make it."""
    client = HttpxAiohttpClient(
        verify=target.context() or True, limits=limits(target), timeout=PATIENCE, trust_env=False
    )
    return HttpxCall(client, target.url)
