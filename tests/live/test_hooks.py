"""What hooks are told of real calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import anyio
import pytest

from aiocc import Client, CreateCall, Delivery, LeaveMessage, Reason, RetryPolicy, SendNote
from aiocc.auth import CookieToken
from aiocc.auth.strategy import Verdict
from aiocc.hooks import (
    AttemptEnded,
    AttemptStarted,
    CallEvent,
    CallFinished,
    CallStarted,
    ConnectionClosed,
    ConnectionOpened,
    CredentialRenewed,
    Event,
    RepeatPlanned,
)
from aiocc.protocol.messages import Answer, AnswerHead, WireRequest

from .conftest import QUICK, REQUESTS, SAMPLES, Sample, named
from .scripted import SUCCESS, answer, client_of, close, scripted, silent

MESSAGE = LeaveMessage(phone_no="13812345678", content="please call back")
REFUSED = answer({"message": "no"}, 401)


def kinds(events: Iterable[Event]) -> list[str]:
    """Name the events of calls, in order."""
    return [type(event).__name__ for event in events if isinstance(event, CallEvent)]


def one(events: Iterable[Event], kind: type[Any]) -> Any:
    """Give the one event of a kind."""
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


@pytest.mark.parametrize(**named(SAMPLES))
async def test_a_call_tells_its_beginning_its_tries_and_its_end(sample: Sample) -> None:
    """Every event of a call has its id and its names; the first says where it goes, the last what became of it."""
    events: list[Event] = []
    async with scripted([answer(SUCCESS[sample.name])]) as server, client_of(server.url) as client:
        view = client.with_options(hooks=[events.append], deadline=20)
        outcome = await view.send(sample.request)
        port = server.listener.getsockname()[1]

    assert ["CallStarted", "AttemptStarted", "AttemptEnded", "CallFinished"] == kinds(events)
    operation = sample.request.operation
    assert {(outcome.call_id, operation.name, operation.service)} == {
        (event.call_id, event.operation, event.service) for event in events if isinstance(event, CallEvent)
    }
    started, finished = one(events, CallStarted), one(events, CallFinished)
    where = (started.scheme, started.server_address, started.server_port, started.method, started.url_template)
    assert ("http", "127.0.0.1", port, operation.method, operation.path) == where
    assert (operation.log_name, "call") == (started.log_name, started.lane)
    assert 19 < started.deadline <= 20
    assert (Delivery.ACCEPTED, None, None) == (finished.delivery, finished.reason, finished.error)
    assert (outcome.attempts, outcome.elapsed) == (finished.attempts, finished.elapsed)
    assert outcome.attempts == (one(events, AttemptEnded).attempt,)


async def test_a_repeat_is_told_with_its_reason() -> None:
    """Between two tries stands why there is another one, and how long is waited for it."""
    events: list[Event] = []
    good = answer(SUCCESS["obs_result_codes"])
    async with scripted([close, good]) as server, client_of(server.url, retry=QUICK) as client:
        await client.with_options(hooks=[events.append]).send(REQUESTS["obs_result_codes"])

    attempt = ["AttemptStarted", "AttemptEnded"]
    assert ["CallStarted", *attempt, "RepeatPlanned", *attempt, "CallFinished"] == kinds(events)
    planned, finished = one(events, RepeatPlanned), one(events, CallFinished)
    assert (2, Reason.CONNECTION_CLOSED, Delivery.UNKNOWN, False) == (
        planned.number,
        planned.reason,
        planned.delivery,
        planned.renewed,
    )
    assert 0 <= planned.wait <= 0.001
    assert (True, [1, 2]) == (finished.maybe_repeated, [attempt.number for attempt in finished.attempts])


async def test_a_renewal_is_told_to_the_client_s_hooks() -> None:
    """A fetched credential is told, and the repeat with it as what it is; a view's hook hears of its calls only."""
    events: list[Event] = []
    viewed: list[Event] = []
    async with scripted([REFUSED, answer(SUCCESS["create_call"])]) as server:
        base = client_of(server.url)
        async with base, Client(fabric=base._services["fabric"], hooks=[events.append]) as client:
            await client.with_options(hooks=[viewed.append]).create_call(called="1")

    renewed = [event for event in events if isinstance(event, CredentialRenewed)]
    assert [("fabric", "AppKey")] * 2 == [(event.service, event.strategy) for event in renewed]
    planned = one(events, RepeatPlanned)
    assert (True, 0.0, Reason.UNAUTHORIZED) == (planned.renewed, planned.wait, planned.reason)
    assert viewed == [event for event in events if isinstance(event, CallEvent)]


