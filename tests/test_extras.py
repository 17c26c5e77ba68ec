"""What an import says where an extra is not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from importlib.machinery import PathFinder

class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == sys.argv[1] else super().find_spec(name, path, target)

sys.meta_path[:] = [finder if finder is not PathFinder else Bare for finder in sys.meta_path]
try:
    exec(sys.argv[2])
except ModuleNotFoundError as error:
    print(error.name.partition(".")[0], error, sep=": ")
"""


@pytest.mark.parametrize(
    ("absent", "statement", "extra"),
    [
        ("starlette", "from aiocc.testing import Simulator", "simulator"),
        ("starlette", "from aiocc.testing import InProcess", "simulator"),
        ("uvicorn", "from aiocc.simulator import Simulator", "simulator"),
        ("trustme", "import aiocc.simulator.simulator", "simulator"),
        ("redis", "from aiocc.integrations.redis import RedisJobs", "redis"),
        ("redis", "from aiocc.integrations.taskiq import NoteQueue", "taskiq"),
        ("taskiq", "from aiocc.integrations.taskiq import NoteQueue", "taskiq"),
        ("taskiq_redis", "from aiocc.integrations.taskiq import NoteQueue", "taskiq"),
        ("email", "from aiocc.testing import Simulator", None),
    ],
)
def test_a_missing_extra_is_named(absent: str, statement: str, extra: str | None) -> None:
    """The error is Python's own for a missing module, and says what to install; nothing that no extra brings."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, absent, statement], capture_output=True, text=True, timeout=60, check=True
    )
    name, _, told = done.stdout.strip().partition(": ")

    assert (absent, extra is not None) == (name, told.endswith(f"needs pip install 'aiocc[{extra}]'"))
