"""The journal of a fan-out: continued, named, and refused where it cannot be trusted; judged by the inboxes."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
import stat
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from aiocc import (
    Client,
    Delivery,
    Journal,
    JournalDamagedError,
    JournalError,
    JournalInUseError,
    JournalMismatchError,
    Note,
    read_journal,
)
from aiocc.scopes.notes import Job, Ledger, NoteRequest, Settlement
from aiocc.simulator import Simulator

NOTES = [Note(range(31000, 31250), "first", key="a"), Note([31000, 31001], "second", key="b")]
ACCEPTED = Settlement(delivery=Delivery.ACCEPTED)
JOB = Job(name="run")


def a_request(number: int, *receivers: int, content: str = "x") -> NoteRequest:
    """Make the request of a note that has no other."""
    return NoteRequest(
        job="run", number=number, note=number, key=None, sender=101, receivers=receivers or (31000,), content=content
    )


def inboxes(aicc: Simulator) -> Counter[int]:
    """Count the notes that each receiver has."""
    return Counter(note.receiver for note in aicc.notes)


async def test_a_job_that_is_done_is_not_sent_again(aicc: Simulator, aicc_client: Client, tmp_path: Path) -> None:
    """The second run of a job skips what was accepted, says so, and sends nothing."""
    path = tmp_path / "run.db"
    first = await aicc_client.agent().send_notes(NOTES, journal=path)
    second = await aicc_client.agent().send_notes(NOTES, journal=str(path))

    assert (first.accepted, first.earlier, first.complete) == (252, 0, True)
    assert (second.accepted, second.earlier, second.complete) == (252, 252, True)
    assert len(aicc.notes) == 252


async def test_a_run_that_was_stopped_is_continued(aicc: Simulator, aicc_client: Client, tmp_path: Path) -> None:
    """What a run left out is sent by the next one, whatever kind of iterable it is given then."""
    notes = [Note([31000 + number], "x") for number in range(40)]

    async def stream() -> AsyncIterator[Note]:
        for note in notes:
            yield note

    async with aicc_client.agent().send_notes(iter(notes), journal=tmp_path / "run.db", concurrency=2) as run:
        async for _ in run:
            break
    rest = await aicc_client.agent().send_notes(stream(), journal=tmp_path / "run.db")

    assert (run.report.complete, rest.complete, rest.accepted) == (False, True, 40)
    assert 0 < run.report.accepted == rest.earlier < 40
    assert inboxes(aicc) == dict.fromkeys(range(31000, 31040), 1)


async def test_what_was_refused_or_not_sent_is_sent_anew(aicc: Simulator, aicc_client: Client, tmp_path: Path) -> None:
    """A refusal settles nothing for ever: the next run tries it again."""
    aicc.answer_with("send_note", code="100-001")
    first = await aicc_client.agent().send_notes(NOTES, journal=tmp_path / "run.db", concurrency=1)
    second = await aicc_client.agent().send_notes(NOTES, journal=tmp_path / "run.db")

    assert first.receivers == {Delivery.REJECTED: 100, Delivery.ACCEPTED: 152}
    assert second.receivers == {Delivery.ACCEPTED: 252}
    assert len(aicc.notes) == 252


async def test_what_is_unknown_is_named_and_left_alone(aicc: Simulator, aicc_client: Client, tmp_path: Path) -> None:
    """An unknown request is not sent again unless that is asked for, and then once."""
    path = tmp_path / "run.db"
    aicc.answer_with("send_note", status=502, body=b"<html>", after_effect=True)
    await aicc_client.agent().send_notes(NOTES, journal=path, concurrency=1)

    left_alone = await aicc_client.agent().send_notes(NOTES, journal=path)
    once_more = await aicc_client.agent().send_notes(NOTES, journal=path, resend_unknown=True)

    assert left_alone.receivers == {Delivery.UNKNOWN: 100, Delivery.ACCEPTED: 152}
    assert [(one.key, one.to, one.earlier) for one in left_alone.unsettled] == [("a", tuple(range(31000, 31100)), True)]
    assert once_more.receivers == {Delivery.ACCEPTED: 252}
    assert len(aicc.notes) == 352


async def test_a_refusal_after_an_unknown_request_stays_unknown(tmp_path: Path) -> None:
    """That the second sending was refused proves nothing of the first."""
    refused = Settlement(delivery=Delivery.REJECTED, code="100-001", split=True)
    async with Journal(tmp_path / "run.db").open(JOB) as ledger:
        await ledger.claim(a_request(0))
    async with Journal(tmp_path / "run.db").open(JOB) as ledger:
        assert await ledger.claim(a_request(0), resend_unknown=True) is None
        known = await ledger.settle(a_request(0), refused)

    assert (known.delivery, known.split) == (Delivery.UNKNOWN, False)
    assert read_journal(tmp_path / "run.db").receivers == {Delivery.UNKNOWN: 1}


async def test_a_claim_that_was_never_settled_is_unknown(tmp_path: Path) -> None:
    """What a dead runner left behind is UNKNOWN for the next one, and says why."""
    async with Journal(tmp_path / "run.db").open(JOB) as ledger:
        assert await ledger.claim(a_request(0)) is None
    before = read_journal(tmp_path / "run.db")
    async with Journal(tmp_path / "run.db").open(JOB) as ledger:
        known = await ledger.claim(a_request(0))

    assert (before.on_their_way, before.receivers, before.runner) == (1, {Delivery.UNKNOWN: 1}, None)
    assert known is not None
    assert (known.delivery, known.reason) == (Delivery.UNKNOWN, "claimed, and never settled")


async def test_a_claim_that_is_cancelled_was_not_sent(tmp_path: Path) -> None:
    """A claim that nobody waits for any more leaves its request unsent, not unknown."""
    async with Journal(tmp_path / "run.db").open(JOB) as ledger:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await ledger.claim(a_request(0))
        assert scope.cancelled_caught

    assert read_journal(tmp_path / "run.db").receivers == {Delivery.NOT_SENT: 1}


async def test_claims_that_come_together_are_all_written_before_they_are_answered(tmp_path: Path) -> None:
    """Each of many claims is on disk when it is answered, and settled before whatever is claimed after it."""
    path = tmp_path / "run.db"
    seen: list[int] = []

    async def work(ledger: Ledger, first: int) -> None:
        for number in (first, first + 40):
            assert await ledger.claim(a_request(number)) is None
            seen.append(rows_in(path, number))
            await ledger.settle(a_request(number), ACCEPTED)

    async with Journal(path).open(JOB) as ledger:
        async with anyio.create_task_group() as group:
            for number in range(40):
                group.start_soon(work, ledger, number)
        assert (await ledger.claim(a_request(80))) is None
        before = read_journal(path)

    assert seen == [1] * 80
    assert before.receivers == {Delivery.ACCEPTED: 80, Delivery.UNKNOWN: 1}
    assert read_journal(path).damage is None


async def test_claims_that_are_cancelled_while_they_are_written_leave_neither_doubt_nor_thread(tmp_path: Path) -> None:
    """Where all who wait for the disk give up in the middle, none of their requests is UNKNOWN, and the thread ends."""
    path = tmp_path / "run.db"
    async with Journal(path).open(JOB) as ledger, anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(ledger.claim, a_request(number))
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()

    left = read_journal(path)
    assert (left.receivers, left.on_their_way, left.damage) == ({Delivery.NOT_SENT: 40}, 0, None)
    assert [] == [thread.name for thread in threading.enumerate() if thread.name == "aiocc-journal"]


def rows_in(path: Path, number: int) -> int:
    """Count the rows of a request, as another process would."""
    connection = sqlite3.connect(path)
    try:
        count: int = connection.execute("SELECT count(*) FROM requests WHERE id = ?", (number << 8 | 1,)).fetchone()[0]
    finally:
        connection.close()
    return count


@pytest.mark.parametrize("other", [list, iter], ids=["as a whole", "one by one"])
async def test_a_different_job_is_refused(
    aicc: Simulator, aicc_client: Client, tmp_path: Path, other: Callable[[list[Note]], list[Note]]
) -> None:
    """Other notes under the same name are refused before anything of them is sent."""
    await aicc_client.agent().send_notes(NOTES, journal=tmp_path / "run.db")

    with pytest.raises(JournalMismatchError):
        await aicc_client.agent().send_notes(other(NOTES[::-1]), journal=tmp_path / "run.db")
    with pytest.raises(JournalMismatchError, match="another name"):
        await aicc_client.agent().send_notes(NOTES, journal=Journal(tmp_path / "run.db", name="other"))

    assert len(aicc.notes) == 252


async def test_a_second_runner_is_refused(aicc: Simulator, aicc_client: Client, tmp_path: Path) -> None:
    """While one runner has a job, another is refused; after it the job is free."""
    path = tmp_path / "run.db"
    async with Journal(path).open(JOB):
        with pytest.raises(JournalInUseError):
            await aicc_client.agent().send_notes(NOTES, journal=path)
        assert read_journal(path).runner == os.getpid()
        assert aicc.requests == ()

    assert (await aicc_client.agent().send_notes(NOTES, journal=path)).complete


async def test_a_journal_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    """Whoever reads sees what is settled and what is on its way, and disturbs nobody."""
    path = tmp_path / "run.db"
    async with Journal(path).open(Job(name="run", receivers=7)) as ledger:
        await ledger.claim(a_request(0, 31000, 31001))
        await ledger.settle(a_request(0, 31000, 31001), ACCEPTED)
        await ledger.claim(a_request(1))
        seen = read_journal(path)
        await ledger.settle(a_request(1), ACCEPTED)

    assert seen.receivers == {Delivery.ACCEPTED: 2, Delivery.UNKNOWN: 1}
    assert (seen.on_their_way, seen.planned, seen.requests, seen.damage) == (1, 7, 2, None)
    assert read_journal(path).receivers == {Delivery.ACCEPTED: 3}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
async def test_a_journal_is_its_owners_alone(tmp_path: Path) -> None:
    """The file and those beside it have mode 0600, also one that was opened to others."""
    path = tmp_path / "run.db"
    async with Journal(path).open(JOB) as ledger:
        await ledger.claim(a_request(0))
        modes = modes_in(tmp_path)
    path.chmod(0o644)
    async with Journal(path).open(JOB):
        pass

    assert modes == {0o600}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def modes_in(folder: Path) -> set[int]:
    """Give the modes of all files."""
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def test_no_text_of_a_note_is_kept(aicc: Simulator, aicc_client: Client, tmp_path: Path) -> None:
    """A journal holds who was to get which note, and no note's text."""
    await aicc_client.agent().send_notes([Note([31000], "for your eyes only")], journal=tmp_path / "run.db")

    assert b"for your eyes only" not in (tmp_path / "run.db").read_bytes()


