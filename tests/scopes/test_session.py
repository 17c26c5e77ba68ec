"""An agent's signed-in time: what the gateway's ledger says of it, however it ends."""

from __future__ import annotations

import asyncio
import html
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote

import anyio
import anyio.lowlevel
import httpx
import pytest

from aiocc import (
    AcceptedButUnreadableError,
    AgentSignedOutError,
    Client,
    ClientClosedError,
    ConfigurationError,
    Delivery,
    DeliveryUnknownError,
    InvalidRequestError,
    NoteReceived,
    RejectedError,
    UnknownEvent,
)
from aiocc.endpoints.agent_events import AgentEvent
from aiocc.scopes.listeners import Listener
from aiocc.scopes.session import AgentSession
from aiocc.simulator import Simulator
from tests.campaigns.kernel import until

from .steps import cancel_at_each_await

AGENT = 205
SENDER = 101
BRISK = (0.001, 0.002)


@pytest.fixture
async def client(aicc: Simulator) -> AsyncIterator[Client]:
    """Give a client of a gateway that holds polls for a moment only."""
    aicc.configure(poll_hold=0.05)
    async with Client.from_env(aicc.environment) as client:
        yield client


def settings(aicc: Simulator, **more: Any) -> dict[str, Any]:
    """Give what a sign-in needs."""
    return {"password": aicc.environment["AIOCC_AGENT_PASSWORD"], "phone": "88880205", "poll_pause": BRISK, **more}


def bodies(aicc: Simulator, operation: str) -> list[str | None]:
    """Give the codes that an operation was answered with."""
    return [seen.code for seen in aicc.requests if seen.operation == operation]


@pytest.mark.parametrize("force", ["never", "always"])
@pytest.mark.parametrize("header", [{}, {"Set-GUID": "x" * 2000}], ids=["none", "unfit"])
async def test_a_sign_in_that_brings_no_guid_was_done(
    aicc: Simulator, client: Client, force: Any, header: dict[str, str]
) -> None:
    """The agent is signed in by a session that nobody can use: the error says that it was done, and what repairs it."""
    body = {"message": "", "retcode": "0", "result": {"workno": str(AGENT)}}
    name = "force_sign_in" if force == "always" else "sign_in"
    aicc.answer_with(name, body=body, headers=header)
    with pytest.raises(AcceptedButUnreadableError) as caught:
        async with client.sign_in(AGENT, force=force, **settings(aicc)):
            pytest.fail("there is no session")

    error = caught.value
    assert (Delivery.ACCEPTED, name, "gateway") == (error.delivery, error.operation, error.service)
    assert ("force='if_signed_in' repairs it" in error.next_step, True) == (True, error.next_step in str(error))
    assert (1, True) == (len(error.attempts), error.exchange is not None)
    assert aicc.environment["AIOCC_AGENT_PASSWORD"] not in f"{error} {error!r} {error.exchange}"
    assert [name] == [seen.operation for seen in aicc.requests]
    async with client.sign_in(AGENT, force="if_signed_in", **settings(aicc)) as agent:
        assert (AGENT,) == aicc.agents_signed_in
    assert AGENT == agent.agent_id


async def test_a_session_signs_in_polls_and_signs_out(aicc: Simulator, client: Client) -> None:
    """Events come to the listener, and the ledger shows nobody signed in afterwards."""
    async with client.sign_in(AGENT, **settings(aicc)) as agent, agent.events() as events:
        inside = aicc.agents_signed_in
        await client.agent().send_note([AGENT], "come here")
        found = []
        async for event in events:
            found.append(event)
            if isinstance(event, NoteReceived):
                break

    assert ((AGENT,), ()) == (inside, aicc.agents_signed_in)
    assert ["come here"] == [event.text for event in found if isinstance(event, NoteReceived)]
    assert [(str(SENDER), str(AGENT))] == [(e.sender, e.work_no) for e in found if isinstance(e, NoteReceived)]
    assert str(AGENT) == agent.signed_in.work_no
    assert ["0"] == bodies(aicc, "sign_out")


