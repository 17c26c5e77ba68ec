"""The commands, as a shell runs them."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import aiocc

AIOCC = [sys.executable, "-W", "error", "-m", "aiocc"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*AIOCC, *arguments], capture_output=True, text=True, timeout=60)


def test_demo_exits_with_0_when_client_and_ledger_agree() -> None:
    """All five operations and the fan-out agree with the ledger, and the piped output says so in plain lines."""
    done = run("demo", "--notes", "40")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(": agrees") == 6
    assert "40 of 40 notes sent" in done.stdout
    assert "\x1b" not in done.stdout


def test_version() -> None:
    """`--version` prints the version alone."""
    assert run("--version").stdout == f"{aiocc.__version__}\n"


@pytest.mark.parametrize("command", [(), ("demo",), ("simulate",)])
def test_help(command: tuple[str, ...]) -> None:
    """Every command explains itself."""
    done = run(*command, "--help")

    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_a_wrong_argument_is_named() -> None:
    """An argument outside its limit is named, with exit code 2."""
    done = run("demo", "--notes", "0")

    assert done.returncode == 2
    assert "--notes" in done.stderr


def test_simulate_prints_an_environment_that_works(tmp_path: Path) -> None:
    """The printed lines, sourced by a shell, are all that `Client.from_env()` needs; SIGINT ends it cleanly."""
    program = textwrap.dedent("""
        import asyncio
        from aiocc import Client

        async def main():
            async with Client.from_env() as client:
                await client.create_call(called="1")

        asyncio.run(main())
    """)
    with subprocess.Popen([*AIOCC, "simulate"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        lines = [simulator.stdout.readline()]
        while not lines[-1].startswith("#"):
            lines.append(simulator.stdout.readline())
        exports = tmp_path / "env.sh"
        exports.write_text("".join(lines))
        shell = f'. {exports} && exec "$0" -W error -c "$1"'
        done = subprocess.run(
            ["/bin/sh", "-c", shell, sys.executable, program], capture_output=True, text=True, timeout=30
        )
        simulator.send_signal(signal.SIGINT)
        said, errors = simulator.communicate(timeout=30)

    assert (done.returncode, done.stderr) == (0, "")
    assert (simulator.returncode, errors) == (0, "")
    assert "# 2 requests: 1 call, 0 click-to-dial calls, 0 messages, 0 notes in inboxes" in said


@pytest.mark.parametrize(
    ("absent", "command", "extra"),
    [
        ("typer", (), "aiocc[cli]"),
        ("uvicorn", ("demo",), "aiocc[simulator]"),
        ("trustme", ("simulate",), "aiocc[simulator]"),
    ],
)
def test_a_missing_extra_is_named(absent: str, command: tuple[str, ...], extra: str) -> None:
    """Without an extra, the command line says which one it needs, and shows no traceback."""
    program = f"""
import sys
from importlib.machinery import PathFinder

class Absent(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == {absent!r} else super().find_spec(name, path, target)

sys.meta_path[:] = [finder if finder is not PathFinder else Absent for finder in sys.meta_path]
sys.argv = ["aiocc", *{command!r}]
from aiocc.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert done.returncode != 0
    assert extra in done.stderr
    assert "Traceback" not in done.stderr
