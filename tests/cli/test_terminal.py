"""What a person sees: questions without an echo, a bar, and the report below it. On a terminal of its own."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import attrs
import pytest

from aiocc.simulator import Simulator

from .test_processes import AIOCC

QUESTION = "isales secret key: "
LIST = ("codes", "list", "1", "--csv")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")


@attrs.define
class Terminal:
    """The other side of a command's terminal.

    Attributes:
        shown: What the command wrote, what it echoed included.
    """

    process: subprocess.Popen[bytes]
    _other_side: int
    shown: str = ""

    def until(self, text: str) -> None:
        """Read until something is shown."""
        while text not in self.shown:
            assert self._read(), f"{text!r} was never shown, but {self.shown!r}"

    def asked(self, question: str) -> None:
        """Read until a question is shown and waited upon: a Ctrl-C just between the two is lost to any Python."""
        self.until(question)
        state = Path(f"/proc/{self.process.pid}/stat")
        while state.exists() and state.read_text().rpartition(")")[2].split()[0] != "S":
            time.sleep(0.001)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._other_side, keys.encode())

    def end(self) -> int:
        """Read all that comes, and give the exit code."""
        while self._read():
            pass
        return self.process.wait(60)

    def _read(self) -> bool:
        try:
            got = os.read(self._other_side, 65536)
        except OSError:  # Linux says so where nobody holds the terminal any more
            return False
        self.shown += got.decode()
        return bool(got)


def own_terminal() -> None:
    """Let a command have its terminal to itself, and hear Ctrl-C from it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.setsid()
    os.close(os.open(os.ttyname(0), os.O_RDWR))  # the first that a session opens becomes its own


@contextmanager
def terminal(aicc: Simulator, *arguments: str, without: str = "", stdout: IO[str] | None = None) -> Iterator[Terminal]:
    """Run a command on a terminal, without one variable, its results to a file where one is given."""
    environ = {**os.environ, **aicc.environment, "TERM": "xterm", "COLUMNS": "100"}
    environ.pop(without, None)
    other_side, side = pty.openpty()
    try:
        with subprocess.Popen(
            [*AIOCC, *arguments],
            env=environ,
            stdin=side,
            stdout=side if stdout is None else stdout,
            stderr=side,
            preexec_fn=own_terminal,  # noqa: PLW1509 - system calls alone, before anything else
        ) as process:
            os.close(side)
            try:
                yield Terminal(process, other_side)
            finally:
                process.kill()
    finally:
        os.close(other_side)


def test_a_secret_is_asked_for_without_an_echo(aicc: Simulator) -> None:
    """A secret that is missing is asked for, serves, and shows nowhere."""
    secret = aicc.environment["AIOCC_ISALES_SECRET_KEY"]

    with terminal(aicc, *LIST, without="AIOCC_ISALES_SECRET_KEY") as person:
        person.asked(QUESTION)
        person.type(secret + "\n")
        code = person.end()

    assert (0, "code,description") == (code, person.shown.splitlines()[1])
    assert secret not in person.shown


@pytest.mark.parametrize("keys", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_a_question_can_be_left(aicc: Simulator, keys: str) -> None:
    """A question that is not answered ends the command at once, as an interrupt, and nothing is sent."""
    with terminal(aicc, *LIST, without="AIOCC_ISALES_SECRET_KEY") as person:
        person.asked(QUESTION)
        person.type(keys)
        code = person.end()

    assert (130, ()) == (code, aicc.requests)
    assert "aiocc: interrupted; nothing was on its way" == person.shown.splitlines()[-1]


@pytest.mark.parametrize("count", [40, 4000], ids=["to its end", "interrupted"])
def test_a_fan_out_shows_a_bar_and_then_its_report(aicc: Simulator, tmp_path: Path, count: int) -> None:
    """The bar has rate and counts, with what is on its way apart; the report stands below it, on lines of its own."""
    table = tmp_path / "agents.csv"
    table.write_text("to,content\n" + "".join(f"{31000 + number},note {number}\n" for number in range(count)))
    aicc.configure(latency=0.05)

    with terminal(aicc, "note", "fan-out", "--to", str(table), "--concurrency", "4") as person:
        person.until("on their way")
        during = person.shown
        if count > 40:
            person.type("\x03")
        code = person.end()

    complete = count == 40
    assert (0 if complete else 130) == code
    assert "/s  " in during
    assert "unknown" not in during
    report = person.shown.replace("^C", "").rpartition("\x1b[2K")[2].splitlines()
    assert f"complete  {complete}" == report[0]
    assert complete is not any("may have it" in line for line in report)


def test_a_bar_keeps_out_of_what_a_program_reads(aicc: Simulator, tmp_path: Path) -> None:
    """With stderr on a terminal, stdout has the report alone."""
    table, report = tmp_path / "agents.csv", tmp_path / "report.json"
    table.write_text("31002\n")
    words = ("note", "fan-out", "--to", str(table), "--content", "x", "--json")

    with report.open("w") as file, terminal(aicc, *words, stdout=file) as person:
        code = person.end()

    assert 0 == code
    assert "\x1b" in person.shown
    assert 1 == json.loads(report.read_text())["accepted"]
