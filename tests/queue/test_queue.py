"""Fan-outs over a queue, by real workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
import redis
from cryptography.fernet import Fernet
from taskiq import InMemoryBroker
from taskiq_redis import ListQueueBroker, PubSubBroker, RedisStreamBroker

from aiocc import Client, Delivery, Note
from aiocc.errors import ConfigurationError, InvalidRequestError, JournalMismatchError
from aiocc.integrations.redis import NoSuchJobError, RedisJobs
from aiocc.integrations.taskiq import NoteQueue, StreamBroker
from aiocc.simulator import Simulator

from . import app
from .chaos import run_once
from .redis_server import RedisServer

NOWHERE = "redis://127.0.0.1:1/0"
SEAL = Fernet.generate_key().decode()


@pytest.fixture(scope="module")
def centre() -> Iterator[Simulator]:
    """A contact centre that workers reach."""
    with Simulator(tls=False) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def environ(centre: Simulator, module_redis: RedisServer) -> dict[str, str]:
    """What a worker and whoever submits are told."""
    own = {"QUEUE_REDIS": module_redis.url, "QUEUE_SEAL": SEAL, "QUEUE_LEASE": "30"}
    return {**os.environ, **centre.environment, **own}


@pytest.fixture(scope="module")
def workers(environ: dict[str, str]) -> Iterator[None]:
    """One worker process, by the engine's own command."""
    command = [sys.executable, "-m", "taskiq", "worker", "tests.queue.app:worker", "--workers", "1"]
    root = Path(__file__).parent.parent.parent
    quiet = ["--max-async-tasks", "8", "--log-level", "ERROR"]
    with subprocess.Popen([*command, *quiet], cwd=root, env=environ, start_new_session=True) as manager:
        yield
        os.killpg(manager.pid, signal.SIGKILL)


@pytest.fixture
async def queue(centre: Simulator, environ: dict[str, str], workers: None) -> AsyncIterator[NoteQueue]:
    """The side of whoever submits."""
    centre.reset()
    broker, made = app.make(environ)
    await broker.startup()
    with redis.Redis.from_url(environ["QUEUE_REDIS"]) as client:
        for key in client.scan_iter("aiocc:job*"):  # also of jobs that are complete, which no list names any more
            client.delete(key)
    yield made
    await broker.shutdown()


def sender(centre: Simulator) -> list[int]:
    """The agent who is signed in."""
    return [int(centre.environment["AIOCC_AGENT_ID"])]


async def test_workers_send_what_is_submitted(centre: Simulator, queue: NoteQueue):
    """Every receiver has each note once, and the report says so as on one machine."""
    told: list[int] = []
    notes = [*app.notes(20), Note([31_000, 31_000], "twice named"), Note([], "to nobody")]
    run = queue.send_notes(
        "all", notes, agents=sender(centre), on_invalid="skip", on_progress=lambda p: told.append(p.requests)
    )
    report = await run

    assert {Delivery.ACCEPTED: 2001} == dict(report.receivers)
    assert (22, 21, 1, 1, True) == (
        report.notes, report.requests, report.invalid, report.duplicates, report.complete,
    )  # fmt: skip
    assert 2001 == len(centre.notes) == len({(note.receiver, note.content) for note in centre.notes})
    assert told[-1] == 21


async def test_submitting_is_told_of_as_it_goes(centre: Simulator, queue: NoteQueue):
    """Writing requests down takes its time: a hundred after the other is told of."""
    told: list[int] = []
    notes = [Note([31_000 + number], "one each") for number in range(250)]
    run = queue.send_notes("long", notes, agents=sender(centre), on_progress=lambda p: told.append(p.requests))
    await run.submit()
    submitted = list(told)
    await run.watch()

    assert [100, 200, 250] == submitted


async def test_a_job_is_continued_where_it_stands(centre: Simulator, queue: NoteQueue):
    """What was refused is sent when the job is continued, what is unknown only at the user's word."""
    centre.answer_with("send_note", code="100-001", times=2)
    centre.answer_with("send_note", status=502, after_effect=True)
    notes = app.notes(6)
    first = await queue.send_notes("go on", notes, agents=sender(centre))
    second = await queue.send_notes("go on", notes, agents=sender(centre))

    assert {Delivery.ACCEPTED: 300, Delivery.REJECTED: 200, Delivery.UNKNOWN: 100} == dict(first.receivers)
    assert 3 == len(first.unsettled)
    assert {"100-001", None} >= {outcome.code for outcome in first.unsettled}
    assert {Delivery.ACCEPTED: 500, Delivery.UNKNOWN: 100} == dict(second.receivers)
    assert 600 == len(centre.notes)
    third = await queue.send_notes("go on", notes, agents=sender(centre), resend_unknown=True)
    assert {Delivery.ACCEPTED: 600} == dict(third.receivers)
    assert 700 == len(centre.notes)


