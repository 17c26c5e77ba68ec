"""The simulator without sockets: the same contact centre, reached by calls of its application in this process."""

from __future__ import annotations

from typing import Any

import httpx

from aiocc.simulator.app import SERVICES, Front
from aiocc.simulator.centre import Centre
from aiocc.simulator.controls import Controls
from aiocc.simulator.simulator import environment
from aiocc.simulator.world import World


class InProcess(Controls):
    """A contact centre without sockets, thread and TLS; what goes wrong on a wire cannot be had from it.

    Its clients need its transport, `Client.from_env(centre.environment, transport=centre.transport)`.

    Args:
        world: What the centre is like; by default `World()`.

    Attributes:
        transport: Leads requests to the four services; holds nothing that must be closed.
    """

    def __init__(self, world: World | None = None) -> None:
        self._world = World() if world is None else world
        self._centre = Centre(self._world)
        self._front = Front(self._centre)
        self._front.ports = dict(enumerate(SERVICES, 1))
        self.transport: httpx.AsyncBaseTransport = httpx.ASGITransport(self._serve)

    @property
    def environment(self) -> dict[str, str]:
        """The addresses, where nothing listens, and the credentials, under the names of a client's variables."""
        urls = {service: f"http://127.0.0.1:{port}" for port, service in self._front.ports.items()}
        return environment(urls, self._world, self._centre)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        scope["state"] = {"aiocc.wire": {"target": target, "headers": tuple(scope["headers"])}}
        await self._front(scope, receive, send)