async def test_another_client_sends_with_what_a_session_shows(aicc: Simulator, client: Client) -> None:
    """The current GUID and the sign-in's cookies are there to be handed on, and no text of the session shows them."""
    async with client.sign_in(AGENT, **settings(aicc)) as agent, Client.from_env(aicc.environment) as other:
        first = agent.guid
        new = aicc.rotate_guid(AGENT)
        await until(lambda: agent.guid != first)
        await other.agent(AGENT, guid=agent.guid, cookies=agent.cookies).send_note([SENDER], "handed on")
        shown = f"{agent!r} {agent.guid!r} {agent.cookies!r}"

    assert new == agent.guid.reveal()
    assert ["JSESSIONID"] == list(agent.cookies)
    assert ["handed on"] == [note.content for note in aicc.notes]
    assert not any(secret.reveal() in shown for secret in (agent.guid, *agent.cookies.values()))


async def test_an_agent_of_the_environment_needs_no_arguments(aicc: Simulator, client: Client) -> None:
    """Agent id, password and phone number come from their variables."""
    aicc.sign_out(SENDER)
    async with client.sign_in(poll_pause=BRISK) as agent:
        assert (SENDER,) == aicc.agents_signed_in
        await agent.send_note([31002], "hello")

    assert ["hello"] == [note.content for note in aicc.inbox(31002)]


async def test_both_shapes_of_a_note_s_event_are_read(aicc: Simulator, client: Client) -> None:
    """The page says that no text comes with it, the vendor's demo reads one; other events are kept as they are."""
    aicc.configure(note_content=False)
    async with client.sign_in(AGENT, **settings(aicc)) as agent, agent.events() as events:
        await client.agent().send_note([AGENT], "come here")
        first, second = await anext(events), await anext(events)

    assert (UnknownEvent, "AgentState_Ready") == (type(first), first.type)
    assert (NoteReceived, None) == (type(second), second.content)
    assert isinstance(second, NoteReceived)
    assert (None, None) == (second.sender, second.text)


async def test_the_guid_is_followed(aicc: Simulator, client: Client) -> None:
    """It changes every few milliseconds, and no note is refused."""
    aicc.configure(guid_interval=0.01, guid_grace=5.0)
    told: list[str] = []
    async with client.sign_in(AGENT, **settings(aicc, on_guid=told.append)) as agent:
        while len(told) < 5:
            await agent.send_note([31002], "hello")

    assert {"0"} == set(bodies(aicc, "send_note"))
    assert 5 <= len(set(told))


@pytest.mark.parametrize("raised", [LookupError, asyncio.CancelledError, SystemExit])
async def test_on_guid_that_raises_ends_no_session(
    aicc: Simulator, client: Client, caplog: pytest.LogCaptureFixture, raised: type[BaseException]
) -> None:
    """Over a transport of the application's own too: the polls go on, none of them is lost, and the log says it."""
    aicc.configure(guid_interval=0.01, guid_grace=5.0)
    told: list[str] = []

    def raising(guid: str) -> None:
        told.append(guid)
        raise raised(guid)

    async with httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=aicc.ca_file)) as transport:
        foreign = Client.from_env(aicc.environment, transport=transport)
        for one in (client, foreign):
            told.clear()
            async with one.sign_in(AGENT, **settings(aicc, on_guid=raising)) as agent:
                await until(lambda: len(told) > 3)
            assert 0 == agent.polls_lost
        await foreign.aclose()

    assert f"on_guid raised {raised.__name__}; the new GUID is in use all the same" in caplog.messages


