"""A dialled call as a scope: it occupies an agent while it lasts, and none afterwards."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import pytest

from aiocc import (
    Client,
    ConfigurationError,
    DeliveryUnknownError,
    InvalidRequestError,
    MediaAbility,
    RejectedError,
    RetryPolicy,
)
from aiocc.auth import CookieToken
from aiocc.auth.strategy import Verdict
from aiocc.endpoints.dial_events import dial_event
from aiocc.protocol.messages import Answer, WireRequest
from aiocc.protocol.operation import Effect
from aiocc.simulator import Simulator

from .steps import cancel_at_each_await

VOICE = MediaAbility.VOICE
BRISK = 0.002


@pytest.fixture
async def client(aicc: Simulator) -> AsyncIterator[Client]:
    """Give a client of the simulator."""
    async with Client.from_env(aicc.environment) as client:
        yield client


def codes(aicc: Simulator, operation: str) -> list[str | None]:
    """Give the codes that an operation was answered with."""
    return [seen.code for seen in aicc.requests if seen.operation == operation]


async def test_a_call_occupies_an_agent_until_the_scope_ends(aicc: Simulator, client: Client) -> None:
    """It is created on entering, tells of its events, and is dropped on leaving."""
    async with client.dial(VOICE, poll_pause=BRISK) as call:
        await call.wait_connected()
        inside = aicc.agents_occupied
        async with call.events() as events:
            first = await anext(events)

    assert (1, 0) == (inside, aicc.agents_occupied)
    assert (168101, "connected", True) == (first.event_id, first.name, call.connected)
    assert ["0"] == codes(aicc, "drop_dial")


async def test_a_call_that_waits_is_connected_when_an_agent_is_free(aicc: Simulator, client: Client) -> None:
    """An id that no page names is kept, and ends nothing."""
    aicc.configure(dial_agents=1)
    other = client.visitor(CookieToken(aicc.new_visitor("another")))
    async with other.dial(VOICE, poll_pause=BRISK) as waiting_for:
        await waiting_for.wait_connected()
        async with client.dial(VOICE, poll_pause=BRISK) as call, call.events() as events:
            first = await anext(events)
            aicc.hang_up("another")
            second = await anext(events)

    assert [(168100, "unknown"), (168101, "connected")] == [(e.event_id, e.name) for e in (first, second)]
    assert 0 == aicc.agents_occupied


async def test_a_call_whose_token_has_ended_says_so_once(
    aicc: Simulator, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Its events are refused from then on, and nobody would know why none come."""
    async with client.dial(VOICE, poll_pause=BRISK) as call:
        await call.wait_connected()
        refused = aicc.fault("unauthorized", "dial_events")
        with anyio.fail_after(30):
            while refused.struck < 3:  # noqa: ASYNC110 - the simulator's thread counts
                await anyio.sleep(BRISK)

    warned = [record.getMessage() for record in caplog.records if "unheard" in record.getMessage()]
    assert 1 == len(warned)


async def test_the_body_s_own_error_leaves_as_it_is(aicc: Simulator, client: Client) -> None:
    """Not in a group, and the call is dropped."""
    with pytest.raises(KeyError, match="mine"):
        async with client.dial(VOICE, poll_pause=BRISK):
            raise KeyError("mine")

    assert 0 == aicc.agents_occupied


async def test_a_visitor_dials_once_at_a_time(aicc: Simulator, client: Client) -> None:
    """The second is refused before anything is sent, also under the same token given anew."""
    token = aicc.environment["AIOCC_WEBADAPTER_TOKEN"]
    async with client.dial(VOICE, poll_pause=BRISK):
        with pytest.raises(ConfigurationError, match="one call at a time"):
            async with client.visitor(CookieToken(token)).dial(VOICE):
                pass
    async with client.dial(VOICE, poll_pause=BRISK):
        pass

    assert ["0", "0"] == codes(aicc, "click_to_dial")


async def test_a_visitor_whose_token_comes_later_dials_once_at_a_time(aicc: Simulator, client: Client) -> None:
    """Nobody knew the token when the first call began; by now the visitor, and the token, are dialling."""
    token = aicc.environment["AIOCC_WEBADAPTER_TOKEN"]

    async def supply() -> str:
        return token

    visitor = client.visitor(CookieToken(supply))
    async with visitor.dial(VOICE, poll_pause=BRISK):
        for other in (visitor, client.visitor(CookieToken(token))):
            with pytest.raises(ConfigurationError, match="one call at a time"):
                async with other.dial(VOICE):
                    pass
    async with visitor.dial(VOICE, poll_pause=BRISK):
        pass

    assert ["0", "0"] == codes(aicc, "click_to_dial")


async def test_a_policy_that_raises_leaves_no_agent_occupied(aicc: Simulator, client: Client) -> None:
    """Its error leaves as it is, and the call that had been created is dropped."""

    class Broken(RetryPolicy):
        def may_resend(self, effect: Effect) -> bool:
            if effect is Effect.CALL:
                raise LookupError("mine")
            return super().may_resend(effect)

    aicc.answer_with("click_to_dial", status=502, after_effect=True)
    with pytest.raises(LookupError, match="mine"):
        async with client.with_options(retry=Broken()).dial(VOICE, poll_pause=BRISK):
            pass

    assert (["0"], 0) == (codes(aicc, "drop_dial"), aicc.agents_occupied)


