"""What a worker does with a request of an agent whom keepers keep signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from cryptography.fernet import Fernet

from aiocc import Client, Delivery
from aiocc.integrations.redis import AgentKeeper, RedisJobs, SharedSessions
from aiocc.integrations.taskiq.worker import Worker
from aiocc.scopes.notes import NoteRequest
from aiocc.simulator import Simulator

from .keeping import AGENT, BRISK, OURS, PHONE

SEAL = Fernet.generate_key().decode()
JOB = "kept"


@pytest.fixture
async def sessions(redis_url: str) -> AsyncIterator[SharedSessions]:
    """Where sessions are published."""
    made = SharedSessions(redis_url, keys=SEAL)
    yield made
    await made.aclose()


def request(number: int) -> NoteRequest:
    """A request to one agent."""
    content = f"note {number}"
    return NoteRequest(
        job=JOB, number=number, note=number, key=None, sender=AGENT, receivers=(31_000,), content=content
    )


@asynccontextmanager
async def working(aicc: Simulator, jobs: RedisJobs, sessions: SharedSessions, requests: int) -> AsyncIterator[Worker]:
    """Make a worker, and a job of so many requests."""

    async def ring(_: Iterable[NoteRequest]) -> None:
        """Queue nothing: this test hands requests out itself."""

    worker = Worker(jobs, Client.from_env(aicc.environment), sessions, ring)
    try:
        await jobs.begin(JOB)
        await jobs.plan(JOB, [request(number) for number in range(requests)])
        yield worker
    finally:
        await worker.aclose()


def answers(aicc: Simulator) -> list[str | None]:
    """Give the codes with which notes were answered."""
    return [seen.code for seen in aicc.requests if seen.operation == "send_note"]


async def test_what_is_refused_for_a_lost_guid_is_sent_once_with_the_next_one(
    aicc: Simulator, redis_url: str, sessions: SharedSessions
) -> None:
    """After a takeover a worker's GUID is good no more: it waits for the one that is published, and sends again."""
    aicc.configure(poll_hold=0.05)
    jobs = RedisJobs(redis_url, keys=SEAL, lease=20)
    done: list[str] = []
    async with working(aicc, jobs, sessions, 2) as worker:
        for number in range(2):
            async with (
                Client.from_env({**aicc.environment, **OURS}) as client,
                AgentKeeper(sessions, client, AGENT, phone=PHONE, poll_pause=BRISK),
            ):
                done.append(await worker.send(request(number)))

    assert ["accepted", "accepted"] == done
    assert ["0", "100-006", "0"] == answers(aicc)
    assert ["note 0", "note 1"] == [note.content for note in aicc.notes]


async def test_without_a_session_nothing_is_sent_and_the_request_stays_open(
    aicc: Simulator, redis_url: str, sessions: SharedSessions
) -> None:
    """Where no keeper publishes a session in time, the request is named as not sent, and can be claimed later."""
    jobs = RedisJobs(redis_url, keys=SEAL, lease=0.1)
    async with working(aicc, jobs, sessions, 1) as worker:
        done = await worker.send(request(0))
        (unsettled,) = await jobs.unsettled(JOB)
        (open_one,) = await jobs.open_requests(JOB)

    assert "no session" == done
    assert Delivery.NOT_SENT == unsettled.delivery
    assert request(0).hash == open_one.hash
    assert [] == answers(aicc)