async def test_a_note_refused_for_its_guid_waits_for_the_next_one(aicc: Simulator, client: Client) -> None:
    """The gateway gave a new GUID that no answer has brought yet: the note is repeated once, with that."""
    aicc.configure(guid_grace=0.0)
    async with client.sign_in(AGENT, **settings(aicc)) as agent:
        aicc.rotate_guid(AGENT, announce=False)
        fresh = aicc.sign_in(AGENT)

        async def bring() -> None:
            await until(lambda: bool(bodies(aicc, "send_note")))
            client.agent(AGENT, guid=fresh)

        async with anyio.create_task_group() as group:
            group.start_soon(bring)
            await agent.send_note([31002], "hello")

    assert ["100-006", "0"] == bodies(aicc, "send_note")
    assert ["hello"] == [note.content for note in aicc.inbox(31002)]


async def test_the_sign_in_s_cookies_travel_with_its_agent_alone(aicc: Simulator, client: Client) -> None:
    """As the vendor's own clients do; no other agent's request has them."""
    async with client.sign_in(AGENT, **settings(aicc)) as agent:
        await agent.send_note([31002], "with")
        await client.agent().send_note([31002], "without")
    cookies = [seen.header("cookie") for seen in aicc.requests if seen.operation == "send_note"]

    assert [True, False] == [cookie is not None and cookie.startswith("JSESSIONID=") for cookie in cookies]


@pytest.mark.parametrize(
    ("force", "asked"),
    [("if_signed_in", [("sign_in", "100-002"), ("force_sign_in", "0")]), ("always", [("force_sign_in", "0")])],
)
async def test_an_agent_who_is_signed_in_already_can_be_forced(
    aicc: Simulator, client: Client, force: Any, asked: list[tuple[str, str]]
) -> None:
    """Only where the caller says so."""
    aicc.sign_in(AGENT)
    with pytest.raises(RejectedError) as refused:
        async with client.sign_in(AGENT, **settings(aicc)):
            pass
    aicc.reset()
    aicc.sign_in(AGENT)
    async with client.sign_in(AGENT, **settings(aicc, force=force)):
        inside = aicc.agents_signed_in

    assert "100-002" == refused.value.code
    assert "force='if_signed_in'" in refused.value.next_step
    assert (AGENT,) == inside
    assert asked == [(str(one.operation), one.code) for one in aicc.requests if "sign_in" in str(one.operation)]


async def test_a_wrong_password_is_refused_and_shown_nowhere(aicc: Simulator, client: Client) -> None:
    """Neither in the error, nor in what it keeps of the exchange, nor in the explanation."""
    with pytest.raises(RejectedError) as refused:
        async with client.sign_in(AGENT, password="not-the-password", phone="88880205"):
            pass
    error = refused.value

    assert ("100-004", ()) == (error.code, aicc.agents_signed_in)
    assert "not-the-password" not in f"{error!s} {error!r} {error.attempts} {error.exchange}"


@pytest.mark.parametrize("password", ["пароль-тайна", 'a"quoted\\one/', "<tag>&'s", "12a4", "plain-password"])
@pytest.mark.parametrize(
    "told", [json.dumps, lambda text: text, html.escape, quote], ids=["json", "raw", "html", "url"]
)
async def test_a_password_is_hidden_however_it_comes_back(
    aicc: Simulator, client: Client, password: str, told: Callable[[str], str]
) -> None:
    """In JSON's spelling, in HTML's, in an address's, and short as it may be."""
    aicc.answer_with("sign_in", status=500, body=f"<p>{told(password)}</p>")
    with pytest.raises(DeliveryUnknownError) as unknown:
        async with client.sign_in(AGENT, **settings(aicc, password=password)):
            pass
    error = unknown.value
    shown = f"{error} {error.description} {error.exchange}"

    assert "***" in str(error.description)
    assert [] == [text for text in (password, json.dumps(password)[1:-1], told(password)) if text in shown]


async def test_a_sign_in_whose_answer_was_lost_says_what_repairs_it(aicc: Simulator, client: Client) -> None:
    """A plain one would be refused; it is never repeated by itself."""
    aicc.answer_with("sign_in", status=502, after_effect=True)
    with pytest.raises(DeliveryUnknownError) as unknown:
        async with client.sign_in(AGENT, **settings(aicc)):
            pass
    left = aicc.agents_signed_in
    async with client.sign_in(AGENT, **settings(aicc, force="if_signed_in")):
        pass

    assert "force='if_signed_in'" in unknown.value.next_step
    assert ((AGENT,), ()) == (left, aicc.agents_signed_in)
    assert 2 == len(bodies(aicc, "sign_in"))


