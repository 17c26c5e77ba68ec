"""The recipe of a job."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aiocc.simulator import Simulator

JOB = Path(__file__).with_name("cron_notes.py")


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [(None, 0, None), ("100-001", 1, "rejected"), ("100-007", 2, "unknown")],
)
def test_the_job_says_by_its_exit_code_what_is_known(
    code: str | None, exit_code: int, said: str | None, aicc: Simulator, tmp_path: Path
) -> None:
    """Every row becomes a note; cron learns by the exit code whether someone must look."""
    (tmp_path / "notes.csv").write_text("agent,content\n31002,early shift\n31003,late shift\n")
    if code is not None:
        aicc.answer_with("send_note", code=code, times=2)
    done = subprocess.run(
        [sys.executable, str(JOB), str(tmp_path / "notes.csv")],
        env=aicc.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert exit_code == done.returncode, done.stderr
    rows = [] if said is None else [["notes.csv:2", said], ["notes.csv:3", said]]
    assert rows == sorted(line.split()[:2] for line in done.stderr.splitlines())
    assert (["early shift", "late shift"] if code is None else []) == sorted(note.content for note in aicc.ledger.notes)
