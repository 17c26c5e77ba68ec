"""What `taskiq worker tests.queue.app:worker` runs, and those who submit import; told by its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from taskiq import AsyncBroker

from aiocc import Client, Note, Rate, RetryPolicy, Service
from aiocc.integrations.redis import RedisJobs, SharedSessions
from aiocc.integrations.taskiq import NoteQueue, StreamBroker

RECEIVERS = 100
"""Of each request."""

FIRST = 31_000


def make(environ: Mapping[str, str]) -> tuple[StreamBroker, NoteQueue]:
    """Make the broker and the queue; where `QUEUE_AGENT` names the sender, keepers publish its session."""
    kept = "QUEUE_AGENT" in environ
    sessions = SharedSessions(environ["QUEUE_REDIS"], keys=environ["QUEUE_SEAL"]) if kept else None

    def client() -> Client:
        """What could not be sent is not repeated by itself."""
        made = Client(gateway=Service(environ["AIOCC_GATEWAY_URL"], retry=RetryPolicy(max_attempts=1)))
        if sessions is None:
            made.agent(int(environ["AIOCC_AGENT_ID"]), guid=environ["AIOCC_AGENT_GUID"])
        return made

    lease = float(environ["QUEUE_LEASE"])
    broker = StreamBroker(environ["QUEUE_REDIS"], idle_timeout=lease + 2)
    jobs = RedisJobs(environ["QUEUE_REDIS"], keys=environ["QUEUE_SEAL"], lease=lease, patience=20)
    return broker, NoteQueue(broker, jobs, client, sessions=sessions)


def worker() -> AsyncBroker:
    """Give a worker its broker."""
    return make(os.environ)[0]


def notes(requests: int) -> list[Note]:
    """As many notes as requests, each with a text of its own, to agents who are there."""
    return [Note(range(FIRST, FIRST + RECEIVERS), f"note {number}") for number in range(requests)]


async def submit(job: str, requests: int) -> None:
    """Submit, or go on."""
    broker, queue = make(os.environ)
    await broker.startup()
    rate = Rate(float(os.environ["QUEUE_RATE"]), burst=4)
    sender = int(os.environ.get("QUEUE_AGENT") or os.environ["AIOCC_AGENT_ID"])
    await queue.send_notes(job, notes(requests), agents=[sender], rate=rate).submit()
    await broker.shutdown()
