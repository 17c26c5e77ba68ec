"""What `taskiq worker benchmarks.queue_app:broker` runs, and who submits imports; told by its environment."""

from __future__ import annotations

import os
import sys
import time
from typing import Final

import anyio

from aiocc import Client, Note, Service
from aiocc.integrations.redis import RedisJobs
from aiocc.integrations.taskiq import NoteQueue, StreamBroker
from benchmarks.note import CONTENT

SENDER: Final = 101
FIRST: Final = 31_000
IN_A_REQUEST: Final = 100


def client() -> Client:
    """A worker's client."""
    made = Client(gateway=Service(os.environ["BENCHMARK_GATEWAY"]))
    made.agent(SENDER, guid="guid.AgentGateway1")
    return made


broker = StreamBroker(os.environ["BENCHMARK_REDIS"])
queue = NoteQueue(broker, RedisJobs(os.environ["BENCHMARK_REDIS"], keys=os.environ["BENCHMARK_SEAL"]), client)


async def submit(job: str, requests: int) -> None:
    """Write requests down and queue them, each of a hundred receivers."""
    await broker.startup()
    note = Note(range(FIRST, FIRST + IN_A_REQUEST), CONTENT)
    await queue.send_notes(job, [note] * requests, agents=[SENDER]).submit()
    await broker.shutdown()


def submit_all(job: str, requests: int) -> None:
    """Submit, and print how many seconds it took."""
    began = time.perf_counter()
    anyio.run(submit, job, requests)
    sys.stdout.write(f"{time.perf_counter() - began}\n")
