"""Many calls meet one credential's end: over the simulator's real sockets, judged by its ledger."""

from __future__ import annotations

import logging
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from attrs import define, evolve

from aiocc import (
    CallError,
    Client,
    CreateCall,
    CredentialError,
    Delivery,
    Outcome,
    Timeouts,
    UnavailableError,
)
from aiocc.auth import AppKey, Credential, MemoryStore, Secret, StoredCredential, Strategy
from aiocc.auth.strategy import Fetch
from aiocc.protocol.messages import WireRequest
from aiocc.simulator import Simulator

from .conftest import Gate, app_key, fabric_client, relay, sent_with

MANY = 1000
TOKEN, CALL = "tokenByAkSk", "createcall"


async def call_all(client: Client, numbers: range, outcomes: list[Outcome[Any]]) -> None:
    """Call every number at once."""
    async with anyio.create_task_group() as group:
        for number in numbers:
            group.start_soon(call, client, number, outcomes)


async def call(client: Client, number: int, outcomes: list[Outcome[Any]]) -> None:
    outcomes.append(await client.send(CreateCall(called=str(number))))


def deliveries(outcomes: list[Outcome[Any]]) -> dict[Delivery, int]:
    """Count outcomes by delivery."""
    return dict(Counter(outcome.delivery for outcome in outcomes))


@asynccontextmanager
async def same_host(centre: Simulator) -> AsyncIterator[Client]:
    """Token and calls have one address."""
    async with fabric_client(centre) as client:
        yield client


@asynccontextmanager
async def token_elsewhere(centre: Simulator) -> AsyncIterator[Client]:
    """Tokens are had at an address of their own, and calls never go there."""
    async with relay(centre) as tokens, fabric_client(centre, auth=app_key(centre, token_url=tokens.url)) as client:
        yield client
        assert {f"/apigovernance/api/oauth/{TOKEN}"} == set(tokens.seen)


@asynccontextmanager
async def few_slots(centre: Simulator) -> AsyncIterator[Client]:
    """There is one slot, and one connection for calls."""
    async with fabric_client(centre, connections=1, concurrency=1) as client:
        yield client


@pytest.mark.parametrize("setting", [same_host, token_elsewhere, few_slots])
async def test_an_expired_token_is_renewed_once(centre: Simulator, setting: Any) -> None:
    """Row 55: however many calls meet an expired token, one is fetched, and no call is repeated twice."""
    outcomes: list[Outcome[Any]] = []
    async with setting(centre) as client:
        await client.create_call(called="0")
        centre.expire_tokens()
        await call_all(client, range(1, MANY + 1), outcomes)

    assert {Delivery.ACCEPTED: MANY} == deliveries(outcomes)
    assert sorted(map(str, range(MANY + 1))) == sorted(placed.called for placed in centre.calls)
    assert 2 == centre.token_requests
    assert {1, 2} >= {len(outcome.attempts) for outcome in outcomes}


@pytest.mark.parametrize("setting", [same_host, token_elsewhere, few_slots])
async def test_no_token_yet_is_fetched_once(centre: Simulator, setting: Any) -> None:
    """A thousand first calls share one fetch, and none of them is repeated."""
    outcomes: list[Outcome[Any]] = []
    async with setting(centre) as client:
        await call_all(client, range(MANY), outcomes)

    assert ({Delivery.ACCEPTED: MANY}, 1) == (deliveries(outcomes), centre.token_requests)
    assert {1} == {len(outcome.attempts) for outcome in outcomes}


async def test_a_fetch_outlives_its_first_waiter(centre: Simulator) -> None:
    """Row 57: when the call that began a fetch is cancelled, it goes on for the 999 others; nothing begins anew."""
    outcomes: list[Outcome[Any]] = []
    gate = Gate(TOKEN)
    async with (
        relay(centre, gate) as tokens,
        fabric_client(centre, auth=app_key(centre, token_url=tokens.url)) as client,
        anyio.create_task_group() as group,
    ):
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as firsts:
                firsts.start_soon(call, client, 0, outcomes)
                await tokens.until(1, TOKEN)
                group.start_soon(call_all, client, range(1, MANY), outcomes)
                await anyio.wait_all_tasks_blocked()
                first.cancel()
        gate.open()

    assert ({Delivery.ACCEPTED: MANY - 1}, 1) == (deliveries(outcomes), centre.token_requests)
    assert "0" not in {placed.called for placed in centre.calls}


async def test_the_very_first_waiter_is_cancelled_at_once(centre: Simulator) -> None:
    """A fetch that was asked for is begun, whatever becomes of who asked in the same moment."""
    outcomes: list[Outcome[Any]] = []
    async with fabric_client(centre) as client:
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as firsts:
                firsts.start_soon(call, client, 0, outcomes)
                firsts.start_soon(_cancel, first)
        await call_all(client, range(1, 11), outcomes)

    assert ({Delivery.ACCEPTED: 10}, 1) == (deliveries(outcomes), centre.token_requests)


