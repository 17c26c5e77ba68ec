"""The benchmark runs, and says what it should; how fast anything was is asserted nowhere."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVERS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])

pytestmark = [
    pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="benchmarks/ is not part of this installation"),
    pytest.mark.skipif(
        shutil.which("nginx", path=SERVERS) is None
        and importlib.util.find_spec("granian") is None
        and importlib.util.find_spec("uvicorn") is None,
        reason="no server to measure against: install nginx, granian or uvicorn",
    ),
    pytest.mark.skipif(importlib.util.find_spec("trustme") is None, reason="trustme is not installed"),
]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmark."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)


@pytest.mark.xdist_group("benchmarks")
def test_prints_a_table_of_calls_and_the_goals(tmp_path: Path) -> None:
    """A short run without peers exits with 0, and names each contender, load and goal."""
    file = tmp_path / "out.json"
    options = ["--only", "aiocc,limit", "--loops", "asyncio", "--c", "1", "--seconds", "0.2", "--rounds", "1"]

    done = run("calls", "construction", *options, "--json", str(file))

    assert 0 == done.returncode, done.stderr
    assert "### TLS, asyncio" in done.stdout
    assert "### plain, asyncio" in done.stdout
    assert "| **aiocc, whole typed call** |" in done.stdout
    assert "| limit: asyncio.Protocol, its TLS, httptools |" in done.stdout
    assert "| typed call against bare limit, c=1 | ≥ 0.6x |" in done.stdout
    assert "baseline: " in done.stdout.splitlines()[-1]
    assert 4 == len(json.loads(file.read_text("utf-8"))["cells"])


def test_refuses_an_unknown_contender() -> None:
    """A wrong option is said, and nothing is started."""
    done = run("--only", "nobody")

    assert 2 == done.returncode
    assert "expected some of httpx" in done.stderr
