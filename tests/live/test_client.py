"""The client's life, from the first call to the last connection, and its views."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from aiocc import (
    Client,
    ClientClosedError,
    ConfigurationError,
    Outcome,
    RetryPolicy,
)
from aiocc.auth import CookieToken
from aiocc.simulator import Simulator

from .conftest import REQUESTS, SAMPLES, Sample, effects, named, refusal
from .scripted import SUCCESS, answer, client_of, close, scripted, silent

Backend = tuple[str, dict[str, Any]]


LEAVES_CONNECTIONS = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""For tests that end a loop with connections open, of which the loop itself warns when they are collected."""


def run(backend: Backend, function: Callable[[], Any]) -> Any:
    """Run a loop of its own to its end."""
    name, options = backend
    return anyio.run(function, backend=name, backend_options=options)


# Its life


async def test_a_client_serves_without_a_block(aicc: Simulator) -> None:
    """A client is used as it was made, and closed with `aclose()`."""
    client = Client.from_env(aicc.environment)
    for sample in SAMPLES:
        await sample.perform(client)
    await client.aclose()

    assert 5 == effects(aicc)


async def test_closing_twice_is_closing_once(aicc: Simulator) -> None:
    """`aclose()` is idempotent, in a block too."""
    async with Client.from_env(aicc.environment) as client:
        await client.leave_message(phone_no="1", content="x")
        await client.aclose()
    await client.aclose()

    assert 1 == effects(aicc)


@pytest.mark.parametrize("used", [True, False], ids=["used", "unused"])
@pytest.mark.parametrize(**named(SAMPLES))
async def test_a_closed_client_sends_nothing(aicc: Simulator, sample: Sample, used: bool) -> None:
    """After `aclose()` every call is a ClientClosedError, and nothing is sent."""
    client = Client.from_env(aicc.environment)
    if used:
        await client.obs_result_codes(2)
    await client.aclose()
    seen = len(aicc.requests)

    with pytest.raises(ClientClosedError):
        await sample.perform(client)
    assert (seen, 0) == (len(aicc.requests), effects(aicc))


async def test_a_client_is_opened_in_one_task_and_closed_in_another(aicc: Simulator) -> None:
    """No task and no scope is held: each step may come from a task of its own."""
    client = Client.from_env(aicc.environment)
    for step in (client.__aenter__, lambda: SAMPLES[0].perform(client), lambda: client.__aexit__(None, None, None)):
        async with anyio.create_task_group() as group:
            group.start_soon(step)

    assert 1 == effects(aicc)
    with pytest.raises(ClientClosedError):
        await SAMPLES[0].perform(client)


async def test_a_client_is_shared_by_all_tasks_of_its_loop(aicc: Simulator, aicc_client: Client) -> None:
    """Many tasks at once are served over one client, each call once."""
    async with anyio.create_task_group() as group:
        for sample in SAMPLES * 8:
            group.start_soon(sample.perform, aicc_client)

    assert (8, 8, 8, 16) == tuple(map(len, (aicc.calls, aicc.dials, aicc.messages, aicc.notes)))
    assert 1 == aicc.token_requests


async def test_closing_lets_calls_on_their_way_end() -> None:
    """`aclose()` waits for what is on its way; what waits for a slot is told and never sent."""
    release = anyio.Event()
    outcomes: list[Outcome[Any]] = []

    def script(_: object) -> Any:
        async def act(connection: Any) -> bool:
            await release.wait()
            return await answer(SUCCESS["leave_message"])(connection)

        return act

    async def call(client: Client) -> None:
        outcomes.append(await client.send(REQUESTS["leave_message"]))

    async with scripted(script) as server:
        client = client_of(server.url, concurrency=1)
        async with anyio.create_task_group() as group:
            group.start_soon(call, client)
            await server.until_received()
            group.start_soon(call, client)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(client.aclose)
            await anyio.wait_all_tasks_blocked()
            release.set()

    assert ["not_sent", "accepted"] == [outcome.delivery for outcome in outcomes]
    assert 1 == len(server.received)


async def test_a_closing_that_is_cut_short_closes_the_connections() -> None:
    """Whoever has no patience with a call that never ends can bound `aclose()`: all connections are closed still."""

    def script(_: object) -> Any:
        return silent if len(server.received) == 1 else answer(SUCCESS["leave_message"])

    async with scripted(script) as server:
        client = client_of(server.url)
        async with anyio.create_task_group() as group:
            group.start_soon(client.send, REQUESTS["leave_message"])
            await server.until_received()
            await client.send(REQUESTS["leave_message"])
            with anyio.move_on_after(0.02):
                await client.aclose()
            with anyio.move_on_after(0.5) as patience:
                await server.until_ended(1)
            group.cancel_scope.cancel()

    assert (2, False) == (server.connections, patience.cancelled_caught)