async def _cancel(scope: anyio.CancelScope) -> None:
    scope.cancel()


@pytest.mark.parametrize(("plan", "most"), [({"status": 500}, 3), ({"status": 403, "code": "0"}, 1)])
async def test_a_failing_token_service_is_not_hammered(centre: Simulator, plan: Any, most: int) -> None:
    """A thousand calls without a token end NOT_SENT, each with an error of its own, after a few token requests."""
    centre.answer_with("token", times=10**6, **plan)
    outcomes: list[Outcome[Any]] = []
    async with fabric_client(centre) as client:
        await call_all(client, range(MANY), outcomes)
        await call_all(client, range(MANY), outcomes)

    assert {Delivery.NOT_SENT: 2 * MANY} == deliveries(outcomes)
    assert {UnavailableError} == {type(outcome.error) for outcome in outcomes}
    assert 2 * MANY == len({id(outcome.error) for outcome in outcomes})
    assert 2 * MANY == len({id(outcome.error.__cause__) for outcome in outcomes if outcome.error})
    # Each fetch is a few requests; after one that failed a pause begins, twice as long each time.
    assert ([], True) == (sent_with(centre, "create_call"), 1 <= centre.token_requests <= most * 7)


async def test_an_expired_token_without_another(centre: Simulator) -> None:
    """Calls whose token was refused, and that can have no other, end REJECTED as they were, and few are asked for."""
    outcomes: list[Outcome[Any]] = []
    async with fabric_client(centre) as client:
        await client.create_call(called="0")
        centre.expire_tokens()
        centre.answer_with("token", times=10**6, status=403, code="0")
        await call_all(client, range(MANY), outcomes)

    assert ({Delivery.REJECTED: MANY}, 1) == (deliveries(outcomes), centre.calls_placed)
    assert 2 <= centre.token_requests <= 6  # one, and another after each pause
    assert {2} == {len(outcome.attempts) for outcome in outcomes}


async def test_traces_are_not_shared(centre: Simulator) -> None:
    """What fails in many tasks at once is raised as an error of each task's own, whose trace is that task's alone."""
    centre.answer_with("token", times=10**6, status=403, code="0")
    errors: list[CallError] = []

    async def fail(client: Client) -> None:
        try:
            await client.create_call(called="1")
        except CallError as error:
            errors.append(error)

    async with fabric_client(centre) as client, anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(fail, client)

    linked = [one for error in errors for one in _chain(error)]
    assert len(linked) == len({id(one) for one in linked})
    frames = [id(frame) for one in linked for frame, _ in traceback.walk_tb(one.__traceback__)]
    assert (50, len(frames)) == (len(errors), len(set(frames)))


