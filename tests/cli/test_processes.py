"""What only a real process shows: pipes that close, Ctrl-C, and what is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aiocc.simulator import Simulator

AIOCC = [sys.executable, "-W", "error", "-m", "aiocc"]


def hear_interrupts() -> None:
    """Hear Ctrl-C also where this run was itself started to ignore it, in the background of a shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def running(aicc: Simulator, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command as a process."""
    # Unbuffered, Python itself loses what a pipe that closes has not taken.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [*AIOCC, *arguments],
        env={**environ, **aicc.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,  # noqa: PLW1509 - one system call, before anything else
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(true: Callable[[], bool]) -> None:
    """Wait for something that another process brings about."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


@pytest.mark.parametrize("form", ["--csv", None])
def test_a_reader_that_goes_away_leaves_no_traceback(aicc: Simulator, form: str | None) -> None:
    """More than a pipe holds, to a reader that closes it: exit code 141, as of any program in a shell."""
    aicc.configure(obs_totals={1: 3000})

    with running(aicc, "codes", "list", "1", *filter(None, [form])) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        code = process.wait(60)

    assert (141, "") == (code, said)


def test_an_interrupted_fan_out_is_continued(aicc: Simulator, tmp_path: Path) -> None:
    """Ctrl-C ends with what is known; the same command goes on, and nobody gets a note twice."""
    count = 120
    aicc.configure(latency=0.05)
    table, journal = tmp_path / "agents.csv", tmp_path / "run.db"
    table.write_text("to,content\n" + "".join(f"{31000 + number},note {number}\n" for number in range(count)))
    command = ("note", "fan-out", "--to", str(table), "--journal", str(journal), "--concurrency", "4", "--json")

    with running(aicc, *command) as process:
        until(lambda: len(aicc.notes) >= 20)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    first = json.loads(out)

    assert (130, False) == (process.returncode, first["complete"])
    assert "Traceback" not in errors
    assert "the same command goes on" in errors
    assert f"send_notes cancelled: of the receivers {first['accepted']} accepted" in errors
    assert first["accepted"] <= len(aicc.notes) <= first["accepted"] + first["unknown"]
    assert first["unknown"] <= 4

    aicc.configure(latency=0.0)
    with running(aicc, *command) as process:
        out, errors = process.communicate(timeout=60)
    second = json.loads(out)
    contents = [note.content for note in aicc.notes]

    assert (6 if first["unknown"] else 0) == process.returncode
    assert (True, count) == (second["complete"], second["accepted"] + second["unknown"])
    assert len(contents) == len(set(contents))
    assert second["accepted"] <= len(contents) <= count


def test_agent_events_leave_nobody_signed_in(aicc: Simulator) -> None:
    """Ctrl-C signs the agent out, and says so."""
    aicc.sign_out(101)

    with running(aicc, "agent", "events", "--json") as process:
        assert process.stdout is not None
        event = json.loads(process.stdout.readline())
        signed_in = aicc.agents_signed_in
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert ("AgentState_Ready", (101,), ()) == (event["type"], signed_in, aicc.agents_signed_in)
    assert 130 == process.returncode
    assert ["aiocc: agent 101 is signed in until Ctrl-C", "aiocc: interrupted; the agent was signed out"] == (
        errors.splitlines()
    )


def test_a_dialled_call_is_dropped(aicc: Simulator) -> None:
    """Ctrl-C drops the call, so that it occupies nobody."""
    with running(aicc, "call", "dial", "voice") as process:
        assert process.stdout is not None
        event = process.stdout.readline()
        occupied = aicc.agents_occupied
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert "connected" in event
    assert (1, 0, ()) == (occupied, aicc.agents_occupied, aicc.dialling)
    assert (130, "aiocc: interrupted; the call was dropped") == (process.returncode, errors.splitlines()[-1])


def test_a_dialled_call_that_goes_on_unheard_says_so(aicc: Simulator) -> None:
    """Events that are refused for their token are told of on stderr, once, while the call lasts."""
    with running(aicc, "call", "dial", "voice") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        refused = aicc.fault("unauthorized", "dial_events")
        until(lambda: refused.struck >= 3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    occupied, unheard, ended = errors.splitlines()
    assert occupied.endswith("until Ctrl-C")
    assert unheard.startswith("aiocc: dial_events ")
    assert unheard.endswith("the token is refused: the call goes on unheard")
    assert "aiocc: interrupted; the call was dropped" == ended


def test_an_agent_who_is_not_surely_signed_out_is_not_said_to_be(aicc: Simulator) -> None:
    """A sign-out that fails is told of, and nothing else is claimed."""
    aicc.sign_out(101)
    aicc.answer_with("sign_out", status=500, times=20)

    with running(aicc, "agent", "events", "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert ((101,), 130) == (aicc.agents_signed_in, process.returncode)
    assert "agent 101 may still be signed in" in errors
    assert "aiocc: interrupted" == errors.splitlines()[-1]


@pytest.mark.parametrize("command", [("agent", "events", "--json"), ("call", "dial", "voice")], ids=" ".join)
def test_a_supervisor_ends_a_scope_as_ctrl_c_does(aicc: Simulator, command: tuple[str, ...]) -> None:
    """SIGTERM leaves nobody signed in and no call behind."""
    aicc.sign_out(101)

    with running(aicc, *command) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        _, errors = process.communicate(timeout=60)

    assert ((), (), 0) == (aicc.agents_signed_in, aicc.dialling, aicc.agents_occupied)
    assert 130 == process.returncode
    assert errors.splitlines()[-1].startswith("aiocc: interrupted; the ")


def test_a_call_that_is_interrupted_says_what_is_known(aicc: Simulator) -> None:
    """Ctrl-C while a call waits for its answer: it may be ringing, and its data finds it."""
    aicc.fault("silence", "create_call", count=1, effect=True)

    with running(aicc, "call", "create", "88884432", "--data", "order-4711") as process:
        until(lambda: aicc.calls_placed == 1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert 130 == process.returncode
    assert "unknown" in errors
    assert "order-4711" in errors
    assert 1 == len(errors.splitlines())