async def test_a_strategy_that_raises_at_an_answer_ends_no_call(aicc: Simulator, client: Client) -> None:
    """The call goes on as the answers say, and is dropped at its end."""

    class Broken(CookieToken):
        def verdict(self, sent: WireRequest, answer: Answer, /) -> Verdict:
            raise LookupError("mine")

    async with client.visitor(Broken(aicc.environment["AIOCC_WEBADAPTER_TOKEN"])).dial(VOICE, poll_pause=BRISK) as call:
        await call.wait_connected()

    assert (["0"], 0) == (codes(aicc, "drop_dial"), aicc.agents_occupied)


async def test_the_call_s_cookies_stay_with_the_call(aicc: Simulator, client: Client) -> None:
    """What the creation set goes back with the events and the drop, and with nothing else."""
    async with client.dial(VOICE, poll_pause=BRISK) as call:
        await call.wait_connected()
        await client.leave_message(phone_no="1", content="x")
    sticky = {seen.operation: "JSESSIONID=" in (seen.header("cookie") or "") for seen in aicc.requests}

    assert {"click_to_dial": False, "dial_events": True, "leave_message": False, "drop_dial": True} == sticky


async def test_a_refused_call_is_not_dropped(aicc: Simulator, client: Client) -> None:
    """There is none."""
    aicc.answer_with("click_to_dial", code="12")
    with pytest.raises(RejectedError):
        async with client.dial(VOICE):
            pass

    assert [] == codes(aicc, "drop_dial")


async def test_a_lost_answer_is_settled_by_the_events(aicc: Simulator, client: Client) -> None:
    """The call exists, and the scope goes on with it."""
    aicc.answer_with("click_to_dial", status=502, after_effect=True)
    async with client.dial(VOICE, poll_pause=BRISK) as call:
        inside = aicc.agents_occupied

    assert (1, True, 0) == (inside, call.settled, aicc.agents_occupied)
    assert 1 == len(aicc.dials)


async def test_what_the_events_cannot_settle_is_dropped_and_named(aicc: Simulator, client: Client) -> None:
    """The error is the creation's own, and says that the call was dropped."""
    aicc.answer_with("click_to_dial", status=502)
    with pytest.raises(DeliveryUnknownError) as unknown:
        async with client.with_options(deadline=0.3).dial(VOICE, poll_pause=BRISK):
            pass

    assert "click_to_dial" == unknown.value.operation
    assert any("dropped" in note for note in unknown.value.__notes__)
    assert ["0"] == codes(aicc, "drop_dial")


async def test_a_drop_that_fails_is_the_scope_s_error_where_there_is_no_other(aicc: Simulator, client: Client) -> None:
    """It names the drop; beside the body's own error it is a note."""
    aicc.answer_with("drop_dial", code="13", times=6)
    with pytest.raises(DeliveryUnknownError) as unknown:
        async with client.dial(VOICE, poll_pause=BRISK):
            pass
    with pytest.raises(KeyError) as mine:
        async with client.dial(VOICE, poll_pause=BRISK):
            raise KeyError("mine")

    assert "drop_dial" == unknown.value.operation
    assert any("may still occupy an agent" in note for note in mine.value.__notes__)


async def test_a_call_cancelled_at_each_turn_of_the_loop_leaves_no_agent_occupied(
    aicc: Simulator, client: Client
) -> None:
    """Turn by turn through creation, events and drop."""
    for turn in itertools.count():
        done = False
        async with anyio.create_task_group() as group:

            async def whole() -> None:
                nonlocal done
                async with client.dial(VOICE, poll_pause=BRISK) as call:
                    await call.wait_connected()
                done = True

            group.start_soon(whole)
            for _ in range(turn):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        assert 0 == aicc.agents_occupied
        if done:
            break
    assert turn > 2


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "not answered"])
async def test_a_call_cancelled_at_each_of_its_awaits_leaves_no_agent_occupied(
    aicc: Simulator, client: Client, lost: bool
) -> None:
    """At the first, the second, and so on: of creation, events and drop; also where the events have to settle it."""

    async def whole() -> None:
        if lost:
            aicc.answer_with("click_to_dial", status=502, after_effect=True)
        async with client.dial(VOICE, poll_pause=BRISK) as call, call.events() as events:
            await anext(events)

    def check() -> None:
        assert 0 == aicc.agents_occupied
        aicc.reset()

    assert 2 < await cancel_at_each_await(whole, check)


async def test_a_scope_s_deadline_leaves_no_agent_occupied(aicc: Simulator, client: Client) -> None:
    """A creation that is on its way when the time is up is seen through, and the call dropped."""
    aicc.configure(latency=0.01)
    for milliseconds in range(1, 40, 3):
        with anyio.move_on_after(milliseconds / 1000) as scope:
            async with client.dial(VOICE, poll_pause=BRISK):
                await anyio.sleep_forever()

        assert scope.cancelled_caught
        assert 0 == aicc.agents_occupied


@pytest.mark.parametrize("pause", [0, -1, 61, "1", True])
async def test_a_wrong_pause_is_refused(client: Client, pause: object) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidRequestError, match="poll_pause"):
        client.dial(VOICE, poll_pause=pause)  # type: ignore[arg-type]  # the point of it


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"eventId": 168101}, 168101),
        ({"eventId": "168101"}, 168101),
        ({"eventId": " 7 "}, 7),
        ({"eventId": True}, None),
        ({"eventId": "x"}, None),
        ({"eventId": None}, None),
        ({}, None),
    ],
)
def test_event_ids_are_read_as_numbers_or_text(data: dict[str, object], found: int | None) -> None:
    """What is no id is no event."""
    event = dial_event(data)

    assert found == (None if event is None else event.event_id)
