"""README is true: every Python block in it runs, against the simulator."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from aiocc.simulator import Simulator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


RECIPES = [block for block in BLOCKS if block.startswith("# tests/recipes/")]
BLOCKS = [block for block in BLOCKS if block not in RECIPES]


@pytest.mark.parametrize("block", RECIPES)
def test_a_recipe_is_the_file_that_it_names(block: str) -> None:
    """What is shown of a recipe is all of it, and its own test runs it."""
    name, _, shown = block.partition("\n")

    assert (ROOT / name.removeprefix("# ")).read_text() == shown


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_python_block_runs(block: str, aicc: Simulator, tmp_path: Path) -> None:
    """Each block is a program that ends well, or a test that passes."""
    command = [sys.executable, "-W", "error"]
    if "def test_" in block:
        (tmp_path / "test_block.py").write_text(block)
        command += [
            "-m",
            "pytest",
            "-q",
            "-o",
            "anyio_mode=auto",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:asyncio",
            str(tmp_path),
        ]
    else:
        command += ["-c", block]

    done = subprocess.run(command, env=aicc.environment, capture_output=True, text=True, timeout=60, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_two_commands_are_those_of_the_design() -> None:
    """The commands that people copy install nothing but the package's own extras."""
    commands = [line for line in README.splitlines() if ".venv/bin/pip install" in line]

    assert commands == [
        "python3 -m venv .venv && .venv/bin/pip install -q '.[all]' && .venv/bin/aiocc demo",
        ".venv/bin/pip install -q '.[all,dev]' && .venv/bin/pytest",
    ]
