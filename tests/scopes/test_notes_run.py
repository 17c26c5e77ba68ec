"""A run of a fan-out as a scope: told as it goes, held back, paused, drained, cancelled; judged by the inboxes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from aiocc import (
    AgentSignedOutError,
    Client,
    ConfigurationError,
    Delivery,
    InvalidRequestError,
    Note,
    NoteOutcome,
    NoteRun,
    Rate,
    Reason,
    RejectedError,
)
from aiocc.scopes.notes import NoteRequest, Settlement
from aiocc.scopes.notes.ledger import Sent
from aiocc.scopes.notes.report import Tally
from aiocc.simulator import Simulator
from tests.campaigns.kernel import until


def notes(count: int) -> Iterator[Note]:
    """Give so many notes, each to another agent."""
    return (Note([31000 + number], "x", key=str(number)) for number in range(count))


async def test_outcomes_come_as_requests_end(aicc: Simulator, aicc_client: Client) -> None:
    """In the block each request's outcome is given once, and the report is whole after it."""
    async with aicc_client.agent().send_notes(notes(20), concurrency=4) as run:
        told = [outcome async for outcome in run]

    assert {one.key for one in told} == {str(number) for number in range(20)}
    assert {one.delivery for one in told} == {Delivery.ACCEPTED}
    assert (run.report.accepted, run.report.complete) == (20, True)


async def test_a_run_in_a_block_can_be_awaited_there(aicc: Simulator, aicc_client: Client) -> None:
    """Whoever wants no outcomes waits for the report inside the block."""
    async with aicc_client.agent().send_notes(notes(20)) as run:
        report = await run

    assert (report.accepted, report.complete) == (20, True)


async def test_leaving_the_block_lets_requests_end(aicc: Simulator, aicc_client: Client) -> None:
    """After a break nothing more goes out, and nothing that was on its way is left unknown."""
    async with aicc_client.agent().send_notes(notes(200), concurrency=4) as run:
        async for _ in run:
            break

    assert run.report.receivers == {Delivery.ACCEPTED: len(aicc.notes)}
    assert not run.report.complete
    assert len(aicc.notes) < 200


async def test_the_blocks_own_exception_leaves_as_it_is(aicc: Simulator, aicc_client: Client) -> None:
    """An exception of the body comes as itself, not in a group, and the run has ended."""
    error = LookupError("mine")
    run = aicc_client.agent().send_notes(notes(200), concurrency=4)
    with pytest.raises(LookupError) as caught:
        await read(run, error)

    assert caught.value is error
    assert run.report.receivers == {Delivery.ACCEPTED: len(aicc.notes)}


async def read(run: NoteRun, error: Exception | None = None) -> None:
    """Read a run in its block, as far as an error of one's own."""
    async with run:
        async for _ in run:
            if error is not None:
                raise error


async def test_a_slow_reader_holds_the_run_back(aicc: Simulator, aicc_client: Client) -> None:
    """While nobody takes outcomes, no more requests go than may wait to be told."""
    async with aicc_client.agent().send_notes(notes(200), concurrency=4) as run:
        outcomes = aiter(run)
        await anext(outcomes)
        await settled(aicc)
        held = len(aicc.notes)

    assert held <= 1 + 4 + 4 + 4


async def settled(aicc: Simulator) -> None:
    """Wait until no more notes arrive."""
    seen = -1
    while seen != len(aicc.notes):
        seen = len(aicc.notes)
        for _ in range(10):
            await anyio.sleep(0.005)


async def test_a_paused_run_sends_nothing_until_it_goes_on(aicc: Simulator, aicc_client: Client) -> None:
    """pause() lets requests on their way end and no other begin; resume() goes on."""
    async with aicc_client.agent().send_notes(notes(60), concurrency=2) as run:
        async for _ in run:
            run.pause()
            break
        await settled(aicc)
        paused = len(aicc.notes)
        run.resume()
        report = await drained(run)

    assert paused < 60
    assert report == 60