async def made(path: Path) -> None:
    """Make a journal whose log is still there, as a killed runner leaves it."""
    async with Journal(path).open(JOB) as ledger:
        for number in range(40):
            await ledger.claim(a_request(number, *range(31000, 31100)))
            await ledger.settle(a_request(number, *range(31000, 31100)), ACCEPTED)
        await ledger.claim(a_request(40))  # with which everything before it is on disk
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{path}.left{suffix}")


async def refused(path: Path) -> str:
    """Give why a journal is refused; nothing may be claimed in it."""
    with pytest.raises(JournalError) as caught:
        async with Journal(path).open(JOB):
            pytest.fail("a damaged journal was opened")
    assert isinstance(caught.value, JournalDamagedError)
    return str(caught.value)


async def test_a_log_cut_at_any_byte_is_refused(tmp_path: Path) -> None:
    """However much of the log is missing, the loss is seen, and nothing can be claimed."""
    path = tmp_path / "run.db"
    await made(path)
    left, log = tmp_path / "run.db.left", tmp_path / "run.db.left-wal"
    whole = log.read_bytes()
    lost: list[int] = []
    for size in (0, 31, 4_000, len(whole) // 2, len(whole) - 1):
        copy = tmp_path / f"copy-{size}.db"
        shutil.copy(left, copy)
        (tmp_path / f"copy-{size}.db-wal").write_bytes(whole[:size])
        damage = read_journal(copy).damage
        assert damage is not None
        assert "transactions" in damage
        assert "lost its last transactions" in await refused(copy)
        lost.append(int(damage.partition("(")[2].partition(")")[0]))

    assert lost == sorted(lost, reverse=True)
    async with Journal(left).open(JOB) as ledger:  # all of it: nothing is missing
        assert await ledger.claim(a_request(39, *range(31000, 31100))) is not None


async def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    """A row that was changed, taken out or put in, a file cut short or empty, another kind of file: all are refused."""
    path = tmp_path / "run.db"
    await made(path)

    async def after(change: Callable[[sqlite3.Connection], object]) -> str:
        copy = tmp_path / "changed.db"
        shutil.copy(path, copy)
        connection = sqlite3.connect(copy, isolation_level=None)
        change(connection)
        connection.close()
        return await refused(copy)

    assert "request 7 was changed" in await after(
        lambda db: db.execute("UPDATE requests SET delivery = 'not_sent' WHERE id = ?", (7 << 8 | 1,))
    )
    assert "missing" in await after(lambda db: db.execute("DELETE FROM requests WHERE id = ?", (7 << 8 | 1,)))
    assert "head" in await after(lambda db: db.execute("UPDATE job SET commits = 1"))
    for name, content in {
        "short": path.read_bytes()[:16_384],
        "torn": path.read_bytes()[:-5_000],
        "empty": b"",
        "text": b"note,receiver\n" * 10_000,
    }.items():
        (tmp_path / name).write_bytes(content)
        await refused(tmp_path / name)


async def test_another_database_is_left_as_it_is(tmp_path: Path) -> None:
    """A database of the application's own is no journal, and is not written to."""
    path = tmp_path / "own.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE own (x)")
    connection.close()
    before = path.read_bytes()

    assert "no journal" in await refused(path)
    assert path.read_bytes() == before