@LEAVES_CONNECTIONS
def test_one_client_serves_two_loops_in_turn(aicc: Simulator, anyio_backend: Backend) -> None:
    """After its first loop ended a client works in another: the old connections are left alone."""
    client = Client.from_env(aicc.environment)

    async def first() -> None:
        await client.agent().send_note([31002], "first")
        await client.obs_result_codes(1)

    async def second() -> None:
        await client.agent().send_note([31002], "second")
        await client.obs_result_codes(1)
        await client.aclose()

    run(anyio_backend, first)
    run(anyio_backend, second)

    gc.collect()

    assert ["first", "second"] == [note.content for note in aicc.inbox(31002)]


@LEAVES_CONNECTIONS
def test_a_token_outlives_its_loop(aicc: Simulator, anyio_backend: Backend) -> None:
    """What was fetched in one loop serves in the next."""
    client = Client.from_env(aicc.environment)

    async def call(last: bool) -> None:
        await client.create_call(called="1")
        if last:
            await client.aclose()

    run(anyio_backend, lambda: call(last=False))
    run(anyio_backend, lambda: call(last=True))
    gc.collect()

    assert (2, 1) == (aicc.calls_placed, aicc.token_requests)


async def test_a_client_refuses_a_second_loop_while_the_first_one_runs(aicc: Simulator, aicc_client: Client) -> None:
    """In use in a loop that still runs, a client says so in another before anything is sent."""
    await aicc_client.obs_result_codes(1)

    def elsewhere() -> None:
        with pytest.raises(ConfigurationError, match="another event loop that still runs"):
            anyio.run(SAMPLES[0].perform, aicc_client)

    await anyio.to_thread.run_sync(elsewhere)

    assert 1 == len(aicc.requests)


@LEAVES_CONNECTIONS
def test_a_client_that_was_never_closed_warns(aicc: Simulator, anyio_backend: Backend) -> None:
    """A forgotten client is a ResourceWarning that says what to do, not a hang."""
    clients = [Client.from_env(aicc.environment)]
    run(anyio_backend, lambda: clients[0].obs_result_codes(1))

    with pytest.warns(ResourceWarning, match="an aiocc.Client was never closed: use `async with`, or aclose"):  # noqa: PT031 - forgetting takes two steps
        clients.clear()
        gc.collect()


def test_a_client_that_was_never_used_needs_no_closing(aicc: Simulator) -> None:
    """Making a client opens nothing, so dropping it warns of nothing."""
    client = Client.from_env(aicc.environment)
    del client
    gc.collect()

    assert () == aicc.requests


# Views


async def test_a_view_has_its_own_headers_and_shares_the_rest(aicc: Simulator, aicc_client: Client) -> None:
    """Headers add up from view to view, and the client itself keeps its own."""
    view = aicc_client.with_options(headers={"X-TenantSpaceID": "7"}).with_options(headers={"X-Trace": "abc"})
    await view.create_call(called="1")
    await aicc_client.create_call(called="2")

    sent = [request for request in aicc.requests if request.operation == "create_call"]
    expected = [("7", "abc"), (None, None)]
    assert expected == [(request.header("x-tenantspaceid"), request.header("x-trace")) for request in sent]
    assert 1 == aicc.token_requests


async def test_a_view_has_its_own_policy() -> None:
    """`with_options(retry=...)` takes the place of the service's, for agents and visitors of the view too."""
    once = RetryPolicy(max_attempts=1)
    async with scripted([close]) as server, client_of(server.url) as client:
        view = client.with_options(retry=once)
        await refusal(view.obs_result_codes(1))
        await refusal(view.agent(101).request("GET", "agentevent/{agent_id}"))
        await refusal(view.visitor(CookieToken("t")).leave_message(phone_no="1", content="x"))

    assert 3 == len(server.received)


async def test_a_view_shares_the_agents_guid(aicc: Simulator, aicc_client: Client) -> None:
    """An agent of a view is the agent of the client."""
    aicc.rotate_guid(101)
    await aicc_client.with_options(deadline=5).agent().send_note([31002], "over the view")
    fresh = aicc.rotate_guid(101, announce=False)
    aicc_client.agent(101, guid=fresh)
    await aicc_client.with_options(deadline=5).agent().send_note([31002], "learned by the client")

    assert fresh == aicc.requests[-1].header("guid")


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil"}, {"Content-Length": "1"}, {"X A": "1"}, {"X": "a\r\nB: c"}, {"X": "é"}, [("X", 1)]],
)
async def test_a_header_that_cannot_be_sent_is_refused(aicc_client: Client, headers: Any) -> None:
    """A view checks its headers when it is made."""
    with pytest.raises(ConfigurationError):
        aicc_client.with_options(headers=headers)


async def test_closing_a_view_closes_nothing(aicc: Simulator, aicc_client: Client) -> None:
    """A view owns nothing: closing one leaves the client and its other views at work."""
    async with aicc_client.with_options(deadline=5.0) as view:
        await view.create_call(called="1")
    await aicc_client.create_call(called="2")

    assert 2 == aicc.calls_placed
