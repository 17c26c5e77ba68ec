"""`aiocc note fan-out`: the table is judged whole before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiocc.simulator import Simulator

from .conftest import Run

BAD = """to,content,key
31002,good,a
nobody,bad,b

31003;31004,"two
lines",c
12,bad,d
31005,{long},e
31006,bad,f,g
,bad,h
31007,good,i
""".replace("{long}", "x" * 1024)
BAD_LINES = (3, 7, 8, 9, 10)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Give a file with good and bad rows."""
    file = tmp_path / "agents.csv"
    file.write_text(BAD)
    return file


@pytest.fixture
def receivers(tmp_path: Path) -> str:
    """Give the file of a single receiver."""
    file = tmp_path / "receivers.csv"
    file.write_text("31002\n")
    return str(file)


def test_bad_rows_are_all_named_and_nothing_is_sent(run: Run, aicc: Simulator, table: Path) -> None:
    """Every bad row is named by its line of the file, also after blank lines and cells of several lines."""
    done = run("note", "fan-out", "--to", str(table))

    named = [
        int(line.partition(", line ")[2].partition(":")[0]) for line in done.stderr.splitlines() if ", line " in line
    ]
    assert (2, BAD_LINES) == (done.exit_code, tuple(named))
    assert "nothing was sent" in done.stderr
    assert () == aicc.requests


def test_good_rows_are_sent_where_told_so(run: Run, aicc: Simulator, table: Path) -> None:
    """`--skip-invalid` sends what can be sent, every character of it."""
    done = run("note", "fan-out", "--to", str(table), "--skip-invalid", "--json")

    assert (0, 4) == (done.exit_code, json.loads(done.stdout)["accepted"])
    assert ["two\nlines"] == [note.content for note in aicc.inbox(31004)]
    assert 4 == len(aicc.notes)


def test_receivers_alone(run: Run, aicc: Simulator, tmp_path: Path) -> None:
    """A file without names is receivers, one note for all, given beside it."""
    file = tmp_path / "agents.csv"
    file.write_bytes(b"\xef\xbb\xbf31002\r\n31003\r\n")

    assert 2 == run("note", "fan-out", "--to", str(file)).exit_code
    assert 0 == run("note", "fan-out", "--to", str(file), "--content", "hello").exit_code
    assert ["hello"] == [note.content for note in aicc.inbox(31003)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"agent,content\n1,x\n", "must have a column 'to', not 'agent', 'content'"),
        (b"to,text\n31002,x\n", "has no column 'content'"),
        (b"to,to,content\n1,2,x\n", "has two columns 'to'"),
        (b"to,content\n", "has no notes to send"),
        (b"to,content\n31002,x\n31003,\xff\n", "could not be read (line 3 is not UTF-8)"),
        (b"to,content\n31002 nobody,x\n", "with blanks between"),
        (b"31002\n", "--content"),
    ],
)
def test_a_table_that_cannot_be_used_is_2(run: Run, aicc: Simulator, tmp_path: Path, content: bytes, said: str) -> None:
    """A file that is no table of notes is refused as a whole."""
    file = tmp_path / "agents.csv"
    file.write_bytes(content)

    done = run("note", "fan-out", "--to", str(file))

    assert (2, ()) == (done.exit_code, aicc.requests)
    assert f"{file}" in done.stderr
    assert said in done.stderr


def test_a_dry_run_counts(run: Run, aicc: Simulator, table: Path) -> None:
    """`--dry-run` says how much would be sent."""
    done = run("note", "fan-out", "--to", str(table), "--skip-invalid", "--dry-run", "--json")

    assert {"notes": 3, "requests": 3, "receivers": 4, "sent": 0} == json.loads(done.stdout)
    assert () == aicc.requests


def test_the_gravest_delivery_is_the_exit_code(run: Run, aicc: Simulator, tmp_path: Path) -> None:
    """A run of which one note is rejected exits with 5, and says which."""
    file = tmp_path / "agents.csv"
    file.write_text("to,content,key\n31002,hello,first\n31003,hello,second\n")
    aicc.answer_with("send_note", code="100-001")

    done = run("note", "fan-out", "--to", str(file), "--concurrency", "1")

    assert 5 == done.exit_code
    assert "(first)" in done.stderr


def test_signing_in_for_the_run(run: Run, aicc: Simulator, tmp_path: Path) -> None:
    """`--sign-in` needs no GUID, and leaves nobody signed in."""
    file = tmp_path / "agents.csv"
    file.write_text("31002\n")
    aicc.sign_out(101)

    done = run("note", "fan-out", "--to", str(file), "--content", "x", "--sign-in", AIOCC_AGENT_GUID=None)

    assert (0, (), 1) == (done.exit_code, aicc.agents_signed_in, len(aicc.inbox(31002)))


