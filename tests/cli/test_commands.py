"""The commands, in this process: exit codes, forms, what is sent and what is not."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main

import aiocc
from aiocc.cli import exits
from aiocc.cli.app import app
from aiocc.cli.explain import PROVES
from aiocc.delivery import Delivery
from aiocc.simulator import Simulator

from .conftest import Run

CALL = ("call", "create", "88884432", "--data", "order-4711")


def every_command() -> list[tuple[str, ...]]:
    """Walk the tree of commands, groups among them."""
    found: list[tuple[str, ...]] = []
    waiting: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    while waiting:
        path, command = waiting.pop()
        found.append(path)
        waiting += [((*path, name), inner) for name, inner in getattr(command, "commands", {}).items()]
    return found


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_every_command_explains_itself(run: Run, command: tuple[str, ...]) -> None:
    """`--help` says what a command does and what its exit codes mean, and needs no configuration."""
    done = run(*command, "--help", only="none", AIOCC_AGENT_ID=None)

    assert 0 == done.exit_code
    assert "Usage: " in click.unstyle(done.stdout)


def test_done_is_0(run: Run, aicc: Simulator) -> None:
    """Each operation's command has its effect once."""
    assert 0 == run("message", "leave", "call back", "--phone", "123456").exit_code
    assert 0 == run(*CALL).exit_code
    assert 0 == run("call", "dial", "video", "--detach").exit_code
    assert 0 == run("note", "send", "hello", "--to", "31002", "--to", "31003").exit_code

    assert (1, 1, 1) == (len(aicc.messages), aicc.calls_placed, len(aicc.dials))
    assert ["hello"] == [note.content for note in aicc.inbox(31003)]


def test_a_result_as_json(run: Run) -> None:
    """A program reads the delivery and the fields of the result."""
    shown = json.loads(run(*CALL, "--json").stdout)

    assert "accepted" == shown["delivery"]
    assert {"call_serial_no", "sip_service_address", "access_code", "call_id"} < set(shown)


def test_result_codes_in_each_form(run: Run) -> None:
    """The same rows for people, as CSV and as JSON."""
    rows = list(csv.DictReader(io.StringIO(run("codes", "list", "1", "--csv").stdout)))

    assert 120 == len(rows)
    assert json.loads(run("codes", "list", "1", "--json").stdout) == rows
    assert all(row["code"] in run("codes", "list", "1").stdout for row in rows[:3])


@pytest.mark.parametrize(
    "arguments",
    [
        ("codes", "list", "1", "--json", "--csv"),
        ("codes", "list", "0"),
        ("call", "create", ""),
        ("note", "send", "x" * 1024, "--to", "31002"),
        ("note", "send", "x", "--to", "12"),
        ("explain", "no_operation"),
        ("call", "nothing"),
    ],
)
def test_wrong_usage_is_2(run: Run, aicc: Simulator, arguments: tuple[str, ...]) -> None:
    """An argument outside its limit ends the command before anything is sent."""
    assert 2 == run(*arguments).exit_code
    assert () == aicc.requests


def test_not_sent_is_4(run: Run, aicc: Simulator) -> None:
    """A port that refuses leaves nothing sent, and says what to check."""
    aicc.fault("refused")

    done = run(*CALL)

    assert 4 == done.exit_code
    assert "repeating is safe" in done.stderr


def test_rejected_is_5(run: Run, aicc: Simulator) -> None:
    """A code that refuses is a failure that a program can read, on stdout as well as on stderr."""
    aicc.answer_with("create_call", code="30010000003")

    done = run(*CALL, "--json")
    shown = json.loads(done.stdout)

    assert (5, "rejected", "30010000003") == (done.exit_code, shown["delivery"], shown["code"])
    assert "Nothing was done" in done.stderr


def test_unknown_is_6(run: Run, aicc: Simulator) -> None:
    """A call whose answer is lost may have been placed: it is not repeated, and can be looked up."""
    aicc.fault("reset", "create_call", effect=True, count=1)

    done = run(*CALL)

    assert (6, 1) == (done.exit_code, aicc.calls_placed)
    assert "order-4711" in done.stderr


