"""A process that keeps an agent until it is killed: `python -m tests.queue.keeping REDIS SEAL LEASE`.

It prints its log.
"""

from __future__ import annotations

import logging
import os
import sys

import anyio

from aiocc import Client
from aiocc.integrations.redis import AgentKeeper, SharedSessions

AGENT = 205
PHONE = "88880205"
BRISK = (0.001, 0.002)


async def keep(redis: str, seal: str, lease: str) -> None:
    """Keep the agent."""
    sessions = SharedSessions(redis, keys=seal)
    async with (
        Client.from_env(os.environ) as client,
        AgentKeeper(sessions, client, AGENT, phone=PHONE, lease=float(lease), poll_pause=BRISK),
    ):
        await anyio.sleep_forever()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    anyio.run(keep, *sys.argv[1:])
