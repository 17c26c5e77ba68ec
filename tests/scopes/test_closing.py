"""A client that is closed while scopes of its own are open: nobody stays signed in, no agent stays occupied."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from aiocc import TLS, AioccError, Client, ClientClosedError, CreateCall, MediaAbility, SendNote, Service
from aiocc.auth import CookieToken, Credential
from aiocc.protocol.messages import WireRequest
from aiocc.scopes.session import AgentSession
from aiocc.simulator import Simulator
from tests.campaigns.kernel import sockets_to, until

from .steps import cancel_at_each_await

AGENT = 205
LONG = 0.1
BRISK = (0.001, 0.002)

Scope = Callable[[Client, Simulator], AbstractAsyncContextManager[Any]]


@pytest.fixture
async def client(aicc: Simulator) -> AsyncIterator[Client]:
    """Give a client that its test closes."""
    aicc.configure(poll_hold=0.05)
    client = Client.from_env(aicc.environment)
    yield client
    await client.aclose()


def sign_in(client: Client, aicc: Simulator) -> AbstractAsyncContextManager[Any]:
    """Sign an agent in."""
    password = aicc.environment["AIOCC_AGENT_PASSWORD"]
    return client.sign_in(AGENT, password=password, phone="88880205", poll_pause=BRISK)


def dial(client: Client, _: Simulator) -> AbstractAsyncContextManager[Any]:
    """Dial as the service's own visitor."""
    return client.dial(MediaAbility.VOICE, poll_pause=0.002)


def visit(client: Client, aicc: Simulator) -> AbstractAsyncContextManager[Any]:
    """Dial as a visitor with a token of its own."""
    visitor = client.visitor(CookieToken(aicc.new_visitor("another")))
    return visitor.dial(MediaAbility.VOICE, poll_pause=0.002)


SCOPES = [sign_in, dial, visit]
UNDOING = {sign_in: "sign_out", dial: "drop_dial", visit: "drop_dial"}
BEGINNING = {sign_in: "sign_in", dial: "click_to_dial", visit: "click_to_dial"}
LEFTOVER = {sign_in: "may still be signed in", dial: "may still occupy an agent", visit: "may still occupy an agent"}


def held(aicc: Simulator) -> int:
    """Count what the contact centre holds."""
    return len(aicc.agents_signed_in) + aicc.agents_occupied


def codes(aicc: Simulator, operation: str) -> list[str | None]:
    """Give the codes that an operation was answered with."""
    return [seen.code for seen in aicc.requests if seen.operation == operation]


@pytest.mark.parametrize("scope", SCOPES)
async def test_closing_gives_back_what_a_scope_in_another_task_holds(
    aicc: Simulator, client: Client, caplog: pytest.LogCaptureFixture, scope: Scope
) -> None:
    """It is given back once, before `aclose()` returns; the body is cancelled, and told that the client was closed."""
    inside, told = anyio.Event(), []

    async def body() -> None:
        try:
            async with scope(client, aicc):
                inside.set()
                await anyio.sleep_forever()
        except ClientClosedError as error:
            told.append(str(error))

    async with anyio.create_task_group() as group:
        group.start_soon(body)
        await inside.wait()
        await until(lambda: held(aicc) == 1)
        await client.aclose()
        after = held(aicc)

    assert (0, ["the client was closed while this scope was open"]) == (after, told)
    assert ["0"] == codes(aicc, UNDOING[scope])
    assert [] == [record.message for record in caplog.records if LEFTOVER[scope] in record.message]


@pytest.mark.parametrize("scope", SCOPES)
async def test_closing_inside_a_scope_gives_back_and_ends_the_body(
    aicc: Simulator, client: Client, scope: Scope
) -> None:
    """The body's next await ends, and the scope raises that the client was closed."""
    went_on = False

    async def body() -> None:
        nonlocal went_on
        async with scope(client, aicc):
            await client.aclose()
            assert 0 == held(aicc)
            await anyio.sleep_forever()
            went_on = True

    with pytest.raises(ClientClosedError, match="was closed while this scope was open"):
        await body()

    assert (False, ["0"]) == (went_on, codes(aicc, UNDOING[scope]))


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("mine", [None, KeyError("mine")], ids=["plain", "with an error"])
async def test_a_body_that_ends_by_itself_ends_as_it_would(
    aicc: Simulator, client: Client, scope: Scope, mine: Exception | None
) -> None:
    """Nothing was left to do for the scope: no error of ours, and the body's own leaves as it is."""
    seen: list[Exception] = []
    try:
        async with scope(client, aicc):
            await client.aclose()
            if mine is not None:
                raise mine
    except KeyError as error:
        seen.append(error)

    assert ([mine] if mine else [], []) == (seen, getattr(mine, "__notes__", []))
    assert (0, ["0"]) == (held(aicc), codes(aicc, UNDOING[scope]))