async def test_a_lost_session_ends_the_body(aicc: Simulator, client: Client) -> None:
    """The body is cancelled, and the scope raises what the gateway said."""
    went_on = False

    async def body() -> None:
        nonlocal went_on
        async with client.sign_in(AGENT, **settings(aicc)):
            aicc.sign_out(AGENT)
            await anyio.sleep(60)
            went_on = True

    with pytest.raises(AgentSignedOutError) as lost:
        await body()

    assert ("100-006", False) == (lost.value.code, went_on)
    assert [] == bodies(aicc, "sign_out")


async def test_a_lost_session_can_be_begun_again(aicc: Simulator, client: Client) -> None:
    """The body goes on, with the GUID of the next sign-in."""
    async with client.sign_in(AGENT, **settings(aicc, on_lost="sign_in_again")) as agent:
        aicc.sign_out(AGENT)
        await until(lambda: bool(aicc.agents_signed_in))
        await agent.send_note([31002], "still here")

    assert ["still here"] == [note.content for note in aicc.inbox(31002)]
    assert () == aicc.agents_signed_in


async def test_lost_answers_to_polls_are_counted_and_harm_nothing(aicc: Simulator, client: Client) -> None:
    """The poller asks again."""
    aicc.answer_with("agent_events", status=502, times=3)
    async with client.sign_in(AGENT, **settings(aicc)) as agent:
        await until(lambda: agent.polls > 0)

    assert 3 == agent.polls_lost


@pytest.mark.parametrize(("on_full", "kept"), [("drop_oldest", ["1", "2"]), ("drop_newest", ["0", "1"])])
async def test_a_slow_listener_loses_events_by_its_policy_and_counts_them(
    aicc: Simulator, client: Client, on_full: Any, kept: list[str]
) -> None:
    """Another listener loses none."""
    async with client.sign_in(AGENT, **settings(aicc)) as agent:
        await until(lambda: agent.polls > 0)
        async with agent.events(buffer=2, on_full=on_full) as slow, agent.events() as quick:
            for number in range(3):
                await client.agent().send_note([AGENT], str(number))
            heard = [await anext(quick) for _ in range(3)]
            held = [await anext(slow) for _ in range(2)]

    assert ["0", "1", "2"] == [event.text for event in heard if isinstance(event, NoteReceived)]
    assert (kept, 1) == ([event.text for event in held if isinstance(event, NoteReceived)], slow.dropped)


async def test_the_events_end_with_the_session(aicc: Simulator, client: Client) -> None:
    """An iteration that outlives the scope ends."""
    async with client.sign_in(AGENT, **settings(aicc)) as agent:
        events = await agent.events().__aenter__()
        async with agent.events() as beside:
            await client.agent().send_note([AGENT], "the last")
            async for event in beside:
                if isinstance(event, NoteReceived):
                    break
    with anyio.fail_after(5):
        found = [event async for event in events]

    assert ["the last"] == [event.text for event in found if isinstance(event, NoteReceived)]


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "at once"])
async def test_tasks_that_share_a_listener_share_its_events(aicc: Simulator, client: Client, at_once: bool) -> None:
    """Each event goes to one of them, exactly once; all of them end with the session."""
    texts = [str(number) for number in range(6)]
    heard: list[str] = []

    async def share(events: Listener[AgentEvent]) -> None:
        async for event in events:
            if isinstance(event, NoteReceived):
                heard.append(str(event.text))  # noqa: PERF401 - others look at it meanwhile

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group, client.sign_in(AGENT, **settings(aicc)) as agent:
            events = await agent.events().__aenter__()
            for _ in range(3):
                group.start_soon(share, events)
            await anyio.wait_all_tasks_blocked()
            for number, text in enumerate(texts, 1):
                await client.agent().send_note([AGENT], text)
                if not at_once:
                    await until(lambda number=number: number == len(heard))
            await until(lambda: len(texts) == len(heard))

    assert (texts, 0) == (sorted(heard), events.dropped)


