"""`aiocc note fan-out --queue`, with the engine's own workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from aiocc import Note, Report
from aiocc.cli.app import app
from aiocc.cli.fan_out import over_queue
from aiocc.cli.output import Form
from aiocc.cli.queued import watch
from aiocc.cli.settings import Source
from aiocc.simulator import Simulator

from .redis_server import RedisServer, free_port

SEAL = Fernet.generate_key().decode()
AIOCC = [sys.executable, "-W", "error", "-m", "aiocc"]


@pytest.fixture
def anyio_backend() -> Any:
    """The command makes its own loop."""
    return "asyncio"


@pytest.fixture(scope="module")
def centre() -> Iterator[Simulator]:
    """A contact centre that workers reach."""
    with Simulator(tls=False) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def workers(centre: Simulator, module_redis: RedisServer) -> Iterator[None]:
    """One worker process, by the engine's own command."""
    own = {"QUEUE_REDIS": module_redis.url, "QUEUE_SEAL": SEAL, "QUEUE_LEASE": "30"}
    command = [sys.executable, "-m", "taskiq", "worker", "tests.queue.app:worker", "--workers", "1"]
    root = Path(__file__).parent.parent.parent
    environ = {**os.environ, **centre.environment, **own}
    with subprocess.Popen([*command, "--log-level", "ERROR"], cwd=root, env=environ, start_new_session=True) as manager:
        yield
        os.killpg(manager.pid, signal.SIGKILL)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two notes, of one request each."""
    file = tmp_path / "agents.csv"
    file.write_text("to,content\n31002,early shift\n31003,late shift\n")
    return file


def submitting() -> dict[str, str]:
    """Give the environment of somebody who submits: without a gateway, and without a GUID."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AIOCC_")}
    return {**own, "XDG_CONFIG_HOME": "/nonexistent", "AIOCC_AGENT_ID": "101", "AIOCC_QUEUE_KEY": SEAL}


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    told = {**submitting(), **environ}
    return subprocess.run([*AIOCC, "note", "fan-out", *arguments], capture_output=True, text=True, timeout=90, env=told)


def run_here(*arguments: str, **environ: str) -> Result:
    """Run the command in this process."""
    others = dict.fromkeys(name for name in os.environ if name.startswith("AIOCC_"))
    return CliRunner().invoke(app, ["note", "fan-out", *arguments], env={**others, **submitting(), **environ})


def test_a_fan_out_over_a_queue_reports_as_one_without(
    centre: Simulator, module_redis: RedisServer, workers: None, table: Path
) -> None:
    """Its report and exit code say what became of each note; the same command goes on, and sends nothing twice."""
    centre.answer_with("send_note", code="100-001")
    told = ["--to", str(table), "--job", "shifts", "--rate", "50", "--json"]
    first = run(*told, "--queue", module_redis.url)
    second = run(*told, AIOCC_QUEUE_URL=module_redis.url)

    assert (5, 1, 1) == (first.returncode, *(json.loads(first.stdout)[name] for name in ("accepted", "rejected")))
    assert (0, 2, 0) == (second.returncode, *(json.loads(second.stdout)[name] for name in ("accepted", "rejected")))
    assert ["early shift", "late shift"] == sorted(note.content for note in centre.notes)
    assert SEAL not in first.stderr + second.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--queue", "redis://127.0.0.1:1/0"], "--job"),
        (["--queue", "redis://:canary@127.0.0.1:1/0", "--job", "shifts"], "password"),
        (["--job", "shifts", "--sign-in"], "--sign-in"),
        (["--queue", "redis://127.0.0.1:1/0", "--job", "shifts", "--journal", "run.db"], "--journal"),
        (["--queue", "redis://127.0.0.1:1/0", "--job", "shifts", "--concurrency", "2"], "--concurrency"),
        (["--job", "shifts", "--force", "always"], "--force"),
        (["--no-durable"], "with --job"),
    ],
)
def test_options_that_do_not_go_together_are_named(arguments: list[str], said: str, table: Path) -> None:
    """Wrong usage is told before anything is submitted."""
    done = run_here("--to", str(table), *arguments)

    assert 2 == done.exit_code
    assert said in done.stderr


@pytest.mark.parametrize(
    ("url", "environ", "said"),
    [
        ("", {}, "set AIOCC_QUEUE_URL"),
        ("http://127.0.0.1", {}, "redis must be a URL"),
        ("redis://127.0.0.1:1/0", {"AIOCC_QUEUE_KEY": "short"}, "keys must be Fernet keys"),
        ("redis://127.0.0.1:1/0", {"AIOCC_AGENT_ID": ""}, "AIOCC_AGENT_ID is not set"),
    ],
)
def test_what_cannot_work_is_told(url: str, environ: dict[str, str], said: str, table: Path) -> None:
    """Wrong configuration has its own exit code."""
    done = run_here("--to", str(table), "--queue", url, "--job", "shifts", **environ)

    assert 3 == done.exit_code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_redis_that_dies_after_the_submission_leaves_it_unknown(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Workers may have sent by then: that is not the exit code of nothing sent, and the job's name is told."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    monkeypatch.setenv("AIOCC_AGENT_ID", "101")
    notes = [Note([31002], "early shift")]

    def over(*, on_progress: Callable[[Report], None], told: list[str]) -> Report:
        def strike(report: Report) -> None:
            own_redis.stop(signal.SIGKILL)
            on_progress(report)

        return watch(
            Source(), own_redis.url, "shifts", notes, None, resend_unknown=False, durable=True, on_progress=strike,
            told=told, patience=0.2,
        )  # fmt: skip

    code = over_queue(over, "shifts", 1, Form.TABLE)

    assert 6 == code
    assert "does not answer any more" in (said := capsys.readouterr().err)
    assert "'shifts'" in said


def test_without_the_extra_the_command_says_which(table: Path) -> None:
    """What --queue needs is named where it is missing."""
    told = ["aiocc", "note", "fan-out", "--to", str(table), "--queue", f"redis://127.0.0.1:{free_port()}", "--job", "j"]
    program = f"""
import sys
sys.modules["taskiq"] = None
sys.argv = {told!r}
from aiocc.cli import main
main()
"""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AIOCC_")}
    environ = {**own, "XDG_CONFIG_HOME": "/nonexistent", "AIOCC_AGENT_ID": "101"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environ)

    assert 3 == done.returncode
    assert "pip install 'aiocc[taskiq]'" in done.stderr
