"""pyreqwest: Rust's reqwest, in a thread of its own that shares the client's core."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pyreqwest.client import Client, ClientBuilder

from benchmarks.note import HEADERS, PATIENCE, Target, check_answer, encode_note


class PyreqwestCall:
    """One `pyreqwest.client.Client`.

    Args:
        client: Owned from now on.
        url: Where notes go.
    """

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self._url = url

    async def open(self) -> None:
        """Nothing to do."""

    async def call(self) -> None:
        """Send one note."""
        request = self._client.post(self._url).headers(HEADERS).body_bytes(encode_note()).build()
        answer = await request.send()
        check_answer(bytes(await answer.bytes()))

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()


def make(target: Target) -> PyreqwestCall:
    """Make it."""
    patience = timedelta(seconds=PATIENCE)
    builder = (
        ClientBuilder()
        .max_connections(target.connections)
        .pool_max_idle_per_host(target.connections)
        .pool_idle_timeout(patience)
        .pool_timeout(patience)
        .timeout(patience)
        .no_proxy()
    )
    if target.ca_file:
        builder = builder.add_root_certificate_pem(Path(target.ca_file).read_bytes())
    return PyreqwestCall(builder.build(), target.url)