async def test_a_listener_that_is_left_ends_for_all_who_share_it(aicc: Simulator, client: Client) -> None:
    """Whoever iterates in another task has what came before, and then ends; the session goes on."""
    ended: list[int] = []

    async def share(events: Listener[AgentEvent]) -> None:
        ended.append(len([event async for event in events]))

    with anyio.fail_after(10):
        async with (
            client.sign_in(AGENT, **settings(aicc)) as agent,
            anyio.create_task_group() as group,
            agent.events() as events,
        ):
            group.start_soon(share, events)
            group.start_soon(share, events)
            await anyio.wait_all_tasks_blocked()

    assert 2 == len(ended)


async def test_the_body_s_own_error_leaves_as_it_is(aicc: Simulator, client: Client) -> None:
    """Not in a group, and the agent is signed out."""
    with pytest.raises(KeyError, match="mine"):
        async with client.sign_in(AGENT, **settings(aicc)):
            raise KeyError("mine")

    assert () == aicc.agents_signed_in


async def test_an_agent_is_signed_in_once_by_a_client(aicc: Simulator, client: Client) -> None:
    """The second scope is refused before anything is sent; after the first it may begin."""
    async with client.sign_in(AGENT, **settings(aicc)):
        with pytest.raises(ConfigurationError, match="signed in by this client already"):
            async with client.sign_in(AGENT, **settings(aicc, force="always")):
                pass
    async with client.sign_in(AGENT, **settings(aicc)):
        pass

    assert ["0", "0"] == bodies(aicc, "sign_in")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"password": ""}, "password"),
        ({"password": "x" * 33}, "password"),
        ({"phone": ""}, "phone"),
        ({"phone": "1" * 25}, "phone"),
        ({"force": "yes"}, "force"),
        ({"on_lost": "cry"}, "on_lost"),
        ({"poll_pause": (0.5, 0.2)}, "poll_pause"),
        ({"agent_type": "4"}, "agent_type"),
        ({"auto_answer": 1}, "auto_answer"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_wrong_arguments_are_refused_before_anything_is_sent(
    aicc: Simulator, client: Client, wrong: dict[str, Any], named: str
) -> None:
    """The error names the field, and shows no secret."""
    with pytest.raises(InvalidRequestError, match=named) as refused:
        client.sign_in(AGENT, **settings(aicc, **wrong))

    assert "xxx" not in str(refused.value)
    assert () == aicc.requests


async def test_what_is_missing_is_named_with_its_variable(aicc: Simulator) -> None:
    """Without a password nothing is sent."""
    environment = {name: value for name, value in aicc.environment.items() if name != "AIOCC_AGENT_PASSWORD"}
    async with Client.from_env(environment) as client:
        with pytest.raises(ConfigurationError, match="AIOCC_AGENT_PASSWORD"):
            client.sign_in()

    assert () == aicc.requests


@pytest.mark.parametrize("given", ["password", "phone"])
async def test_another_agent_s_settings_are_not_taken(aicc: Simulator, client: Client, given: str) -> None:
    """What the environment says of agent 101 signs in nobody else; the error names the variable and both agents."""
    missing = "phone" if given == "password" else "password"
    with pytest.raises(ConfigurationError) as refused:
        client.sign_in(AGENT, **{given: settings(aicc)[given]})

    owner = f"AIOCC_AGENT_{missing.upper()} is agent 101's (AIOCC_AGENT_ID), not agent 205's"
    assert f"{missing} is not given, and {owner}" == str(refused.value)
    assert () == aicc.requests


@pytest.mark.parametrize(("named", "wanted"), [("205", 205), ("205", None), ("", 205)])
async def test_the_settings_of_this_agent_or_of_any_are_taken(aicc: Simulator, named: str, wanted: int | None) -> None:
    """Where the environment names the agent that is asked for, or none, its password and phone serve."""
    environment = {**aicc.environment, "AIOCC_AGENT_ID": named}
    async with Client.from_env(environment) as client, client.sign_in(wanted, poll_pause=BRISK) as agent:
        assert (205, (205,)) == (agent.agent_id, aicc.agents_signed_in)


async def test_a_session_cancelled_at_each_turn_of_the_loop_leaves_nobody_signed_in(
    aicc: Simulator, client: Client
) -> None:
    """Turn by turn through sign-in, poll, note and sign-out; afterwards the gateway knows of nobody."""
    for turn in itertools.count():
        done = False
        async with anyio.create_task_group() as group:

            async def whole() -> None:
                nonlocal done
                async with client.sign_in(AGENT, **settings(aicc)) as agent:
                    await agent.send_note([31002], "hello")
                done = True

            group.start_soon(whole)
            for _ in range(turn):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        assert () == aicc.agents_signed_in
        if done:
            break
    assert turn > 3


async def test_a_session_cancelled_at_each_of_its_awaits_leaves_nobody_signed_in(
    aicc: Simulator, client: Client
) -> None:
    """At the first, the second, and so on: of sign-in, a forced one too, polls and their events, note and sign-out."""

    async def whole() -> None:
        aicc.sign_in(AGENT)
        async with client.sign_in(AGENT, **settings(aicc, force="if_signed_in")) as agent, agent.events() as events:
            await agent.send_note([AGENT], "hello")
            while not isinstance(await anext(events), NoteReceived):
                pass

    def check() -> None:
        assert () == aicc.agents_signed_in
        aicc.reset()
        aicc.configure(poll_hold=0.05)

    assert 5 < await cancel_at_each_await(whole, check)


async def test_a_scope_s_deadline_leaves_nobody_signed_in(aicc: Simulator, client: Client) -> None:
    """A sign-in that is on its way when the time is up is seen through, and undone."""
    aicc.configure(latency=0.01)
    for milliseconds in range(1, 40, 3):
        with anyio.move_on_after(milliseconds / 1000) as scope:
            async with client.sign_in(AGENT, **settings(aicc)):
                await anyio.sleep_forever()

        assert scope.cancelled_caught
        assert () == aicc.agents_signed_in


async def test_a_cancelled_sign_in_whose_answer_is_lost_is_named(aicc: Simulator, client: Client) -> None:
    """The cancellation that passes on says that the agent may be signed in, and what repairs it."""
    aicc.answer_with("sign_in", status=502, after_effect=True)
    notes: list[str] = []
    async with anyio.create_task_group() as group:

        async def sign_in() -> None:
            try:
                async with client.sign_in(AGENT, **settings(aicc)):
                    pass
            except anyio.get_cancelled_exc_class() as stop:
                notes.extend(stop.__notes__)
                raise

        group.start_soon(sign_in)
        while not ((stats := client.stats().get("gateway")) and stats.calls.active):
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()

    assert (AGENT,) == aicc.agents_signed_in
    assert any("force='if_signed_in'" in note for note in notes)


async def test_a_session_is_an_agent(aicc: Simulator, client: Client) -> None:
    """Any other operation goes through it, and `client.agent()` shares its GUID."""
    async with client.sign_in(AGENT, **settings(aicc)) as agent:
        assert isinstance(agent, AgentSession)
        await client.agent(AGENT).send_note([31002], "by the same GUID")

    assert ["by the same GUID"] == [note.content for note in aicc.inbox(31002)]


async def test_a_client_closed_inside_a_session_ends_it(aicc: Simulator) -> None:
    """Nothing can be polled any more: the body ends, with that error and in no group."""
    client = Client.from_env(aicc.environment)

    async def body() -> None:
        async with client.sign_in(AGENT, **settings(aicc)):
            await client.aclose()
            await anyio.sleep_forever()

    with pytest.raises(ClientClosedError):
        await body()