async def test_a_log_without_its_journal_is_refused(tmp_path: Path) -> None:
    """No new journal is made beside the log of one that is gone."""
    path = tmp_path / "run.db"
    await made(path)
    shutil.move(f"{path}.left-wal", tmp_path / "other.db-wal")

    assert "-wal" in await refused(tmp_path / "other.db")


async def test_what_cannot_be_opened_is_refused_before_anything_is_sent(
    aicc: Simulator, aicc_client: Client, tmp_path: Path
) -> None:
    """A folder that is not there, a folder in place of a file: a JournalError, and nothing left."""
    for path in (tmp_path / "no" / "run.db", tmp_path):
        with pytest.raises(JournalError):
            await aicc_client.agent().send_notes(NOTES, journal=path)

    assert aicc.requests == ()


async def test_each_refusal_names_the_file_and_what_to_do(aicc: Simulator, aicc_client: Client, tmp_path: Path) -> None:
    """Whoever is told does not have to look for the file, nor for the way out."""
    path, damaged, none = tmp_path / "run.db", tmp_path / "damaged.db", tmp_path / "none.db"
    agent = aicc_client.agent()
    damaged.write_bytes(b"x" * 50_000)
    told = {}

    async def refusal(path: Path, notes: list[Note]) -> None:
        with pytest.raises(JournalError) as caught:
            await agent.send_notes(notes, journal=path)
        told[type(caught.value)] = str(caught.value)

    async with Journal(path).open(JOB):
        await refusal(path, NOTES)
    await agent.send_notes(NOTES, journal=path)
    await refusal(path, NOTES[:1])
    await refusal(damaged, NOTES)
    await refusal(tmp_path / "no" / "run.db", NOTES)
    with pytest.raises(JournalError, match="no such journal; give the path") as caught:
        read_journal(none)

    assert str(caught.value).startswith(f"{none}: ")
    assert {kind: said.partition(": ")[0] for kind, said in told.items()} == {
        JournalInUseError: str(path),
        JournalMismatchError: str(path),
        JournalDamagedError: str(damaged),
        JournalError: str(tmp_path / "no" / "run.db"),
    }
    assert {kind: said.partition("; ")[2][:28] for kind, said in told.items()} == {
        JournalInUseError: "wait until that one has ende",
        JournalMismatchError: "give another journal (journa",
        JournalDamagedError: "`aiocc notes status`, or rea",
        JournalError: "give it room on a local disk",
    }


