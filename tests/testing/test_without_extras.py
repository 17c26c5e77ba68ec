"""The pytest plugin, in a foreign project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from importlib.machinery import PathFinder

class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        absent = ("starlette", "uvicorn", "trustme", "typer", "rich")
        return None if name in absent else super().find_spec(name, path, target)

sys.meta_path[:] = [finder if finder is not PathFinder else Bare for finder in sys.meta_path]
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:asyncio", sys.argv[1]]))
"""


def run(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run one test in an environment that has the package without its extras."""
    (folder / "test_foreign.py").write_text(test)
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder)


def test_a_project_that_does_not_use_it_is_left_alone(tmp_path: Path) -> None:
    """Without the package's extras, pytest runs a test that never mentions it."""
    done = run(tmp_path, "def test_nothing():\n    pass\n")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    """Without the extra, the fixture says which one it needs."""
    done = run(tmp_path, "def test_call(aicc):\n    pass\n")

    assert done.returncode == 1
    assert "aiocc[simulator]" in done.stdout