async def drained(run: Any) -> int:
    """Take what is left; gives the receivers that accepted."""
    async for _ in run:
        pass
    return int(run.report.accepted)


async def test_a_drained_run_ends_with_its_report(aicc: Simulator, aicc_client: Client) -> None:
    """drain() waits for what is on its way, also while the input has nothing to give, and raises nothing."""

    async def slow() -> AsyncIterator[Note]:
        for note in notes(3):
            yield note
        await anyio.sleep_forever()

    run = aicc_client.agent().send_notes(slow(), on_progress=lambda report: report.requests == 3 and run.drain())
    report = await run

    assert (report.accepted, report.complete, len(aicc.notes)) == (3, False, 3)


async def test_a_cancelled_run_ends_at_once_with_its_report(aicc: Simulator, aicc_client: Client) -> None:
    """cancel() waits for no answer: what is on its way is UNKNOWN, and whoever awaits the run has its report."""
    aicc.configure(latency=30.0)
    run = aicc_client.agent().send_notes(notes(200), concurrency=3)

    async with anyio.create_task_group() as group:
        group.start_soon(cancel_when_sent, run, aicc)
        report = await run
    aicc.configure(latency=0.0)

    assert (report.receivers, report.complete) == ({Delivery.UNKNOWN: 3}, False)


async def cancel_when_sent(run: Any, aicc: Simulator) -> None:
    """Cancel a run once three notes have arrived."""
    while len(aicc.notes) < 3:  # noqa: ASYNC110 - the simulator tells nobody
        await anyio.sleep(0.002)
    run.cancel()


async def test_a_run_that_is_cancelled_before_it_begins_sends_nothing(aicc: Simulator, aicc_client: Client) -> None:
    """cancel() and drain() count also for a run that is awaited later."""
    for end in ("cancel", "drain"):
        run = aicc_client.agent().send_notes(notes(5))
        getattr(run, end)()
        assert (await run).requests == 0

    assert aicc.requests == ()


async def test_cancelling_the_block_names_what_was_on_its_way(aicc: Simulator, aicc_client: Client) -> None:
    """The caller's cancellation ends the run at once; its report counts what had no answer as UNKNOWN."""
    aicc.configure(latency=30.0)
    run = aicc_client.agent().send_notes(notes(200), concurrency=3)
    with anyio.CancelScope() as scope:
        async with run, anyio.create_task_group() as group:
            group.start_soon(cancel_when_sent, scope, aicc)
            async for _ in run:
                pass
    aicc.configure(latency=0.0)

    assert scope.cancelled_caught
    assert run.report.receivers == {Delivery.UNKNOWN: 3}


async def test_outcomes_are_told_inside_the_block_alone(aicc_client: Client) -> None:
    """To iterate without the block is refused: nobody would own the work."""
    with pytest.raises(RuntimeError, match="async with"):
        aiter(aicc_client.agent().send_notes([]))


async def test_what_ends_a_run_is_raised_where_it_is_read(aicc: Simulator, aicc_client: Client) -> None:
    """A note that cannot be sent is raised by the iteration, after what was on its way has ended."""
    given = iter([Note([31000], "x"), Note([7], "x")])
    run = aicc_client.agent().send_notes(given, concurrency=2)
    with pytest.raises(InvalidRequestError):
        await read(run)

    assert run.report.receivers == {Delivery.ACCEPTED: 1}


# Halves.


async def test_a_refused_request_goes_on_in_halves(aicc: Simulator, aicc_client: Client) -> None:
    """With bisect=True one receiver who cannot be reached keeps the note from no other."""
    aicc.configure(agents=range(101, 40_000))
    to = [*range(31000, 31050), 50_000, *range(31050, 31099)]

    whole = await aicc_client.agent().send_notes([Note(to, "a")])
    halves = await aicc_client.agent().send_notes([Note(to, "b", key="b")], bisect=True)

    assert whole.receivers == {Delivery.REJECTED: 100}
    assert halves.receivers == {Delivery.ACCEPTED: 99, Delivery.REJECTED: 1}
    assert [(one.key, one.to, one.code) for one in halves.unsettled] == [("b", (50_000,), "100-001")]
    assert sorted(note.receiver for note in aicc.notes) == sorted(set(to) - {50_000})


