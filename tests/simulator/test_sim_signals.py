"""A signal that ends the process leaves no file of the simulator's behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import aiocc.simulator
from aiocc.simulator import Simulator

ROOT = Path(aiocc.simulator.__file__).parent.parent.parent

ENDINGS = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without telling it")

LOOP = """
import anyio
async def main():
    async with Simulator() as sim:
        print(sim.ca_file, flush=True)
        await anyio.sleep_forever()
anyio.run(main, %s)
"""

PROGRAMS = {
    "started": "sim = Simulator().start(); print(sim.ca_file, flush=True); signal.pause()",
    "in a block": "with Simulator() as sim, Simulator() as other: print(sim.ca_file, flush=True); signal.pause()",
    "on asyncio": LOOP % "backend_options={'use_uvloop': False}",
    "on uvloop": LOOP % "backend_options={'use_uvloop': True}",
    "on trio": LOOP % "backend='trio'",
    "with a child": """
sim = Simulator().start()
child = os.fork()
if child == 0: signal.pause()
os.kill(child, signal.SIGTERM)
os.waitpid(child, 0)
print(sim.ca_file if os.path.exists(sim.ca_file) else "gone with the child", flush=True)
signal.pause()
""",
}


def hear_signals() -> None:
    """Hear them also where this run was itself started to ignore one, by `nohup`."""
    for name in ENDINGS:
        signal.signal(getattr(signal, name), signal.SIG_DFL)


@contextmanager
def begun(*command: str, temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program whose temporary files have a place of their own."""
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_signals,  # noqa: PLW1509 - system calls alone, before anything else
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_signal_leaves_no_folder(tmp_path: Path, program: str, ending: str) -> None:
    """The process ends by the signal, as it would without the simulator, and its CA file is gone."""
    code = f"import os, signal\nfrom aiocc.simulator import Simulator\n{program}"
    with begun(sys.executable, "-W", "error", "-c", code, temporary=tmp_path) as process:
        assert process.stdout is not None
        ca_file = Path(process.stdout.readline().strip())
        was_there = ca_file.exists()
        process.send_signal(getattr(signal, ending))
        _, errors = process.communicate(timeout=60)

    assert (True, -getattr(signal, ending), "") == (was_there, process.returncode, errors)
    assert (tmp_path, []) == (ca_file.parent.parent, list(tmp_path.iterdir()))


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_command_ends_well(tmp_path: Path, ending: str) -> None:
    """`aiocc simulate` says what happened, ends with 0, and leaves nothing."""
    pytest.importorskip("typer", reason="no typer: pip install 'aiocc[cli]'")
    with begun(sys.executable, "-W", "error", "-m", "aiocc", "simulate", temporary=tmp_path) as process:
        assert process.stdout is not None
        assert any(line.startswith("#") for line in iter(process.stdout.readline, ""))
        kept = len(list(tmp_path.iterdir()))
        process.send_signal(getattr(signal, ending))
        said, errors = process.communicate(timeout=60)

    assert (1, 0, "") == (kept, process.returncode, errors)
    assert "0 calls" in said
    assert [] == list(tmp_path.iterdir())


def test_the_demo_that_is_interrupted(tmp_path: Path) -> None:
    """A supervisor ends `aiocc demo` as Ctrl-C does, with 130, and nothing is left of it."""
    pytest.importorskip("typer", reason="no typer: pip install 'aiocc[cli]'")
    command = (sys.executable, "-W", "error", "-m", "aiocc", "demo", "--notes", "100000")
    with begun(*command, temporary=tmp_path) as process:
        assert process.stdout is not None
        assert any("fan-out" in line for line in iter(process.stdout.readline, ""))
        process.terminate()
        _, errors = process.communicate(timeout=60)

    assert (130, "aiocc: interrupted; the simulator has ended\n") == (process.returncode, errors)
    assert [] == list(tmp_path.iterdir())


def test_the_signals_are_the_program_s_again() -> None:
    """Once no simulator runs, the signals are as they were; a program's own handler is never touched."""
    before = [signal.getsignal(getattr(signal, name)) for name in ENDINGS]
    with Simulator():
        during = [signal.getsignal(getattr(signal, name)) for name in ENDINGS]
        signal.signal(signal.SIGTERM, own := lambda *_: None)
        with Simulator():
            pass
        kept = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, during[0])
    after = [signal.getsignal(getattr(signal, name)) for name in ENDINGS]

    assert (before, own) == (after, kept)