async def test_connections_are_told_to_the_client_s_hooks() -> None:
    """Each connection is told when it is open and when it is closed, and why; other calls use it without a word."""
    events: list[Event] = []
    async with scripted([answer(SUCCESS["leave_message"])]) as server:
        base = client_of(server.url)
        port = server.listener.getsockname()[1]
        async with base, Client(webadapter=base._services["webadapter"], hooks=[events.append]) as client:
            for _ in range(3):
                await client.send(MESSAGE)
            opened = one(events, ConnectionOpened)

    closed = one(events, ConnectionClosed)
    assert ("webadapter", "127.0.0.1", port) == (opened.service, opened.server_address, opened.server_port)
    assert ("webadapter", "127.0.0.1", port) == (closed.service, closed.server_address, closed.server_port)
    assert ("shutdown", True) == (closed.reason, opened.elapsed >= 0)
    assert 1 == server.connections


async def test_a_failed_call_tells_the_class_of_its_error() -> None:
    """The last event of a call that fails says what is known, why, and as which error."""
    events: list[Event] = []
    async with scripted([close]) as server, client_of(server.url) as client:
        outcome = await client.with_options(hooks=[events.append]).send(CreateCall(called="1"))

    finished = one(events, CallFinished)
    assert ("ConnectionLostError", Delivery.UNKNOWN, outcome.attempts) == (
        finished.error,
        finished.delivery,
        finished.attempts,
    )


async def test_an_unreadable_payload_is_told_in_its_attempt() -> None:
    """A try whose payload could not be read says so, as the error does."""
    events: list[Event] = []
    async with scripted([answer({"resultCode": "0", "resultData": 7})]) as server, client_of(server.url) as client:
        await client.with_options(hooks=[events.append]).send(CreateCall(called="1"))

    ended, finished = one(events, AttemptEnded), one(events, CallFinished)
    assert (Reason.PAYLOAD_UNREADABLE, Reason.PAYLOAD_UNREADABLE) == (ended.attempt.reason, finished.reason)
    assert ("AcceptedButUnreadableError", Delivery.ACCEPTED) == (finished.error, finished.delivery)


async def test_a_cancelled_call_is_told_as_well() -> None:
    """Row 64: what is known of a call that its caller gave up is told before the cancellation passes on."""
    events: list[Event] = []
    async with scripted([silent]) as server, client_of(server.url) as client, anyio.create_task_group() as group:
        group.start_soon(client.with_options(hooks=[events.append]).send, MESSAGE)
        await server.until_received()
        await anyio.sleep(0.005)  # uvloop's clock has milliseconds
        group.cancel_scope.cancel()

    assert ["CallStarted", "AttemptStarted", "AttemptEnded", "CallFinished"] == kinds(events)
    ended, finished = one(events, AttemptEnded), one(events, CallFinished)
    assert (Delivery.UNKNOWN, Reason.CANCELLED) == (ended.attempt.delivery, ended.attempt.reason)
    assert (Delivery.UNKNOWN, Reason.CANCELLED) == (finished.delivery, finished.reason)
    assert ended.attempt.elapsed > 0
    assert (ended.attempt,) == finished.attempts


