"""A process that keeps an agent until it is killed: `python -m tests.queue.keeping REDIS SEAL LEASE`.

It prints its log, and whether it has the session whenever that changes.
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
OURS = {"AIOCC_AGENT_ID": str(AGENT)}
"""So that the environment's password is that of this agent."""

BRISK = (0.001, 0.002)
LEADS = "has the session"
STANDS_BY = "stands by"


async def keep(redis: str, seal: str, lease: str) -> None:
    """Keep the agent."""
    sessions = SharedSessions(redis, keys=seal)
    async with (
        Client.from_env({**os.environ, **OURS}) as client,
        AgentKeeper(sessions, client, AGENT, phone=PHONE, lease=float(lease), poll_pause=BRISK) as keeper,
    ):
        told = ""
        while True:
            now = LEADS if keeper.session is not None else STANDS_BY
            if now != told:
                sys.stdout.write(f"{now}\n")
                sys.stdout.flush()
                told = now
            await anyio.sleep(0.01)


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    anyio.run(keep, *sys.argv[1:])