@pytest.mark.parametrize(
    ("force", "operations"),
    [
        ("never", ["sign_in"]),
        ("if_signed_in", ["sign_in", "force_sign_in", "send_note", "sign_out"]),
        ("always", ["force_sign_in", "send_note", "sign_out"]),
    ],
)
def test_signing_in_by_force(run: Run, aicc: Simulator, receivers: str, force: str, operations: list[str]) -> None:
    """`--force` ends a session that the agent has, as its value says; a refusal names the option, and sends nothing."""
    done = run("note", "fan-out", "--to", receivers, "--content", "x", "--sign-in", "--force", force)

    assert (5 if force == "never" else 0) == done.exit_code
    assert operations == [request.operation for request in aicc.requests if request.operation != "agent_events"]
    assert (force == "never") is ("--force if_signed_in" in done.stderr)


def test_a_sign_in_without_an_answer_names_the_option(run: Run, aicc: Simulator) -> None:
    """Where it is not known whether the agent is signed in, the option that repairs it is named, and does."""
    aicc.sign_out(101)
    aicc.fault("reset", "sign_in", effect=True, count=1)

    lost = run("agent", "events", "--count", "1")
    again = run("agent", "events", "--count", "1", "--force", "if_signed_in")

    assert (6, 0, ()) == (lost.exit_code, again.exit_code, aicc.agents_signed_in)
    assert "--force if_signed_in" in lost.stderr


def test_force_is_of_a_sign_in(run: Run, aicc: Simulator, receivers: str) -> None:
    """`--force` without `--sign-in` would do nothing, and is refused."""
    done = run("note", "fan-out", "--to", receivers, "--content", "x", "--force", "always")

    assert (2, ()) == (done.exit_code, aicc.requests)
    assert "--sign-in" in done.stderr


def test_what_was_not_begun_shows_no_counts(run: Run, aicc: Simulator, tmp_path: Path) -> None:
    """A journal of other notes is refused: nothing is counted, and nothing said to go on from it."""
    file, journal = tmp_path / "agents.csv", tmp_path / "run.db"
    file.write_text("31002\n")
    told = ("note", "fan-out", "--to", str(file), "--journal", str(journal), "--content")
    run(*told, "hello")

    done = run(*told, "something else")

    assert (3, "", 1) == (done.exit_code, done.stdout, len(aicc.notes))
    assert 1 == len(done.stderr.splitlines())
    assert "another job's" in done.stderr


def test_what_is_unknown_says_how_it_is_sent_again(run: Run, aicc: Simulator, tmp_path: Path) -> None:
    """Only where there is a journal to go on from, and by the user's word."""
    file, journal = tmp_path / "agents.csv", tmp_path / "run.db"
    file.write_text("31002\n")
    told = ("note", "fan-out", "--to", str(file), "--content", "hello")
    aicc.answer_with("send_note", status=502, after_effect=True, times=2)

    alone, kept = run(*told), run(*told, "--journal", str(journal))
    again = run(*told, "--journal", str(journal), "--resend-unknown")

    assert [(6, False), (6, True), (0, False)] == [
        (done.exit_code, "--resend-unknown" in done.stderr) for done in (alone, kept, again)
    ]


@pytest.mark.parametrize(
    ("count", "rows"),
    [
        (1, {"requests": "1", "accepted": "0 receivers", "rejected": "1 receiver"}),
        (101, {"requests": "2", "accepted": "1 receiver", "rejected": "100 receivers"}),
    ],
)
def test_each_number_has_its_noun(run: Run, aicc: Simulator, receivers: str, count: int, rows: dict[str, str]) -> None:
    """One receiver is no receivers, and receivers are not to be taken for requests or notes."""
    Path(receivers).write_text(f"to,content\n{' '.join(str(31000 + number) for number in range(count))},hello\n")
    aicc.answer_with("send_note", code="100-001")

    done = run("note", "fan-out", "--to", receivers, "--concurrency", "1")
    shown = {line[:8].strip(): line[8:].strip() for line in done.stdout.splitlines()}

    assert {"notes": "1", **rows} == {name: shown[name] for name in ("notes", *rows)}
    assert f"note 0, {rows['rejected']}, rejected: " in done.stderr


def test_bad_rows_are_counted_with_their_noun(run: Run, table: Path, tmp_path: Path) -> None:
    """What is wrong and what is left are told for one and for many."""
    one = tmp_path / "one.csv"
    one.write_text("to,content\n31002,good\n12,bad\n")

    assert (
        "1 bad row; nothing was sent, --skip-invalid sends the rest: 1 note\n"
        in run("note", "fan-out", "--to", str(one)).stderr
    )
    assert (
        "5 bad rows; nothing was sent, --skip-invalid sends the rest: 3 notes\n"
        in run("note", "fan-out", "--to", str(table)).stderr
    )