def test_done_but_unreadable_is_7(run: Run, aicc: Simulator) -> None:
    """A success whose payload cannot be read was done."""
    aicc.fault("payload_text", "create_call", count=1)

    done = run(*CALL)

    assert 7 == done.exit_code
    assert "Do not repeat" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("message", "leave", "x", "--phone", "1"),
        CALL,
        ("call", "dial", "voice"),
        ("note", "send", "x", "--to", "31002"),
        ("codes", "list", "1"),
    ],
    ids=" ".join,
)
def test_a_dry_run_sends_nothing(run: Run, aicc: Simulator, arguments: tuple[str, ...]) -> None:
    """What would be sent is shown, with credentials hidden."""
    shown = run(*arguments, "--dry-run")
    as_json = json.loads(run(*arguments, "--dry-run", "--json").stdout)

    assert (0, ()) == (shown.exit_code, aicc.requests)
    assert as_json["url"] in shown.stdout
    assert "***" in dict(as_json["headers"]).values()
    secrets = [value for name, value in aicc.environment.items() if name.endswith(("TOKEN", "KEY", "SECRET", "GUID"))]
    assert 6 == len(secrets)
    assert not [secret for secret in secrets if secret in shown.output]


def test_an_explanation_as_json_has_the_codes(run: Run) -> None:
    """A program gets an operation and its codes as one object; nothing is configured for it."""
    shown = json.loads(run("explain", "create-call", "--json", only="none").stdout)

    assert ("create_call", "POST") == (shown["operation"], shown["method"])
    assert "30010000001" in [code["code"] for code in shown["codes"]]


@pytest.mark.parametrize(
    ("operation", "code", "rows"),
    [
        (
            "create_call",
            "30010009999",
            {"proves": "unknown: it may have been done", "the client": "raises the error at once", "documented": "by"},
        ),
        ("agent_events", "000-000", {"the client": "waits a little and repeats the request"}),
        ("send_note", "000-004", {"the client": "waits a little and repeats the request", "documented": "by the"}),
        ("send_note", "000-003", {"proves": "rejected: nothing was done", "the client": "repeats the request once"}),
        ("sign_in", "100-002", {"what to do": "Sign in with force='if_signed_in'"}),
        ("send_note", "100-060", {"documented": "only in the code of the vendor's demos"}),
        ("click_to_dial", "13", {"documented": "only for another operation of its kind: https://"}),
    ],
)
def test_a_code_is_explained_in_words(run: Run, operation: str, code: str, rows: dict[str, str]) -> None:
    """What the client does about a code, and who documents it, are sentences and not the names of our own tables."""
    told = dict(line.split("  ", 1) for line in run("explain", operation, code, only="none").stdout.splitlines())
    shown = {name: words.strip() for name, words in told.items()}

    assert rows == {name: shown[name][: len(words)] for name, words in rows.items()}
    assert {"operation", "code", "meaning", "proves", "the client", "documented"} <= shown.keys()
    assert shown.keys() <= {"operation", "code", "meaning", "proves", "the client", "what to do", "documented"}


@pytest.mark.parametrize(
    ("operation", "code", "proves", "advice"),
    [
        ("create_call", "999", Delivery.UNKNOWN, "The call may be ringing. Do not repeat."),
        ("send_note", "999", Delivery.UNKNOWN, "The message may have arrived"),
        ("obs_result_codes", "999", Delivery.REJECTED, "Nothing was done. Look the code up with the operator"),
        ("sign_out", "999", Delivery.UNKNOWN, "It may have been done; repeating is safe"),
        ("create_call", "0", Delivery.ACCEPTED, ""),
    ],
)
def test_a_code_in_no_table_is_explained(run: Run, operation: str, code: str, proves: Delivery, advice: str) -> None:
    """What a client takes it for, and what to do now: the answer, not a usage error."""
    done = run("explain", operation, code, only="none")
    told = dict(line.split("  ", 1) for line in done.stdout.splitlines())
    words = {name: words.strip() for name, words in told.items()}
    facts = json.loads(run("explain", operation, code, "--json", only="none").stdout)

    assert 0 == done.exit_code
    assert (proves, PROVES[proves]) == (facts["proves"], words["proves"])
    assert words.get("what to do", "")[: len(advice)] == advice
    assert (proves is Delivery.ACCEPTED) is (facts["source"] == "doc")
    assert (proves is Delivery.UNKNOWN) is words.get("what to do", "").endswith("Ask the operator what the code means.")
    assert (f"in no table of {operation}" in words["meaning"]) is (proves is not Delivery.ACCEPTED)


