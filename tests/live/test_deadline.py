"""The one deadline of a call, the caller's own scopes, and cancellation: what is told of each."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable

import anyio
import pytest

from aiocc import (
    CallError,
    Client,
    ConfigurationError,
    CreateCall,
    DeadlineNotSentError,
    DeadlineUnknownError,
    Delivery,
    LeaveMessage,
    Outcome,
    Phase,
    Reason,
    Timeouts,
    UnavailableError,
)
from aiocc.auth import CookieToken

from .conftest import EFFECTS, SAMPLES, Sample, named, refusal
from .scripted import client_of, scripted, silent

MESSAGE = LeaveMessage(phone_no="123456", content="please call back")
NOTE = (
    r"aiocc: leave_message \(call [0-9a-f]{8}-\d+\) cancelled: unknown, request left at \d\d:\d\d:\d\d\.\d{6}Z\. "
    r"The message may have arrived; a repeat may bring it twice\. Check with the receiver before sending it again\."
)
NOTE_BEFORE = (
    r"aiocc: leave_message \(call [0-9a-f]{8}-\d+\) cancelled: not_sent, no request left\. "
    r"Nothing was sent; repeating is safe\. The caller gave up before anything left\."
)


def shape(error: CallError) -> tuple[object, ...]:
    """Give what an error of the deadline is judged by."""
    return type(error), error.delivery, error.reason, error.attempts[-1].phase


async def never() -> str:
    """Supply a token, some day."""
    await anyio.sleep_forever()
    return ""


@pytest.mark.parametrize(**named(SAMPLES))
async def test_a_deadline_over_the_answer_leaves_its_fate_unknown(sample: Sample) -> None:
    """A server that never answers ends in DeadlineUnknownError, and has received the request once."""
    async with scripted([silent]) as server, client_of(server.url) as client:
        error = await refusal(sample.perform(client.with_options(deadline=0.05)))

    expected = (DeadlineUnknownError, Delivery.UNKNOWN, Reason.DEADLINE, Phase.AWAIT_ANSWER)
    assert expected == shape(error)
    assert isinstance(error, TimeoutError)
    assert 1 == len(server.received)


async def test_a_deadline_over_a_token_request_leaves_the_call_unsent() -> None:
    """A token host that never answers ends in DeadlineNotSentError."""
    async with scripted([silent]) as server, client_of(server.url) as client:
        server.token_act = silent
        error = await refusal(client.with_options(deadline=0.03).create_call(called="1"))

    assert (DeadlineNotSentError, Delivery.NOT_SENT, Reason.DEADLINE, Phase.CREDENTIAL) == shape(error)
    assert isinstance(error, TimeoutError)
    assert (1, []) == (server.tokens, server.received)


async def test_a_deadline_over_a_supplier_leaves_the_message_unsent() -> None:
    """A supplier of tokens that never gives one ends in DeadlineNotSentError."""
    async with scripted([silent]) as server, client_of(server.url, visitor=CookieToken(never)) as client:
        error = await refusal(client.with_options(deadline=0.03).leave_message(phone_no="1", content="x"))

    assert (DeadlineNotSentError, Delivery.NOT_SENT, Reason.DEADLINE, Phase.CREDENTIAL) == shape(error)
    assert 0 == server.connections


async def test_a_token_time_out_is_no_deadline() -> None:
    """`Timeouts(token=...)` ends the fetch alone, and is told as a credential that could not be had."""
    times = Timeouts(token=0.02)
    async with (
        scripted([silent]) as server,
        client_of(server.url, visitor=CookieToken(never), timeouts=times) as client,
    ):
        error = await refusal(client.leave_message(phone_no="1", content="x"))

    assert (UnavailableError, Reason.CREDENTIAL_UNAVAILABLE) == (type(error), error.reason)
    assert "not within Timeouts(token=0.02)" == error.description


async def test_a_deadline_over_the_queue_leaves_the_message_unsent() -> None:
    """A call that got no slot in time ends in DeadlineNotSentError, and never goes out."""
    async with (
        scripted([silent]) as server,
        client_of(server.url, concurrency=1) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(client.send, MESSAGE)
        await server.until_received()
        error = await refusal(client.with_options(deadline=0.03).leave_message(phone_no="1", content="second"))
        group.cancel_scope.cancel()

    assert (DeadlineNotSentError, Delivery.NOT_SENT, Reason.DEADLINE, Phase.QUEUE) == shape(error)
    assert 1 == len(server.received)


async def test_a_deadline_ends_the_wait_before_a_repeat() -> None:
    """A repeat that would begin past the deadline is not waited for; the last fault is told."""
    async with scripted([silent], listening=False) as server, client_of(server.url) as client:
        error = await refusal(client.with_options(deadline=0.02).leave_message(phone_no="1", content="x"))

    assert Delivery.NOT_SENT is error.delivery
    assert error.reason in (Reason.CONNECTION_REFUSED, Reason.DEADLINE)


@pytest.mark.parametrize("sample", EFFECTS[:2], ids=["leave_message", "click_to_dial"])
async def test_a_nearer_scope_of_the_caller_gives_our_error(sample: Sample) -> None:
    """A call inside a nearer scope ends a moment before it, with its own typed error."""
    async with scripted([silent]) as server, client_of(server.url) as client:
        with anyio.move_on_after(0.2) as scope:
            error = await refusal(sample.perform(client))
        left_alone = len(server.received)

    assert (DeadlineUnknownError, Delivery.UNKNOWN, Reason.DEADLINE, Phase.AWAIT_ANSWER) == shape(error)
    assert (False, 1) == (scope.cancelled_caught, left_alone)


async def test_a_scope_that_has_passed_already_starts_nothing() -> None:
    """Under a scope without time left nothing is connected and nothing sent."""
    async with scripted([silent]) as server, client_of(server.url) as client:
        with anyio.move_on_after(0) as scope:
            await client.leave_message(phone_no="1", content="x")

    assert True is scope.cancelled_caught
    assert 0 == server.connections


@pytest.mark.parametrize("deadline", [0, -1.5])
async def test_a_deadline_that_is_spent_starts_nothing(deadline: float) -> None:
    """A deadline without time left, as a budget that others used up, is told before any I/O."""
    async with scripted([silent]) as server, client_of(server.url) as client:
        error = await refusal(client.with_options(deadline=deadline).create_call(called="1"))

    assert (DeadlineNotSentError, Reason.DEADLINE, 0) == (type(error), error.reason, server.connections)


@pytest.mark.parametrize("deadline", [math.nan, "1", True])
def test_a_deadline_that_is_no_number_is_refused(deadline: float) -> None:
    """What is no number of seconds is a ConfigurationError when the view is made."""
    with pytest.raises(ConfigurationError, match="deadline"):
        client_of("https://127.0.0.1:1").with_options(deadline=deadline)


async def test_send_gives_a_deadline_as_a_value() -> None:
    """`send` gives the deadline as an outcome; nothing is raised."""
    async with scripted([silent]) as server, client_of(server.url) as client:
        outcome: Outcome[object] = await client.with_options(deadline=0.3).send(MESSAGE)

    assert Delivery.UNKNOWN is outcome.delivery
    assert isinstance(outcome.error, DeadlineUnknownError)


async def notes_of_cancelled(client: Client, until: Callable[[], Awaitable[None]]) -> list[str]:
    """Cancel a call when it has come so far, and give the notes of the cancellation."""
    notes: list[str] = []

    async def call() -> None:
        try:
            await client.send(MESSAGE)
        except BaseException as stop:
            notes.extend(stop.__notes__)
            raise

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await until()
        group.cancel_scope.cancel()
    return notes


async def test_a_cancellation_passes_with_a_note_of_what_left() -> None:
    """A cancelled call says operation, call id, delivery, and when the request left."""
    async with scripted([silent]) as server, client_of(server.url) as client:
        (note,) = await notes_of_cancelled(client, server.until_received)

    assert re.fullmatch(NOTE, note)


async def test_a_cancellation_before_anything_left_says_so() -> None:
    """A call that is cancelled while it waits for its credential says that nothing left."""
    async with scripted([silent]) as server, client_of(server.url, visitor=CookieToken(never)) as client:
        (note,) = await notes_of_cancelled(client, anyio.wait_all_tasks_blocked)

    assert re.fullmatch(NOTE_BEFORE, note)
    assert 0 == server.connections


async def test_a_cancelled_call_to_a_person_says_that_it_may_be_ringing() -> None:
    """The note of a dialled call says how to find it."""
    notes: list[str] = []

    async def call(client: Client) -> None:
        try:
            await client.send(CreateCall(called="88884432", call_data="order 7"))
        except BaseException as stop:
            notes.extend(stop.__notes__)
            raise

    async with scripted([silent]) as server, client_of(server.url) as client, anyio.create_task_group() as group:
        group.start_soon(call, client)
        await server.until_received()
        group.cancel_scope.cancel()

    (note,) = notes
    assert note.startswith("aiocc: create_call (call ")
    assert note.endswith("The call may be ringing. Do not repeat. Look for call_data 'order 7' in the call records.")


async def test_after_a_cancellation_the_slot_is_free_again() -> None:
    """Calls that were cancelled, waiting or on their way, hold no slot afterwards."""
    async with scripted([silent]) as server, client_of(server.url, concurrency=2) as client:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(client.send, MESSAGE)
            await server.until_received(2)
            group.cancel_scope.cancel()
        admission = client._desk.line("webadapter").admission

        assert (0, 0) == (admission.active, admission.waiting)


def test_a_time_out_of_asyncio_s_passes_with_a_note() -> None:
    """`asyncio.timeout` cannot be seen beforehand; its TimeoutError's cause carries the note."""

    async def main() -> BaseException | None:
        async with scripted([silent]) as server, client_of(server.url) as client:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.05):
                    await client.send(MESSAGE)
            return caught.value.__cause__

    cause = asyncio.run(main())

    assert isinstance(cause, asyncio.CancelledError)
    (note,) = cause.__notes__
    assert re.fullmatch(NOTE, note)


def test_a_cancelled_task_of_asyncio_s_passes_with_a_note() -> None:
    """`task.cancel()`, as a web framework does when its client goes away, gets the note too."""

    async def main() -> list[str]:
        async with scripted([silent]) as server, client_of(server.url) as client:
            task = asyncio.create_task(client.send(MESSAGE))
            await server.until_received()
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            return caught.value.__notes__

    (note,) = asyncio.run(main())

    assert re.fullmatch(NOTE, note)
