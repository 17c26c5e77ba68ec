"""README is true: its Python blocks and its commands run from top to bottom, against one simulator."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
RECIPES = [block for block in BLOCKS if block.startswith("# tests/recipes/")]
TESTS = [block for block in BLOCKS if "def test_" in block and block not in RECIPES]
PROGRAMS = [block for block in BLOCKS if block not in TESTS and block not in RECIPES]

COMMANDS = re.search(r"## On the command line\n\n```\n(.*?)```", README, re.DOTALL)[1].splitlines()  # type: ignore[index]
OF_A_QUEUE = [line for line in COMMANDS if "spring" in line.partition("#")[0]]
"""These need a Redis and workers: tests/queue runs them."""
COMMANDS = [line for line in COMMANDS if line not in OF_A_QUEUE]
ENDLESS = ("call dial", "agent events")
"""Commands that go on until Ctrl-C."""

Environment = dict[str, str]


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """What one `aiocc simulate` prints for a shell, while it runs."""
    command = [sys.executable, "-m", "aiocc", "simulate"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        exports: Environment = {}
        while not (line := simulator.stdout.readline()).startswith("# What happened"):
            name, _, value = line.removeprefix("export ").partition("=")
            exports |= {} if line.startswith("#") else {name: shlex.split(value)[0]}
        try:
            home = str(tmp_path_factory.mktemp("home"))  # without the settings of whoever runs the tests
            yield {**os.environ, **exports, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": home}
        finally:
            simulator.terminate()


@pytest.mark.parametrize("block", RECIPES)
def test_a_recipe_is_the_file_that_it_names(block: str) -> None:
    """What is shown of a recipe is all of it, and its own test runs it."""
    name, _, shown = block.partition("\n")

    assert (ROOT / name.removeprefix("# ")).read_text() == shown


@pytest.mark.parametrize("block", TESTS, ids=range(len(TESTS)))
def test_every_test_runs(block: str, tmp_path: Path) -> None:
    """Each test that is shown passes, with a simulator of its own."""
    (tmp_path / "test_block.py").write_text(block)
    options = ["-q", "-o", "anyio_mode=auto", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    command = [sys.executable, "-W", "error", "-m", "pytest", *options, str(tmp_path)]

    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.timeout(600)
def test_every_program_and_command_runs_after_those_before_it(environment: Environment, tmp_path: Path) -> None:
    """From top to bottom, as a reader does it: what one example leaves behind, the next has to live with."""
    (tmp_path / "agents.csv").write_text("to,content\n31002,hello\n31003 31004,hello to both\n")
    failures: list[tuple[str, int, str]] = []

    for program in PROGRAMS:
        command = [sys.executable, "-W", "error", "-c", program]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
        )
        failures += [(program, done.returncode, done.stderr)] if done.returncode or done.stderr else []
    for line in COMMANDS:
        endless = any(words in line for words in ENDLESS)
        code, said = ended(line, environment, tmp_path, interrupted=endless)
        well = (code, "interrupted" in said) == (130, True) if endless else (code, said) == (0, "")
        failures += [] if well else [(line, code, said)]

    assert (failures, len(PROGRAMS) > 10, len(COMMANDS) > 10) == ([], True, True)


def ended(line: str, environment: Environment, folder: Path, *, interrupted: bool) -> tuple[int, str]:
    """Run a line as a shell would, with a Ctrl-C after its first output if wanted; gives exit code and stderr."""
    words = shlex.split(line, comments=True)
    at = words.index("aiocc")
    variables = dict(word.split("=", 1) for word in words[:at])
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", *words[at:]],
        env={**environment, **variables}, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one system call, before anything else
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            if interrupted:
                process.stdout.readline()
                process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, errors


def test_the_commands_of_a_queue_are_left_to_its_tests() -> None:
    """Nothing else of the list is left out."""
    assert ["note fan-out", "notes pause"] == [" ".join(line.split()[1:3]) for line in OF_A_QUEUE]


def test_the_two_commands_are_those_of_the_design() -> None:
    """The commands that people copy install nothing but the package's own extras."""
    commands = [line for line in README.splitlines() if ".venv/bin/pip install" in line]

    assert commands == [
        "python3 -m venv .venv && .venv/bin/pip install -q '.[all]' && .venv/bin/aiocc demo",
        ".venv/bin/pip install -q '.[all,dev]' && .venv/bin/pytest",
    ]