async def test_a_call_of_the_body_that_is_on_its_way_ends_first(aicc: Simulator, client: Client) -> None:
    """The agent is signed out after the answer to its note; the next note is refused here."""
    slow = aicc.fault("delay", "send_note", seconds=LONG, count=1)
    refused: list[AioccError] = []

    async def body() -> None:
        async with sign_in(client, aicc) as agent:
            await agent.send_note([31002], "on its way")
            with pytest.raises(ClientClosedError) as closed:
                await agent.send_note([31002], "too late")
            refused.append(closed.value)

    async with anyio.create_task_group() as group:
        group.start_soon(body)
        await until(lambda: slow.struck == 1)
        await client.aclose()

    assert ["on its way"] == [note.content for note in aicc.inbox(31002)]
    order = [seen.operation for seen in aicc.requests if seen.operation in ("send_note", "sign_out")]
    assert (["send_note", "sign_out"], 1, ()) == (order, len(refused), aicc.agents_signed_in)


async def test_a_call_that_waits_for_a_slot_delays_no_sign_out(aicc: Simulator) -> None:
    """It is told at once that the client is closed, and never sent; the sign-out waits behind nobody."""
    aicc.configure(poll_hold=0.05)
    aicc.fault("delay", "send_note", seconds=LONG, count=1)
    gateway = Service(aicc.url("gateway"), concurrency=1, tls=TLS(ca_file=aicc.ca_file))
    client = Client(gateway=gateway)
    outcomes: list[str] = []

    async def note(agent: AgentSession, text: str) -> None:
        outcomes.append((await agent.send(SendNote([31002], text))).delivery)

    async def body() -> None:
        async with sign_in(client, aicc) as agent, anyio.create_task_group() as notes:
            notes.start_soon(note, agent, "on its way")
            await until(lambda: bool(client.stats()["gateway"].calls.active))
            notes.start_soon(note, agent, "waits")
            await until(lambda: bool(client.stats()["gateway"].calls.waiting))
            await client.aclose()
            assert () == aicc.agents_signed_in

    await body()

    assert ["not_sent", "accepted"] == outcomes
    assert (1, ["0"]) == (len(aicc.notes), codes(aicc, "sign_out"))


async def test_a_sign_out_that_waits_for_a_slot_goes_before_the_end(aicc: Simulator) -> None:
    """The scope was being left already; its sign-out is not turned away with the calls."""
    aicc.configure(poll_hold=0.05)
    client = Client(gateway=Service(aicc.url("gateway"), concurrency=1, tls=TLS(ca_file=aicc.ca_file)))
    async with anyio.create_task_group() as group:

        async def body() -> None:
            async with sign_in(client, aicc) as agent:
                aicc.fault("delay", "send_note", seconds=LONG, count=1)
                group.start_soon(agent.send, SendNote([31002], "on its way"))
                await until(lambda: bool(client.stats()["gateway"].calls.active))

        group.start_soon(body)
        await until(lambda: bool(client.stats()) and bool(client.stats()["gateway"].calls.waiting))
        await client.aclose()
        after = aicc.agents_signed_in

    assert ((), ["0"]) == (after, codes(aicc, "sign_out"))


@pytest.mark.parametrize("scope", SCOPES)
async def test_what_cannot_be_given_back_is_named(
    aicc: Simulator, client: Client, caplog: pytest.LogCaptureFixture, scope: Scope
) -> None:
    """By the warning that leaving the scope would log, and for a call by the note on its error too; once."""
    aicc.answer_with(UNDOING[scope], status=400, body="no", times=9)

    async def body() -> None:
        async with scope(client, aicc):
            await client.aclose()
            await anyio.sleep_forever()

    with pytest.raises(ClientClosedError) as closed:
        await body()

    warnings = [record.message for record in caplog.records if LEFTOVER[scope] in record.message]
    notes = [note for note in getattr(closed.value, "__notes__", []) if LEFTOVER[scope] in note]
    assert (1, int(scope is not sign_in)) == (len(warnings), len(notes))
    assert 1 == len(codes(aicc, UNDOING[scope]))


class Unwilling(CookieToken):
    """A strategy of the application's own that lets no call be dropped."""

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        """Raise in the middle of a drop."""
        if "dropClickToCall" in head.target:
            raise LookupError("a text of its own")
        super().apply(head, credential)