async def test_halves_are_continued(aicc: Simulator, aicc_client: Client, tmp_path: Any) -> None:
    """A request that went on in halves is never sent as a whole again, also when nothing is wrong with it any more."""
    aicc.configure(agents=range(101, 40_000))
    to = [*range(31000, 31099), 50_000]
    first = await aicc_client.agent().send_notes([Note(to, "x")], bisect=True, journal=tmp_path / "run.db")
    aicc.configure(agents=range(101, 60_000))
    second = await aicc_client.agent().send_notes([Note(to, "x")], journal=tmp_path / "run.db")

    assert first.receivers == {Delivery.ACCEPTED: 99, Delivery.REJECTED: 1}
    assert second.receivers == {Delivery.ACCEPTED: 100}
    assert len(aicc.notes) == 100


@pytest.mark.parametrize(
    "plan",
    [
        {"status": 502, "body": b"<html>", "after_effect": True},
        {"status": 502, "body": b"<html>"},
        {"code": "100-007"},
        {"code": "100-006"},
        {"code": "000-004"},
    ],
    ids=["done", "not done", "internal", "signed out", "switched over"],
)
async def test_nothing_else_is_cut(aicc: Simulator, aicc_client: Client, plan: dict[str, Any]) -> None:
    """What is unknown, or refused for who asked or when, is never sent in halves."""
    aicc.answer_with("send_note", times=3, **plan)
    report = await aicc_client.agent().send_notes([Note(range(31000, 31100), "x")], bisect=True)

    assert report.requests == 1
    assert report.accepted == 0


# Several agents.


async def test_an_input_that_ends_by_a_cancellation_of_its_own_leaves_the_run_incomplete(
    aicc: Simulator, aicc_client: Client, anyio_backend_name: str
) -> None:
    """Nobody cancelled the run, and the other senders see an input at its end: it was not read to it."""
    if anyio_backend_name == "trio":
        pytest.skip("trio's cancellations are its scopes' alone")

    async def broken() -> AsyncIterator[Note]:
        yield Note([31002], "the only one")
        await until(lambda: run.report.accepted == 1)
        page = asyncio.ensure_future(asyncio.sleep(60))
        page.cancel()
        await page

    run = aicc_client.agent().send_notes(broken(), concurrency=4)
    report = await run

    assert ({Delivery.ACCEPTED: 1}, False) == (report.receivers, report.complete)


async def test_agents_take_turns(aicc: Simulator, aicc_client: Client) -> None:
    """Requests go out by the agents in turn."""
    agents = [aicc_client.agent(agent, guid=aicc.sign_in(agent)) for agent in (102, 103)]
    await aicc_client.send_notes(notes(20), agents=[*agents, 101])

    assert {sender: sum(note.sender == sender for note in aicc.notes) for sender in (101, 102, 103)} == {
        101: 6,
        102: 7,
        103: 7,
    }


