"""A job of a queue from the command line: how it stands, `notes pause`, `notes resume`, `notes cancel`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from aiocc import Note
from aiocc.cli.app import app
from aiocc.simulator import Simulator

from .app import make
from .redis_server import RedisServer

ROOT = Path(__file__).parent.parent.parent
SEAL = Fernet.generate_key().decode()
AIOCC = [sys.executable, "-W", "error", "-m", "aiocc"]
NOTES = [Note([31002], "early shift"), Note([31003, 31004], "late shift")]


@pytest.fixture
def anyio_backend() -> Any:
    """The command makes its own loop."""
    return "asyncio"


@pytest.fixture(scope="module")
def centre() -> Iterator[Simulator]:
    """A contact centre that workers reach."""
    with Simulator(tls=False) as simulator:
        yield simulator


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The same notes as a file."""
    file = tmp_path / "agents.csv"
    file.write_text("to,content\n31002,early shift\n31003 31004,late shift\n")
    return file


def own() -> dict[str, str]:
    """Give the environment of somebody who submits and commands: without a gateway, and without a GUID."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("AIOCC_")}
    return {**others, "XDG_CONFIG_HOME": "/nonexistent", "AIOCC_AGENT_ID": "101", "AIOCC_QUEUE_KEY": SEAL}


def command(*arguments: str, **environ: str) -> Result:
    """Run a command about notes in this process."""
    others = dict.fromkeys(name for name in os.environ if name.startswith("AIOCC_"))
    return CliRunner().invoke(app, ["notes", *arguments], env={**others, **own(), **environ})


def submit(redis_url: str, job: str) -> None:
    """Submit the notes, and leave."""
    told = {"QUEUE_REDIS": redis_url, "QUEUE_SEAL": SEAL, "QUEUE_LEASE": "30"}

    async def main() -> None:
        broker, queue = make(told)
        await broker.startup()
        await queue.send_notes(job, NOTES, agents=[101]).submit()
        await broker.shutdown()

    asyncio.run(main())


@contextmanager
def watching(redis_url: str, job: str, table: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Submit by the command, which then watches the workers."""
    told = [*AIOCC, "note", "fan-out", "--to", str(table), "--queue", redis_url, "--job", job, "--json", *options]
    with subprocess.Popen(told, env=own(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def working(centre: Simulator, redis_url: str) -> Iterator[None]:
    """Have one worker process, by the engine's own command."""
    told = {"QUEUE_REDIS": redis_url, "QUEUE_SEAL": SEAL, "QUEUE_LEASE": "30"}
    words = [
        sys.executable,
        "-m",
        "taskiq",
        "worker",
        "tests.queue.app:worker",
        "--workers",
        "1",
        "--log-level",
        "ERROR",
    ]
    environ = {**os.environ, **centre.environment, **told}
    with subprocess.Popen(words, cwd=ROOT, env=environ, start_new_session=True) as manager:
        try:
            yield
        finally:
            os.killpg(manager.pid, signal.SIGKILL)


def until(true: Callable[[], bool]) -> None:
    """Wait for something that another process brings about."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def standing(redis_url: str, job: str) -> dict[str, Any]:
    """Say how a job stands, by the command."""
    done = command("status", "--job", job, "--queue", redis_url, "--json")
    return json.loads(done.stdout) if done.exit_code == 0 else {}


def test_a_job_is_paused_and_goes_on(centre: Simulator, redis_url: str, table: Path) -> None:
    """Who watches a paused job is told, and nothing of it is sent; once it is resumed all of it is, each note once."""
    centre.reset()
    with watching(redis_url, "spring", table) as watcher:
        until(lambda: standing(redis_url, "spring").get("notes") == 2)
        paused = command("pause", "spring", "--queue", redis_url, "--json")
        assert watcher.stderr is not None
        while "is paused; `aiocc notes resume spring`" not in watcher.stderr.readline():
            assert watcher.poll() is None
        submit(redis_url, "summer")
        with working(centre, redis_url):
            until(lambda: standing(redis_url, "summer").get("complete") is True)
            meanwhile = standing(redis_url, "spring")
            sent = len(centre.notes)
            resumed = command("resume", "spring", AIOCC_QUEUE_URL=redis_url)
            report, _ = watcher.communicate(timeout=60)

    facts = {"job": "spring", "state": "paused", "complete": False, "notes": 2, "requests": 2, "waiting": 2}
    counts = {"on_their_way": 0, "not_sent": 0, "rejected": 0, "accepted": 0, "unknown": 0}
    assert (0, {**facts, **counts}) == (paused.exit_code, json.loads(paused.stdout))
    assert ({**facts, **counts}, 3) == (meanwhile, sent)
    assert (0, "open") == (
        resumed.exit_code,
        dict(line.split(None, 1) for line in resumed.stdout.splitlines())["state"],
    )
    assert (0, 3) == (watcher.returncode, json.loads(report)["accepted"])
    assert 6 == len(centre.notes)


def test_a_job_is_cancelled(redis_url: str, table: Path) -> None:
    """Whoever watches it is told, its receivers count as not sent, and it can still be resumed."""
    with watching(redis_url, "spring", table) as watcher:
        until(lambda: standing(redis_url, "spring").get("notes") == 2)
        cancelled = command("cancel", "spring", "--queue", redis_url)
        report, errors = watcher.communicate(timeout=60)
    listed = command("status", "--job", "spring", "--queue", redis_url, "--unsettled", "--csv")

    assert (0, 4, 3) == (cancelled.exit_code, watcher.returncode, json.loads(report)["not_sent"])
    assert ["waiting       2 requests", "on their way  0 requests"] == cancelled.stdout.splitlines()[5:7]
    assert "aiocc notes resume spring" in errors
    assert ["receiver,note,key,delivery,reason", "31002,0,,not_sent,", "31003,1,,not_sent,", "31004,1,,not_sent,"] == (
        listed.stdout.splitlines()
    )
    assert 0 == command("resume", "spring", "--queue", redis_url).exit_code
    assert "open" == standing(redis_url, "spring")["state"]


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_what_cannot_be_done_to_a_job_is_told(redis_url: str, action: str) -> None:
    """A job that is not there, or no queue, is wrong configuration; a password is never an argument."""
    absent = command(action, "winter", "--queue", redis_url)
    nowhere = command(action, "winter")
    shown = command(action, "winter", "--queue", "redis://:canary@127.0.0.1:1/0")

    assert [3, 3, 2] == [done.exit_code for done in (absent, nowhere, shown)]
    assert "aiocc: there is no job 'winter'; give the name and the Redis that it was submitted with\n" == absent.stderr
    assert "set AIOCC_QUEUE_URL" in nowhere.stderr
    assert "password" in shown.stderr
    assert "canary" not in shown.output


@pytest.mark.parametrize("key", [Fernet.generate_key().decode(), ""], ids=["another", "none"])
def test_a_job_is_not_resumed_with_another_key(redis_url: str, key: str) -> None:
    """What was sealed cannot be queued again: the variable is named, and the job stays as it was."""
    submit(redis_url, "spring")
    command("pause", "spring", "--queue", redis_url, AIOCC_QUEUE_KEY=key)

    done = command("resume", "spring", "--queue", redis_url, AIOCC_QUEUE_KEY=key)

    assert (3, "paused") == (done.exit_code, standing(redis_url, "spring")["state"])
    assert "AIOCC_QUEUE_KEY" in done.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("run.db", "--job", "spring"), ("run.db", "--queue", "redis://127.0.0.1:1/0")], ids=" ".join
)
def test_a_status_is_of_a_journal_or_of_a_job(arguments: tuple[str, ...]) -> None:
    """One of them, and a queue only with a job."""
    assert 2 == command("status", *arguments).exit_code


def test_a_redis_that_may_forget_is_refused_by_the_option_s_name(tmp_path: Path, table: Path) -> None:
    """What takes the risk is named as the command line has it, and does."""
    (folder := tmp_path / "redis").mkdir()
    with RedisServer(folder, appendonly="no") as redis:
        with watching(redis.url, "spring", table) as watcher:
            _, refused = watcher.communicate(timeout=60)
        with watching(redis.url, "spring", table, "--no-durable") as taken:
            until(lambda: standing(redis.url, "spring").get("notes") == 2)
            taken.send_signal(signal.SIGTERM)
            _, left = taken.communicate(timeout=60)

    assert (3, True, False) == (watcher.returncode, "(--no-durable takes that risk)" in refused, "durable=" in refused)
    assert (130, True) == (taken.returncode, "the job 'spring'" in left)