@pytest.mark.parametrize("closes", [True, False], ids=["closed", "left"])
async def test_what_a_strategy_of_the_applications_own_raises_is_told(
    aicc: Simulator, client: Client, closes: bool
) -> None:
    """Leaving the scope raises it; where the client was closed, a note names its class, and all else is closed."""
    visitor = client.visitor(Unwilling(aicc.new_visitor("another")))

    async def body() -> None:
        async with visitor.dial(MediaAbility.VOICE, poll_pause=0.002):
            if closes:
                await client.aclose()
                await anyio.sleep_forever()

    with pytest.raises(ClientClosedError if closes else LookupError) as caught:
        await body()

    notes = [note for note in getattr(caught.value, "__notes__", []) if "occupy" in note]
    assert (["aiocc: the call may still occupy an agent: LookupError"] if closes else []) == notes


@pytest.mark.parametrize("scope", SCOPES)
async def test_closing_after_any_turns_of_the_loop_leaves_nothing_held(aicc: Simulator, scope: Scope) -> None:
    """Through entering, polling and leaving; whoever was entering learns that the client was closed."""
    aicc.configure(poll_hold=0.05)
    ends: set[str] = set()
    turn = 0
    while True:
        client = Client.from_env(aicc.environment)
        done = False

        async def whole(client: Client = client) -> None:
            nonlocal done
            try:
                async with scope(client, aicc):
                    for _ in range(5):
                        await anyio.lowlevel.checkpoint()
            except ClientClosedError as error:
                ends.add(str(error))
            else:
                done = True

        async with anyio.create_task_group() as group:
            group.start_soon(whole)
            for _ in range(turn):
                await anyio.lowlevel.checkpoint()
            ended_before = done
            await client.aclose()
            assert 0 == held(aicc)
        assert 0 == held(aicc)
        if ended_before:
            break
        turn += 1 + turn // 4  # a busy machine takes many turns to answer

    assert turn > 3
    assert "the client was closed while this scope was open" in ends


@pytest.mark.parametrize("slow", ["beginning", "undoing"])
@pytest.mark.parametrize("scope", SCOPES)
async def test_closing_under_asyncios_own_cancellation_gives_back_too(
    aicc: Simulator, client: Client, anyio_backend: Any, scope: Scope, slow: str
) -> None:
    """However often the closing task is cancelled, while a scope begins or ends."""
    if anyio_backend[0] == "trio":
        pytest.skip("trio has no such thing")
    aicc.fault("delay", (BEGINNING if slow == "beginning" else UNDOING)[scope], seconds=LONG, count=1)

    async def body() -> None:
        with suppress(ClientClosedError):
            async with scope(client, aicc):
                await asyncio.sleep(60)

    task = asyncio.create_task(body())
    if slow == "beginning":
        await until(lambda: bool(client.stats()) and any(one.calls.active for one in client.stats().values()))
    else:
        await until(lambda: held(aicc) == 1)
    closing = asyncio.create_task(client.aclose())
    for _ in range(3):
        await asyncio.sleep(0.002)
        closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    left = held(aicc)
    await task

    assert 0 == left
    port = int(aicc.url("gateway" if scope is sign_in else "webadapter").rpartition(":")[2])
    await until(lambda: 0 == sockets_to(port))


async def test_a_closing_that_is_cancelled_twice_leaves_no_socket(aicc: Simulator, anyio_backend: Any) -> None:
    """By asyncio's own cancellation too, while a call is awaited that takes its time."""
    if anyio_backend[0] == "trio":
        pytest.skip("trio has no such thing")
    port = int(aicc.url("fabric").rpartition(":")[2])
    client = Client.from_env(aicc.environment)
    await client.create_call(called="1")  # its token was fetched by the client's own task
    aicc.fault("silence", "create_call", count=1)
    call = asyncio.create_task(client.send(CreateCall(called="2")))
    await until(lambda: bool(client.stats()["fabric"].calls.active))
    closing = asyncio.create_task(client.aclose())
    await asyncio.sleep(0.002)
    for _ in range(3):
        closing.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await closing
    left = sockets_to(port)
    outcome = await call

    assert (0, "unknown") == (left, outcome.delivery)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("leaving", ["its body", "a loop of its own", "the client"])