async def test_an_agent_who_is_signed_out_is_passed_over(aicc: Simulator, aicc_client: Client) -> None:
    """To be signed out is a refusal: another agent sends it, and nothing is lost or doubled."""
    gone = aicc_client.agent(102, guid=aicc.sign_in(102))
    aicc.sign_out(102)
    report = await aicc_client.send_notes(notes(20), agents=[gone, 101], concurrency=2)
    alone = await aicc_client.send_notes(notes(2), agents=[gone])

    assert report.receivers == {Delivery.ACCEPTED: 20}
    assert alone.receivers == {Delivery.REJECTED: 2}
    assert {type(one.error) for one in alone.unsettled} == {AgentSignedOutError}
    assert len(aicc.notes) == 20


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("waited_for", [False, True], ids=["iterator", "async iterator"])
async def test_a_run_ends_when_nobody_is_left_who_could_send(
    aicc: Simulator, aicc_client: Client, caplog: pytest.LogCaptureFixture, concurrency: int, waited_for: bool
) -> None:
    """Once all agents are signed out, and nobody polls for them, nothing more is asked, and the report says why."""

    async def one_by_one() -> AsyncIterator[Note]:
        for note in notes(100):
            yield note

    gone = [aicc_client.agent(agent, guid=aicc.sign_in(agent)) for agent in (102, 103)]
    for agent in gone:
        aicc.sign_out(agent.agent_id)
    given = one_by_one() if waited_for else notes(100)
    report = await aicc_client.send_notes(given, agents=gone, concurrency=concurrency)

    asked = [seen for seen in aicc.requests if seen.operation == "send_note"]
    assert (False, True) == (report.complete, len(asked) <= 2 * concurrency)
    assert {Delivery.REJECTED: report.requests} == report.receivers
    assert "signed out, and polled by no session: 102, 103; what was not sent yet stays unsent" == report.why
    assert 1 == sum("no agent is left who could send" in line for line in caplog.messages)


async def test_a_run_goes_on_from_its_journal_by_another_agent(
    aicc: Simulator, aicc_client: Client, tmp_path: Any
) -> None:
    """What was left for want of an agent is sent by the next run, and nothing twice."""
    gone = aicc_client.agent(102, guid=aicc.sign_in(102))
    aicc.sign_out(102)
    first = await aicc_client.send_notes(notes(40), agents=[gone], journal=tmp_path / "run.db")
    second = await aicc_client.send_notes(notes(40), agents=[101], journal=tmp_path / "run.db")

    assert (False, 0) == (first.complete, first.accepted)
    assert (True, None, {Delivery.ACCEPTED: 40}) == (second.complete, second.why, second.receivers)
    assert 40 == len(aicc.notes)


async def test_a_run_that_sent_all_is_complete_whoever_is_left(aicc: Simulator, aicc_client: Client) -> None:
    """The last request of a list may be refused: all were sent, and there is nothing to explain."""
    gone = aicc_client.agent(102, guid=aicc.sign_in(102))
    aicc.sign_out(102)
    report = await aicc_client.send_notes(notes(1), agents=[gone], concurrency=1)

    assert (True, None, {Delivery.REJECTED: 1}) == (report.complete, report.why, report.receivers)


async def test_a_run_of_an_agent_who_is_polled_goes_on(aicc: Simulator, aicc_client: Client) -> None:
    """A session that polls brings the next GUID: a refusal ends nothing there."""
    aicc.configure(poll_hold=0.05, guid_interval=0.01, guid_grace=5.0)
    settings: dict[str, Any] = {"password": aicc.environment["AIOCC_AGENT_PASSWORD"], "phone": "88880205"}
    async with aicc_client.sign_in(205, poll_pause=(0.001, 0.002), **settings) as agent:
        aicc.answer_with("send_note", code="100-006", times=2)
        report = await agent.send_notes(notes(5), concurrency=1)

    assert (True, None) == (report.complete, report.why)
    assert {Delivery.REJECTED: 1, Delivery.ACCEPTED: 4} == report.receivers


async def test_a_run_goes_on_beside_other_work(aicc: Simulator, aicc_client: Client, anyio_backend_name: str) -> None:
    """A run is an awaitable that a task of asyncio's can be made of, by what takes any awaitable."""
    if anyio_backend_name == "trio":
        pytest.skip("trio has no such thing")
    agent = aicc_client.agent()
    tasks = asyncio.ensure_future(agent.send_notes(notes(2))), asyncio.gather(agent.send_notes(notes(3)))

    assert (2, 3) == ((await tasks[0]).accepted, (await tasks[1])[0].accepted)
    assert 5 == len(aicc.notes)