async def test_a_stream_of_other_notes_is_named_by_its_file(
    aicc: Simulator, aicc_client: Client, tmp_path: Path
) -> None:
    """What is seen only at a request names the file and the way out, too."""
    path = tmp_path / "run.db"
    await aicc_client.agent().send_notes(iter(NOTES), journal=path)

    with pytest.raises(JournalMismatchError) as caught:
        await aicc_client.agent().send_notes(iter(NOTES[1:]), journal=path)

    assert str(caught.value).startswith(f"{path}: request 0 is another one in the journal")
    assert "give another journal (journal=, --journal), or the notes" in str(caught.value)
    assert len(aicc.notes) == 252


async def test_receivers_are_written_as_csv_and_json_lines(
    aicc: Simulator, aicc_client: Client, tmp_path: Path
) -> None:
    """Every receiver has a row, in the order of the input; or those alone who may not have the note."""
    aicc.answer_with("send_note", code="100-001", times=1)
    notes = [Note([31000, 31001], "x", key="refused"), Note([31002], "x")]
    await aicc_client.agent().send_notes(notes, journal=tmp_path / "run.db", concurrency=1)
    status = read_journal(tmp_path / "run.db")
    table, lines = io.StringIO(), io.StringIO()

    assert status.write_csv(table) == 3
    assert status.write_json_lines(lines, unsettled=True) == 2
    rows = list(csv.DictReader(io.StringIO(table.getvalue())))
    assert [(row["note"], row["key"], row["receiver"], row["delivery"], row["code"]) for row in rows] == [
        ("0", "refused", "31000", "rejected", "100-001"),
        ("0", "refused", "31001", "rejected", "100-001"),
        ("1", "", "31002", "accepted", ""),
    ]
    assert [json.loads(line)["receiver"] for line in lines.getvalue().splitlines()] == [31000, 31001]


@pytest.mark.parametrize("journal", [5, object(), b"run.db"])
async def test_what_is_no_journal_is_refused(aicc_client: Client, journal: object) -> None:
    """Something else than a path or a Store is named."""
    with pytest.raises(ValueError, match="journal must be"):
        aicc_client.agent().send_notes([], journal=journal)  # type: ignore[arg-type]