async def test_a_call_cancelled_between_two_tries_is_told_once() -> None:
    """A cancellation during the wait before a repeat ends the call, and no try a second time."""
    events: list[Event] = []
    planned = anyio.Event()

    def hook(event: Event) -> None:
        events.append(event)
        if isinstance(event, RepeatPlanned):
            planned.set()

    slow = RetryPolicy(base=1000, cap=1000)
    async with (
        scripted([close], listening=False) as server,
        client_of(server.url) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(client.with_options(hooks=[hook], retry=slow, deadline=5000).send, MESSAGE)
        await planned.wait()
        group.cancel_scope.cancel()

    assert ["CallStarted", "AttemptStarted", "AttemptEnded", "RepeatPlanned", "CallFinished"] == kinds(events)
    assert Delivery.NOT_SENT is one(events, CallFinished).delivery


async def test_a_strategy_that_raises_ends_the_call_for_the_hooks_too() -> None:
    """Whatever a user's strategy raises, the hooks see the end of the call."""

    class Broken(CookieToken):
        def apply(self, head: WireRequest, credential: object, /) -> None:
            raise LookupError("no")

    events: list[Event] = []
    async with scripted([silent]) as server, client_of(server.url, visitor=Broken("x")) as client:
        with pytest.raises(LookupError):
            await client.with_options(hooks=[events.append]).send(MESSAGE)

    finished = one(events, CallFinished)
    assert ("CallFinished", "LookupError", Delivery.NOT_SENT) == (kinds(events)[-1], finished.error, finished.delivery)


@pytest.mark.parametrize("step", ["observe", "verdict"])
async def test_what_a_strategy_raises_at_an_answer_changes_nothing(caplog: pytest.LogCaptureFixture, step: str) -> None:
    """The message was left, whatever the user's strategy makes of that: the outcome says so, and the log names it."""

    class Broken(CookieToken):
        def observe(self, sent: WireRequest, head: AnswerHead, /) -> None:
            if step == "observe":
                raise LookupError("no")

        def verdict(self, sent: WireRequest, answer: Answer, /) -> Verdict:
            if step == "verdict":
                raise LookupError("no")
            return "ok"

    good = answer(SUCCESS["leave_message"])
    async with scripted([good]) as server, client_of(server.url, visitor=Broken("x")) as client:
        outcome = await client.send(MESSAGE)

    assert (Delivery.ACCEPTED, None) == (outcome.delivery, outcome.error)
    assert ["the strategy Broken raised LookupError at an answer, which counts all the same"] == caplog.messages


async def test_the_wait_for_a_slot_is_told() -> None:
    """A call that waited for another one's slot says for how long; one that waited for none says 0."""
    events: list[Event] = []
    waiting = anyio.Event()

    def hook(event: Event) -> None:
        events.append(event)
        if len([event for event in events if isinstance(event, AttemptStarted)]) == 2:
            waiting.set()

    async def answer_late(connection: Any) -> bool:
        await waiting.wait()
        await anyio.sleep(0.005)  # uvloop's clock has milliseconds
        return await answer(SUCCESS["leave_message"])(connection)

    async with scripted([answer_late]) as server, client_of(server.url, concurrency=1) as client:
        view = client.with_options(hooks=[hook])
        async with anyio.create_task_group() as group:
            group.start_soon(view.send, MESSAGE)
            await server.until_received()
            group.start_soon(view.send, MESSAGE)

    waits = [event.queue_wait for event in events if isinstance(event, AttemptEnded)]
    assert (0.0, True) == (waits[0], waits[1] > 0)


async def test_no_event_holds_a_secret_or_a_number() -> None:
    """Neither what was sent nor a path of the user's own shows a number to dial or a credential."""
    events: list[Event] = []
    note = SendNote([31002], "13812345678", agent_id=101)
    async with scripted([answer({"resultCode": "x", "retcode": "x", "resultDesc": "13812345678"}, 400)]) as server:
        base = client_of(server.url)
        async with base, Client(**base._services, hooks=[events.append]) as client:
            client.agent(101, guid="guid-of-agent-101.AgentGateway1")
            for request in (MESSAGE, note, CreateCall(called="13812345678")):
                await client.send(request)
            with pytest.raises(Exception, match="isales"):
                await client.request("isales", "GET", "/campaigns/13812345678")

    shown = repr(events)
    hidden = ["cookie-of", "guid-of", "secret", "token-of", "please call back", "13812345678"]
    assert [] == [text for text in hidden if text in shown]