async def test_a_paused_job_waits_and_a_cancelled_one_ends(centre: Simulator, queue: NoteQueue):
    """Nothing of a paused job goes out until it is resumed; a cancelled one says what was not sent."""
    await queue.jobs.begin("pause")
    await queue.pause("pause")
    await queue.jobs.set_state("pause", "paused")
    with anyio.move_on_after(20):
        async with anyio.create_task_group() as group:
            run = queue.send_notes("pause", app.notes(3), agents=sender(centre))
            for request in run._requests(app.notes(1)[0]):
                await queue.jobs.plan("pause", [request])
                await queue.ring([request])
            assert "paused" == (await queue.jobs.progress("pause")).state
            group.cancel_scope.cancel()
    assert 0 == len(centre.notes)
    await queue.cancel("pause")
    report = await run.watch()

    assert {Delivery.NOT_SENT: 100} == dict(report.receivers)
    assert not report.complete
    await queue.resume("pause")
    await queue.jobs.planned("pause", notes=1)
    assert {Delivery.ACCEPTED: 100} == dict((await run.watch()).receivers)


async def test_other_notes_under_the_name_are_refused(centre: Simulator, queue: NoteQueue):
    """A job's name stands for its notes."""
    await queue.send_notes("mine", app.notes(1), agents=sender(centre))
    with pytest.raises(JournalMismatchError):
        await queue.send_notes("mine", [Note([31_000], "another")], agents=sender(centre))
    with pytest.raises(NoSuchJobError):
        await queue.report("nobody's")


async def test_a_note_that_cannot_be_sent_stops_before_anything_is(centre: Simulator, queue: NoteQueue):
    """The whole list is checked before the first request is queued."""
    with pytest.raises(InvalidRequestError):
        await queue.send_notes("bad", [*app.notes(1), Note([], "to nobody")], agents=sender(centre))

    assert [] == await queue.jobs.jobs()


def jobs() -> RedisJobs:
    """Jobs nowhere: what is refused here is refused before Redis is asked."""
    return RedisJobs(NOWHERE, keys=SEAL, lease=30)


@pytest.mark.parametrize(
    ("broker", "message"),
    [
        (ListQueueBroker(NOWHERE), "hands a request out once and forgets it"),
        (PubSubBroker(NOWHERE), "hands a request out once and forgets it"),
        (InMemoryBroker(), "hands a request out once and forgets it"),
        (StreamBroker(NOWHERE, idle_timeout=5), "at least the ledger's lease of 30 s, not 5 s"),
        (RedisStreamBroker(NOWHERE, idle_timeout=60), "at least the ledger's lease of 30 s, not 0.06 s"),
        ("redis", "must be one of taskiq's"),
    ],
    ids=["list", "pub/sub", "memory", "early", "milliseconds", "none"],
)
def test_a_broker_that_loses_or_repeats_is_refused(broker: StreamBroker, message: str):
    """A queue must hand out again what a worker did not finish, and not before its lease has ended."""
    with pytest.raises(ConfigurationError, match=message):
        NoteQueue(broker, jobs(), Client.from_env)


def test_an_idle_timeout_is_told_in_seconds():
    """A broker that counts milliseconds must have what is given in seconds."""
    with pytest.raises(ConfigurationError, match="milliseconds: 60 s are 60000"):
        NoteQueue(RedisStreamBroker(NOWHERE, idle_timeout=60), jobs(), Client.from_env, idle_timeout=60)
    NoteQueue(RedisStreamBroker(NOWHERE, idle_timeout=60_000), jobs(), Client.from_env, idle_timeout=60)


@pytest.mark.parametrize("wrong", [{"agents": []}, {"agents": [5]}, {"rate": 5}, {"on_invalid": "x"}, {"notes": "x"}])
def test_a_wrong_argument_is_refused_before_anything_is_written(wrong: dict[str, object]):
    """Bad input gets its error where it is given."""
    queue = NoteQueue(StreamBroker(NOWHERE), jobs(), Client.from_env)
    given = {"notes": [], "agents": [101], **wrong}
    with pytest.raises(InvalidRequestError):
        queue.send_notes("job", given.pop("notes"), **given)


def test_whatever_dies_nothing_is_doubled_lost_or_unnamed(module_redis: RedisServer):
    """Workers and keepers killed, Redis restarted, connections cut: every receiver has the note once, or is named."""
    verdict = run_once(7, 3_000, rate=10, every=0.3, lease=1.5, workers=2, most=10)

    assert [] == verdict.wrong, str(verdict)
    assert (0, 0) == (verdict.doubled, verdict.lost)
    assert verdict.events.total() > 2
