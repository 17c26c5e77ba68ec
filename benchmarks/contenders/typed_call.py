"""aiocc: the whole typed call, with checks, deadline, admission, credential, envelope and structuring."""

from __future__ import annotations

from aiocc import TLS, Agent, Client, PoolLimits, Service, Timeouts
from benchmarks.note import AGENT, CONTENT, GUID, PATIENCE, RECEIVERS, Target


class TypedCall:
    """One `aiocc.Client` and one agent.

    Args:
        client: Owned from now on.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.agent: Agent = client.agent(AGENT, guid=GUID)

    async def open(self) -> None:
        """Nothing to do."""

    async def call(self) -> None:
        """Send one note."""
        await self.agent.send_note(RECEIVERS, CONTENT)

    async def close(self) -> None:
        """Close the client."""
        await self.client.aclose()


def service(target: Target) -> Service:
    """Describe the gateway."""
    return Service(
        target.base,
        tls=TLS(ca_file=target.ca_file or None),
        pool=PoolLimits(max_connections=target.connections, idle_expiry=PATIENCE),
        timeouts=Timeouts(connect=PATIENCE, queue=PATIENCE, read=PATIENCE, total=PATIENCE),
    )


def make(target: Target) -> TypedCall:
    """Make it."""
    return TypedCall(Client(gateway=service(target)))