def _chain(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


async def test_a_token_is_had_while_all_slots_are_taken(centre: Simulator) -> None:
    """A call that needs a token does not wait for a slot first: the one slot may be held all the while."""
    gate = Gate(CALL, first=3)
    outcomes: list[Outcome[Any]] = []
    async with relay(centre, gate) as front, fabric_client(centre, url=front.url, connections=1) as client:
        await client.create_call(called="0")
        centre.expire_tokens()
        async with anyio.create_task_group() as group:
            group.start_soon(call, client, 1, outcomes)  # refused; gives its slot away, and needs a token
            await anyio.lowlevel.checkpoint()
            group.start_soon(call, client, 2, outcomes)  # has the slot, and is held
            await front.until(3, CALL)
            await front.until(2, TOKEN)
            while centre.token_requests < 2:  # noqa: ASYNC110 - it happens in another thread
                await anyio.sleep(0.001)
            assert ([], 1) == (outcomes, centre.calls_placed)
            gate.open()

    assert ({Delivery.ACCEPTED: 2}, 2) == (deliveries(outcomes), centre.token_requests)


async def test_an_older_generation_fetches_nothing(centre: Simulator) -> None:
    """A call whose token is refused after another was had takes that one: nothing is fetched."""
    gate = Gate(CALL, first=2, last=2)
    outcomes: list[Outcome[Any]] = []
    async with (
        relay(centre, gate) as front,
        fabric_client(centre, url=front.url) as client,
        anyio.create_task_group() as group,
    ):
        await client.create_call(called="0")
        group.start_soon(call, client, 1, outcomes)
        await front.until(2, CALL)  # on its way with the old token
        centre.expire_tokens()
        await client.create_call(called="2")
        assert ([], 2) == (outcomes, centre.token_requests)
        gate.open()

    assert ([2], 2) == ([len(outcome.attempts) for outcome in outcomes], centre.token_requests)
    assert ["0", "2", "1"] == [placed.called for placed in centre.calls]


# Ahead of expiry


class DueStore(MemoryStore):
    """Keeps its first credential as one that serves for long and should be renewed by now."""

    async def put(self, key: str, credential: StoredCredential | None, /) -> None:
        if credential is not None and not self._kept:
            credential = evolve(credential, renew_at=time.time() - 1)
        await super().put(key, credential)


async def due(centre: Simulator, url: str) -> AppKey:
    """Give a strategy that will hold a token which is due for renewal."""
    store = DueStore()
    async with fabric_client(centre, auth=app_key(centre, store=store, token_url=url)) as client:
        await client.create_call(called="first")
    return app_key(centre, store=store, token_url=url)


async def test_the_first_caller_past_the_soft_point_renews(centre: Simulator) -> None:
    """One renewal begins ahead of expiry, while calls go on with the old token and wait for nothing."""
    gate = Gate(TOKEN, first=2)
    outcomes: list[Outcome[Any]] = []
    async with relay(centre, gate) as tokens, fabric_client(centre, auth=await due(centre, tokens.url)) as client:
        await client.create_call(called="takes it from the store")
        await call_all(client, range(100), outcomes)
        await tokens.until(2, TOKEN)
        await call_all(client, range(100), outcomes)
        before = {*sent_with(centre, "create_call")}
        gate.open()
        while {*sent_with(centre, "create_call")} == before:
            await client.create_call(called="until the new one is used")

    assert (1, 2, 2) == (len(before), len({*sent_with(centre, "create_call")}), centre.token_requests)
    assert {Delivery.ACCEPTED: 200} == deliveries(outcomes)
    assert {1} == {len(outcome.attempts) for outcome in outcomes}


async def test_a_failed_renewal_ahead_is_nobodys_error(centre: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    """While the old token serves, calls go on with it; the failure is an event in the log, and waits for its repeat."""
    auth = await due(centre, centre.url("fabric"))
    centre.answer_with("token", times=10**6, status=403, code="0")
    outcomes: list[Outcome[Any]] = []
    with caplog.at_level(logging.WARNING, "aiocc"):
        async with fabric_client(centre, auth=auth) as client:
            while not caplog.records:
                await call_all(client, range(10), outcomes)
            await call_all(client, range(100), outcomes)

    assert {Delivery.ACCEPTED} == set(deliveries(outcomes))
    assert {1} == {len(outcome.attempts) for outcome in outcomes}
    assert 2 <= centre.token_requests <= 6
    assert {
        "fabric: no credential: tokenByAkSk gave no token: HTTP 403: auth fail! illegal or expired token info."
    } == {record.getMessage() for record in caplog.records}


# A user's own strategies


@define
class Unhashable(Strategy):
    """A strategy that compares by its fields, and so has no hash."""

    token: str
    asked: int = 0

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        return Credential(Secret(self.token))

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        head.headers.append(("Authorization", credential.secret.reveal()))


async def test_equal_strategies_are_two(centre: Simulator) -> None:
    """Strategies are told apart by identity: two that are equal have each its own fetch."""
    one, other = Unhashable("same"), Unhashable("same")
    async with fabric_client(centre, auth=one) as client, anyio.create_task_group() as group:  # type: ignore[arg-type]
        line = client._desk.line("fabric")
        for strategy in (one, other, one):
            group.start_soon(line.renewals.credential, line, strategy)

    assert (1, 1, 0) == (one.asked, other.asked, len(centre.requests))


class Failing(Unhashable):
    """A strategy whose own code has a fault."""

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        await super().credential(fetch)
        raise KeyError(self.token)


class OwnError(CredentialError):
    """An error with arguments of its own."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")
        self.two = two


class FailingInItsWay(Unhashable):
    """A strategy with an error class of its own."""

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        await super().credential(fetch)
        raise OwnError(1, 2)


@pytest.mark.parametrize(
    ("cls", "cause", "text"),
    [(Failing, CredentialError, "Failing raised KeyError"), (FailingInItsWay, OwnError, "1 and 2")],
)
async def test_whatever_a_strategy_raises_is_told_to_each(
    centre: Simulator, cls: type[Unhashable], cause: type[CredentialError], text: str
) -> None:
    """A user's strategy may raise anything: each waiter has an error of its own, which shows the class alone."""
    outcomes: list[Outcome[Any]] = []
    async with fabric_client(centre, auth=cls("s3cret")) as client:  # type: ignore[arg-type]
        await call_all(client, range(10), outcomes)

    found = [outcome.error.__cause__ for outcome in outcomes if outcome.error]
    assert (10, {(cause, text)}) == (len({*map(id, found)}), {(type(one), str(one)) for one in found})
    assert {Delivery.NOT_SENT: 10} == deliveries(outcomes)


async def test_a_fetch_has_a_time_of_its_own(centre: Simulator) -> None:
    """`Timeouts(token=...)` ends a fetch that gets no answer, and the call is NOT_SENT."""
    gate = Gate(TOKEN)
    async with relay(centre, gate) as front:
        times = Timeouts(connect=60, queue=60, read=60, token=0.01, total=60)
        async with fabric_client(centre, url=front.url, timeouts=times) as client:
            outcome = await client.send(CreateCall(called="1"))

    assert (Delivery.NOT_SENT, UnavailableError, 0) == (outcome.delivery, type(outcome.error), len(centre.requests))