@pytest.mark.parametrize(
    ("operation", "code"), [("create_call", "999"), ("send_note", "999"), ("obs_result_codes", "999")]
)
def test_a_code_in_no_table_is_taken_for_what_is_explained(
    run: Run, aicc: Simulator, operation: str, code: str
) -> None:
    """The client's own judgement of such an answer is the one that is shown."""
    commands = {
        "create_call": CALL,
        "send_note": ("note", "send", "hello", "--to", "31002"),
        "obs_result_codes": ("codes", "list", "1"),
    }
    aicc.answer_with(operation, code=code)

    explained = json.loads(run("explain", operation, code, "--json").stdout)

    assert exits.BY_DELIVERY[explained["proves"]] == run(*commands[operation]).exit_code


def test_a_repeat_is_not_promised_away(run: Run) -> None:
    """A dialled call is repeated after a 429 and with a renewed credential too, and this is said."""
    repeats = json.loads(run("explain", "create_call", "--json", only="none").stdout)["repeats"]

    assert [True] * 3 == [word in repeats for word in ("not one byte", "429", "renewed credential")]


def test_a_near_name_is_offered(run: Run) -> None:
    """A misspelt operation is answered with the nearest one."""
    assert "did you mean createcall" in click.unstyle(run("explain", "createcal").stderr)


def test_an_agent_that_is_signed_in_already(run: Run, aicc: Simulator) -> None:
    """The refusal names the option that ends the other session, and that option does."""
    refused = run("agent", "events", "--count", "1")
    forced = run("agent", "events", "--count", "1", "--force", "if_signed_in", "--json")

    assert (5, 0) == (refused.exit_code, forced.exit_code)
    assert "--force if_signed_in" in refused.stderr
    assert "AgentState_Ready" == json.loads(forced.stdout)["type"]
    assert () == aicc.agents_signed_in


def test_events_end_after_their_time(run: Run, aicc: Simulator) -> None:
    """`--seconds` ends the session like Ctrl-C, and the agent is signed out."""
    aicc.sign_out(101)

    assert 0 == run("agent", "events", "--seconds", "0.1").exit_code
    assert () == aicc.agents_signed_in


def test_the_status_of_no_journal_is_3(run: Run, tmp_path: Path) -> None:
    """A journal that is not there is named."""
    done = run("notes", "status", str(tmp_path / "none.db"))

    assert 3 == done.exit_code
    assert "none.db" in done.stderr


def test_the_version(run: Run) -> None:
    """`--version` prints the version alone."""
    assert f"{aiocc.__version__}\n" == run("--version").stdout


def test_no_secret_is_shown(run: Run, aicc: Simulator) -> None:
    """Neither what works nor what fails writes a credential to stdout or stderr."""
    ends = ("TOKEN", "KEY", "SECRET", "GUID", "PASSWORD")
    secrets = [value for name, value in aicc.environment.items() if name.endswith(ends)]
    aicc.answer_with("obs_result_codes", status=401, times=20)

    outputs = [
        run(*arguments).output
        for arguments in (("doctor",), ("codes", "list", "1"), (*CALL, "--json"), ("agent", "events", "--count", "1"))
    ]

    assert 7 == len(secrets)
    assert "refused" in outputs[0]
    assert not [secret for secret in secrets for output in outputs if secret in output]