async def test_a_run_needs_an_agent(aicc_client: Client) -> None:
    """No agent, or one whose GUID is not known, is refused at once; without any the environment's is meant."""
    with pytest.raises(InvalidRequestError, match="agents must be"):
        aicc_client.send_notes([], agents=[])
    with pytest.raises(ConfigurationError, match="GUID"):
        aicc_client.send_notes([], agents=[4711])

    assert (await aicc_client.send_notes([])).complete


async def test_a_closed_client_sends_nothing(aicc: Simulator, aicc_client: Client, tmp_path: Any) -> None:
    """By the client's word nothing was sent: a journal says so, and the next run sends it."""
    own = Client.from_env(aicc.environment)
    await own.aclose()
    with pytest.raises(Exception, match="closed"):
        await own.agent().send_notes(notes(1), journal=tmp_path / "run.db")
    report = await aicc_client.agent().send_notes(notes(1), journal=tmp_path / "run.db")

    assert report.receivers == {Delivery.ACCEPTED: 1}


async def test_the_pace_holds_new_requests_alone(aicc: Simulator, aicc_client: Client, tmp_path: Any) -> None:
    """Requests that a journal knows take no place in the rate: to pass over 300 of them at 2 a second is no wait."""
    await aicc_client.agent().send_notes(list(notes(300)), journal=tmp_path / "run.db")
    with anyio.fail_after(30):
        report = await aicc_client.agent().send_notes(list(notes(300)), journal=tmp_path / "run.db", rate=Rate(2))

    assert report.earlier == 300


# Values.


def test_a_request_travels_as_text() -> None:
    """A request is written, read and the same; one that was changed on its way is refused."""
    request = NoteRequest(
        job="run", number=7, part="01", note=3, key="k", sender=101, receivers=(31000, 31001), content="héllo"
    )
    text = request.dump()

    assert NoteRequest.load(text).dump() == text
    assert NoteRequest.load(text.encode()).hash == request.hash
    for bad in (text.replace("31001", "31002"), text.replace("101", "102", 1)[:-5], "[]", "{}", "x"):
        with pytest.raises(InvalidRequestError):
            NoteRequest.load(bad)


def test_a_request_is_cut_down_to_single_receivers() -> None:
    """Halves hold every receiver once, in order."""
    request = NoteRequest(job="", number=0, note=0, key=None, sender=101, receivers=tuple(range(100)), content="")

    def leaves(one: NoteRequest) -> Iterator[NoteRequest]:
        if len(one.receivers) == 1:
            yield one
        else:
            for half in one.halves():
                yield from leaves(half)

    found = list(leaves(request))
    assert [one.receivers[0] for one in found] == list(range(100))
    assert len({one.part for one in found}) == 100
    assert max(len(one.part) for one in found) == 7


def test_a_report_of_many_failures_is_small_and_whole() -> None:
    """What was not accepted is all there, by place and by slice; errors are kept for the first thousand alone."""
    tally = Tally()
    error = RejectedError("no", operation="send_note", service="gateway", call_id="1", reason=Reason.UNAUTHORIZED)
    for number in range(1010):
        request = NoteRequest(
            job="", number=number, note=number, key=str(number), sender=101, receivers=(31000,), content=""
        )
        known = Settlement(delivery=Delivery.REJECTED, code="100-001", reason=str(error.reason))
        tally.ends(request, Sent(settlement=known, error=error))
    unsettled = tally.unsettled

    assert tally.receivers == {Delivery.REJECTED: 1010}
    assert [one.error for one in unsettled] == [error] * 1000 + [None] * 10
    assert [one.key for one in unsettled] == [str(number) for number in range(1010)]
    assert {(one.code, one.reason, one.to) for one in unsettled} == {("100-001", str(error.reason), (31000,))}
    assert unsettled[3:5] == (unsettled[3], unsettled[4])
    assert unsettled == list(unsettled)
    assert isinstance(unsettled[-1], NoteOutcome)
