"""The recipes of engines that run tasks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aiocc import Client
from aiocc.simulator import Simulator
from tests.queue.redis_server import RedisServer, free_port

celery = pytest.importorskip("celery", reason="no celery: pip install 'aiocc[recipes]'")
pytest.importorskip("temporalio", reason="no temporalio: pip install 'aiocc[recipes]'")
pytest.importorskip("redis", reason="no redis: pip install 'aiocc[redis]'")

ROOT = Path(__file__).parent.parent.parent


def test_celery_has_a_client_in_each_process(aicc: Simulator, tmp_path: Path) -> None:
    """Tasks of forked processes send each note once, and say what is not known."""
    aicc.answer_with("send_note", code="100-007")
    worker = [sys.executable, "-m", "celery", "-A", "tests.recipes.celery_app", "worker", "--concurrency", "2"]
    quiet = ["--loglevel", "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    with RedisServer(tmp_path) as redis:
        environ = {**os.environ, **aicc.environment, "CELERY_REDIS": redis.url}
        with subprocess.Popen([*worker, *quiet], cwd=ROOT, env=environ, start_new_session=True) as running:
            try:
                app = celery.Celery("notes", broker=redis.url, backend=redis.url)
                name = "tests.recipes.celery_app.send_note"
                sent = [app.send_task(name, ([31_000], f"note {number}")) for number in range(8)]
                said = sorted(one.get(timeout=60).partition(":")[0] for one in sent)
                running.send_signal(signal.SIGTERM)
                ended = running.wait(30)
            finally:
                if running.poll() is None:
                    os.killpg(running.pid, signal.SIGKILL)
                app.close()

    assert (["accepted"] * 7 + ["unknown"], 0) == (said, ended)
    assert 8 == len([seen for seen in aicc.requests if seen.operation == "send_note"])
    assert 7 == len({note.content for note in aicc.notes}) == len(aicc.notes)


@pytest.mark.parametrize(
    ("code", "said"), [("100-001", "rejected"), ("100-007", "unknown")], ids=["rejected", "unknown"]
)
async def test_temporal_repeats_nothing_that_may_have_arrived(environment: Simulator, code: str, said: str) -> None:
    """A refusal, and an answer that proves nothing, are errors that Temporal does not retry."""
    from temporalio.exceptions import ApplicationError
    from temporalio.testing import ActivityEnvironment

    from .temporal_activity import Notes

    async with Client.from_env() as client:
        notes = Notes(client)
        await ActivityEnvironment().run(notes.send_note, [31_000], "arrives")
        environment.answer_with("send_note", code=code)
        with pytest.raises(ApplicationError) as caught:
            await ActivityEnvironment().run(notes.send_note, [31_000], "once")

    assert (said, True) == (caught.value.type, caught.value.non_retryable)
    assert ["arrives"] == [note.content for note in environment.notes]


async def test_temporal_repeats_what_never_left(environment: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens not one byte has left: Temporal may try again."""
    from temporalio.exceptions import ApplicationError
    from temporalio.testing import ActivityEnvironment

    from .temporal_activity import Notes

    monkeypatch.setenv("AIOCC_GATEWAY_URL", f"https://127.0.0.1:{free_port()}")
    async with Client.from_env() as client:
        with pytest.raises(ApplicationError) as caught:
            await ActivityEnvironment().run(Notes(client.with_options(deadline=1.0)).send_note, [31_000], "later")

    assert ("not_sent", False) == (caught.value.type, caught.value.non_retryable)