async def test_a_forked_child_that_leaves_a_scope_gives_nothing_back(
    aicc: Simulator, client: Client, anyio_backend: Any, scope: Scope, leaving: str
) -> None:
    """What is held is the parent's, who goes on by the same connections and gives it back itself."""
    if anyio_backend[0] == "trio":
        pytest.skip("trio's loop has no life in a child")
    opened = scope(client, aicc)
    async with opened:
        await until(lambda: held(aicc) == 1)
        if child := os.fork():
            code = await anyio.to_thread.run_sync(lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        else:
            await _leave_in_child(client, opened, leaving)
        inside, undone = held(aicc), codes(aicc, UNDOING[scope])
        asked = len(aicc.requests)
        await until(lambda: len(aicc.requests) > asked + 3)  # its polls go on
        lost = [seen for seen in aicc.requests if seen.code is None and not seen.answered]

    assert (0, 1, [], []) == (code, inside, undone, lost)
    assert (0, ["0"]) == (held(aicc), codes(aicc, UNDOING[scope]))


async def _leave_in_child(client: Client, opened: AbstractAsyncContextManager[Any], leaving: str) -> None:
    code = 1
    try:
        signal.alarm(20)
        if leaving == "its body":
            await opened.__aexit__(None, None, None)
        elif leaving == "the client":
            await client.aclose()
        else:
            asyncio.run(_left(opened))
        code = 0
    finally:
        os._exit(code)


async def _left(opened: AbstractAsyncContextManager[Any]) -> None:
    await opened.__aexit__(None, None, None)


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_closing_cancelled_at_each_of_its_awaits_leaves_nothing_held(aicc: Simulator, scope: Scope) -> None:
    """At the first await of a body that closes the client, at the second, and so on until its scope has ended."""
    aicc.configure(poll_hold=0.05)
    clients: list[Client] = []

    async def whole() -> None:
        client = Client.from_env(aicc.environment)
        clients.append(client)
        with suppress(ClientClosedError):
            async with scope(client, aicc):
                await client.aclose()
                await anyio.sleep_forever()

    def check() -> None:
        assert 0 == held(aicc)
        aicc.reset()
        aicc.configure(poll_hold=0.05)

    assert 2 < await cancel_at_each_await(whole, check)
    for client in clients:
        await client.aclose()


async def test_a_session_that_is_being_regained_is_not_left_behind(aicc: Simulator, client: Client) -> None:
    """It was lost, and is being signed in again when the client is closed: that is seen through, and undone."""
    inside = anyio.Event()

    async def body() -> None:
        password = aicc.environment["AIOCC_AGENT_PASSWORD"]
        again = client.sign_in(AGENT, password=password, phone="88880205", poll_pause=BRISK, on_lost="sign_in_again")
        with suppress(ClientClosedError):
            async with again:
                inside.set()
                await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(body)
        await inside.wait()
        slow = aicc.fault("delay", "sign_in", seconds=LONG, count=1)
        aicc.sign_out(AGENT)
        await until(lambda: slow.struck == 1)
        await client.aclose()
        after = aicc.agents_signed_in

    assert ((), ["0", "0"]) == (after, codes(aicc, "sign_in"))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("scope", SCOPES)
async def test_a_client_closed_in_another_loop_ends_the_scope_and_names_what_is_left(
    aicc: Simulator, client: Client, caplog: pytest.LogCaptureFixture, scope: Scope
) -> None:
    """From there nothing here can be touched: the scope ends by itself, and says what it could not give back."""

    async def body() -> None:
        async with scope(client, aicc):
            await anyio.to_thread.run_sync(lambda: anyio.run(client.aclose))
            await anyio.sleep_forever()

    with pytest.raises(ClientClosedError) as closed:
        await body()

    named = [*caplog.messages, *getattr(closed.value, "__notes__", [])]
    assert (1, []) == (held(aicc), codes(aicc, UNDOING[scope]))
    assert 1 == sum(LEFTOVER[scope] in text for text in named)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_scope_that_its_loop_never_left_holds_up_no_other_loop(aicc: Simulator) -> None:
    """What that loop held is gone with it: the client signs the agent in again in the next one."""
    aicc.configure(poll_hold=0.05)
    client = Client.from_env(aicc.environment)
    lost = asyncio.new_event_loop()
    abandoned = sign_in(client, aicc)
    lost.run_until_complete(abandoned.__aenter__())
    for task in asyncio.all_tasks(lost):
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own switch: it ends on purpose
    lost.close()
    aicc.sign_out(AGENT)

    async def again() -> None:
        async with client, sign_in(client, aicc):
            assert (AGENT,) == aicc.agents_signed_in

    asyncio.run(again())

    assert ((), ["0", "0"], ["0"]) == (aicc.agents_signed_in, codes(aicc, "sign_in"), codes(aicc, "sign_out"))
