"""Runners of a fan-out that are killed, in short; `python -m tests.campaigns kills` is the long one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")


def test_ten_kills_lose_and_double_nothing() -> None:
    """Killed at ten requests and phases, and continued: nothing lost, nothing accepted sent again, the rest named."""
    command = [sys.executable, "-m", "tests.campaigns", "kills", "--seed", "25", "--count", "10"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)

    assert (done.returncode, done.stderr) == (0, "")
    assert "10 of 10 kills" in done.stdout


FULL = """
import sys
from functools import partial
from pathlib import Path
from tests.campaigns.kill_centre import contact_centre
from tests.campaigns.kill_runner import DONE, REFUSED, Work, end_of, fork, send_job
from tests.campaigns.kills import Trial

with contact_centre(0.0) as centre:
    trial = Trial(Work(3, 5_000), Path(sys.argv[1]), centre, 0)
    ends = []
    for most_bytes in (100_000, 200_000, None):
        run = partial(send_job, trial.work, trial.path, centre.environment, seed=1, most_bytes=most_bytes)
        ends.append(end_of(fork(run)))
    trial.judge()
    assert ends == [REFUSED, REFUSED, DONE], ends
    assert trial.found == [], trial.found
"""


def test_a_full_disk_stops_a_run_before_it_sends() -> None:
    """Where a claim cannot be written nothing leaves; with room again the job goes on, and nothing was sent twice."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", FULL, folder]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
