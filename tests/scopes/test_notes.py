"""The fan-out of notes, judged by the inboxes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import anyio.abc
import pytest

from aiocc import Client, Delivery, InvalidRequestError, Note, NoteRun, Rate, Report, SendNote, Service
from aiocc.simulator import Simulator


async def test_every_receiver_gets_each_note_once(aicc: Simulator, aicc_client: Client) -> None:
    """Receivers of any number become requests of at most 100; one named twice gets it once."""
    note = Note([*range(31000, 31250), 31000], "hello")

    report = await aicc_client.agent().send_notes([note], concurrency=4)

    assert report == Report(
        notes=1,
        requests=3,
        receivers={Delivery.ACCEPTED: 250},
        unsettled=(),
        invalid=0,
        duplicates=1,
        complete=True,
    )
    assert [len(aicc.inbox(agent)) for agent in range(31000, 31250)] == [1] * 250


async def test_an_async_input_is_read_as_it_is_sent(aicc: Simulator, aicc_client: Client) -> None:
    """The input is read no further than requests can go out: at most one ahead of each worker."""
    read = 0
    ahead = 0

    async def notes() -> AsyncIterator[Note]:
        nonlocal read, ahead
        for number in range(20):
            read += 1
            ahead = max(ahead, read - len(aicc.notes))
            yield Note([31000], f"note {number}")

    report = await aicc_client.agent().send_notes(notes(), concurrency=2)

    assert (report.notes, report.accepted, report.complete) == (20, 20, True)
    assert ahead <= 3


async def test_what_was_not_accepted_is_named(aicc: Simulator, aicc_client: Client) -> None:
    """A refused request names its receivers, its note and why; the others go on."""
    aicc.answer_with("send_note", code="100-001")
    notes = [Note([31000], "first", key="a"), Note([31001], "second", key="b")]

    report = await aicc_client.agent().send_notes(notes, concurrency=1)

    assert report.receivers == {Delivery.REJECTED: 1, Delivery.ACCEPTED: 1}
    assert [(one.note, one.key, one.to, one.delivery) for one in report.unsettled] == [
        (0, "a", (31000,), Delivery.REJECTED)
    ]
    assert report.unsettled[0].error is not None


async def test_an_unknown_request_is_not_sent_again(aicc: Simulator, aicc_client: Client) -> None:
    """A note whose answer was lost is UNKNOWN in the report, and arrived once at most."""
    aicc.answer_with("send_note", status=502, body=b"<html>", after_effect=True)

    report = await aicc_client.agent().send_notes([Note([31000], "hello")])

    assert report.receivers == {Delivery.UNKNOWN: 1}
    assert len(aicc.inbox(31000)) == 1


@pytest.mark.parametrize("bad", [Note([], "x"), Note([7], "x"), Note([True], "x")], ids=["none", "small", "bool"])
async def test_a_list_is_checked_before_anything_is_sent(aicc: Simulator, aicc_client: Client, bad: Note) -> None:
    """One bad note in a list stops the run before its first request."""
    with pytest.raises(InvalidRequestError, match="to must be"):
        await aicc_client.agent().send_notes([Note([31000], "hello"), bad])

    assert aicc.requests == ()


async def test_bad_notes_are_skipped_and_counted_when_asked(aicc: Simulator, aicc_client: Client) -> None:
    """With on_invalid="skip" a bad note is counted, and the others are sent."""
    notes = [Note([31000], "a"), Note([7], "b"), Note([31001], "c")]

    report = await aicc_client.agent().send_notes(notes, on_invalid="skip")

    assert (report.invalid, report.accepted, report.complete) == (1, 2, True)


async def test_a_bad_note_of_a_stream_stops_it_plainly(aicc: Simulator, aicc_client: Client) -> None:
    """The error of a note in a stream comes as itself, not in a group; what was sent is in the report."""
    run = aicc_client.agent().send_notes(iter([Note([31000], "a"), Note([7], "b")]), concurrency=1)

    with pytest.raises(InvalidRequestError):
        await run

    assert (run.report.accepted, run.report.complete) == (1, False)


async def test_progress_is_told_after_each_request(aicc: Simulator, aicc_client: Client) -> None:
    """on_progress gets the report after every request, in order."""
    told: list[int] = []

    await aicc_client.agent().send_notes(
        [Note([31000], str(number)) for number in range(5)], on_progress=lambda report: told.append(report.requests)
    )

    assert told == [1, 2, 3, 4, 5]


async def test_the_deadline_of_a_run_leaves_the_rest_unsent(aicc: Simulator, aicc_client: Client) -> None:
    """A run past its deadline ends with a report that is not complete."""
    notes = (Note([31000], "x") for _ in range(1000))

    report = await aicc_client.agent().send_notes(notes, rate=Rate(50), deadline=0.05)

    assert not report.complete
    assert report.requests < 1000


async def test_the_report_is_at_hand_after_a_cancellation(aicc: Simulator, aicc_client: Client) -> None:
    """A cancelled run says how far it came."""
    run = aicc_client.agent().send_notes((Note([31000], "x") for _ in range(1000)), rate=Rate(100))

    with anyio.move_on_after(0.05):
        await run

    assert not run.report.complete
    assert run.report.accepted <= len(aicc.inbox(31000)) <= run.report.accepted + 16


async def test_a_cancelled_run_names_what_was_on_its_way() -> None:
    """Requests that had no answer yet when a run was cancelled are UNKNOWN in its report, none is forgotten."""

    async def mute(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    async def cancel_when_sent(run: NoteRun, scope: anyio.CancelScope) -> None:
        while len(run.report.unsettled) < 3:  # noqa: ASYNC110 - a run tells of nothing before an answer
            await anyio.sleep(0.002)
        scope.cancel()

    silent = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = silent.extra(anyio.abc.SocketAttribute.local_port)
    async with anyio.create_task_group() as group, Client(gateway=Service(f"http://127.0.0.1:{port}")) as client:
        group.start_soon(silent.serve, mute)
        run = client.agent(101, guid="guid").send_notes(
            [Note([31000 + n], "x", key=str(n)) for n in range(9)], concurrency=3
        )
        with anyio.CancelScope() as scope:
            group.start_soon(cancel_when_sent, run, scope)
            try:
                await run
            except BaseException as stop:
                notes = stop.__notes__
                raise
        group.cancel_scope.cancel()
    await silent.aclose()

    assert scope.cancelled_caught
    assert run.report.receivers == {Delivery.UNKNOWN: 3}
    assert [(one.key, one.delivery) for one in run.report.unsettled] == [(str(n), Delivery.UNKNOWN) for n in range(3)]
    assert "3 unknown" in notes[-1]


async def test_a_run_is_awaited_once(aicc: Simulator, aicc_client: Client) -> None:
    """Awaiting a run again sends nothing again."""
    run = aicc_client.agent().send_notes([Note([31000], "x")])
    await run

    with pytest.raises(RuntimeError, match=r"run\.report"):
        await run

    assert len(aicc.inbox(31000)) == 1


@pytest.mark.parametrize("notes", ["hello", 5, None])
async def test_what_is_no_input_is_refused(aicc_client: Client, notes: object) -> None:
    """An input that is no iterable of notes is refused at once."""
    with pytest.raises(InvalidRequestError, match="notes must be"):
        aicc_client.agent().send_notes(notes)  # type: ignore[arg-type]


async def test_what_is_no_note_is_refused(aicc: Simulator, aicc_client: Client) -> None:
    """Something else than a Note in the input is named."""
    with pytest.raises(InvalidRequestError, match="notes must be"):
        await aicc_client.agent().send_notes([SendNote([31000], "x")])  # type: ignore[list-item]

    assert aicc.requests == ()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": True}, "concurrency"),
        ({"on_invalid": "x"}, "on_invalid"),
        ({"rate": 5}, "rate"),
    ],
)
async def test_options_are_checked(aicc_client: Client, options: dict[str, object], named: str) -> None:
    """An option outside its limit is named."""
    with pytest.raises(InvalidRequestError, match=named):
        aicc_client.agent().send_notes([], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("to", "content"), [("31000", "x"), (5, "x"), ([31000], "x" * 1024), ([31000], None)])
def test_a_note_is_checked_when_it_is_made(to: object, content: object) -> None:
    """Text in place of agents, and content over 1023 bytes, are refused at once."""
    with pytest.raises(InvalidRequestError):
        Note(to, content)  # type: ignore[arg-type]
