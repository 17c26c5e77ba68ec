"""A journal's disk that fills up in the middle of a run; judged by the inboxes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from aiocc.simulator import Simulator

pytest.importorskip("resource", reason="there is no limit for files to be set")

COUNT = 200
FULL = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (200 * 1024, resource.RLIM_INFINITY))
sys.argv[:] = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""Runs a module that finds no room for a file of more than 200 KiB."""

PROGRAM = """
import asyncio, sys
from aiocc import Client, JournalError, Note

async def main():
    notes = [Note([31000 + number], "x") for number in range(int(sys.argv[2]))]
    async with Client.from_env() as client:
        run = client.agent().send_notes(notes, journal=sys.argv[1], concurrency=4)
        try:
            await run
        except JournalError as error:
            print(error)
        print(run.report.complete, run.report.accepted, run.report.receivers.get("unknown", 0))

asyncio.run(main())
"""


def child(aicc: Simulator, *command: str, folder: Path, full: bool) -> subprocess.CompletedProcess[str]:
    """Run a Python module, also one of a folder, on a full disk or on one with room."""
    limited = ["-c", FULL] if full else ["-m"]
    # A child whose coverage is measured would find no room for that either.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.run(
        [sys.executable, "-W", "error", *limited, *command],
        env={**environ, **aicc.environment, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_fan_out_whose_disk_fills_up_exits_by_its_receivers(aicc: Simulator, tmp_path: Path) -> None:
    """Some have the note, so the exit code is not that of nothing sent; with room the same command sends the rest."""
    pytest.importorskip("typer", reason="no typer: pip install 'aiocc[cli]'")
    table, journal = tmp_path / "agents.csv", tmp_path / "run.db"
    table.write_text("".join(f"{31000 + number}\n" for number in range(COUNT)))
    command = ("aiocc", "note", "fan-out", "--to", str(table), "--content", "x", "--journal", str(journal), "--json")

    first = child(aicc, *command, folder=tmp_path, full=True)
    told = json.loads(first.stdout)
    have_it = len(aicc.notes)
    second = child(aicc, *command, folder=tmp_path, full=False)
    then = json.loads(second.stdout)

    assert (6 if told["unknown"] else 4) == first.returncode
    assert (False, True) == (told["complete"], 0 < have_it < COUNT)
    assert told["accepted"] <= have_it <= told["accepted"] + told["unknown"]
    assert f"{journal}: the journal cannot be written: " in first.stderr
    assert "the same run with the same journal goes on" in first.stderr
    assert (6 if then["unknown"] else 0) == second.returncode
    assert (True, COUNT) == (then["complete"], then["accepted"] + then["unknown"])
    assert dict.fromkeys(range(31000, 31000 + COUNT), 1) == Counter(note.receiver for note in aicc.notes)


def test_a_run_whose_disk_fills_up_says_what_was_sent(aicc: Simulator, tmp_path: Path) -> None:
    """The error names the file and what to do, the report says who has the note, and nothing leaves after it."""
    journal = tmp_path / "run.db"
    (tmp_path / "program.py").write_text(PROGRAM)

    done = child(aicc, "program", str(journal), str(COUNT), folder=tmp_path, full=True)
    error, _, report = done.stdout.strip().partition("\n")
    complete, accepted, unknown = report.split()

    assert (0, "", "False") == (done.returncode, done.stderr, complete)
    assert error.startswith(f"{journal}: the journal cannot be written: ")
    assert 0 < int(accepted) <= len(aicc.notes) <= int(accepted) + int(unknown) < COUNT
