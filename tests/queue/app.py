"""What `taskiq worker tests.queue.app:broker` runs, and those who submit import; told by its environment."""

from __future__ import annotations

import os

from aiocc import Client, Note, Rate, RetryPolicy, Service
from aiocc.integrations.redis import RedisLedger
from aiocc.integrations.taskiq import NoteQueue, StreamBroker

RECEIVERS = 100
"""Of each request."""

FIRST = 31_000


def client() -> Client:
    """A worker's client; what could not be sent is not repeated by itself."""
    retry = RetryPolicy(max_attempts=1)
    made = Client(gateway=Service(os.environ["AIOCC_GATEWAY_URL"], retry=retry))
    made.agent(int(os.environ["AIOCC_AGENT_ID"]), guid=os.environ["AIOCC_AGENT_GUID"])
    return made


def notes(requests: int) -> list[Note]:
    """As many notes as requests, each with a text of its own, to agents who are there."""
    return [Note(range(FIRST, FIRST + RECEIVERS), f"note {number}") for number in range(requests)]


broker = StreamBroker(os.environ["QUEUE_REDIS"], idle_timeout=float(os.environ["QUEUE_LEASE"]) + 2)
ledger = RedisLedger(
    os.environ["QUEUE_REDIS"], keys=os.environ["QUEUE_SEAL"], lease=float(os.environ["QUEUE_LEASE"]), patience=20
)
queue = NoteQueue(broker, ledger, client)


async def submit(job: str, requests: int) -> None:
    """Submit, or go on."""
    await broker.startup()
    rate = Rate(float(os.environ["QUEUE_RATE"]), burst=4)
    await queue.send_notes(job, notes(requests), agents=[int(os.environ["AIOCC_AGENT_ID"])], rate=rate).submit()
    await broker.shutdown()
