"""Visitors and agents by the thousand on one client: shared pools and limits, never a shared credential or cookie."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from aiocc import Client, PoolLimits, RetryPolicy, Service, Timeouts
from aiocc.auth import CookieToken, WebToken
from aiocc.call.admission import MAX_QUEUE
from aiocc.simulator import Simulator

from .conftest import PATIENT, QUICK, app_key, fabric_client, sent_with

CROWD = 10_000
FIRST_AGENT = 100_000
POOL = PoolLimits(max_connections=20)

ON_ONE_LOOP = pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": False})], ids=["asyncio"])
"""Twenty thousand requests are enough once; on the other loops there are a thousand."""


def crowd_client(centre: Simulator) -> Client:
    """Make a client of what visitors and agents use."""
    options: dict[str, Any] = {"pool": POOL, "timeouts": PATIENT, "retry": QUICK}
    return Client(
        webadapter=Service(centre.url("webadapter"), **options), gateway=Service(centre.url("gateway"), **options)
    )


async def work(jobs: list[Callable[[], Awaitable[object]]]) -> None:
    """Do all jobs at once, as far as the client's own limits allow."""
    async with anyio.create_task_group() as group:
        for job in jobs:
            group.start_soon(job)


async def speak(centre: Simulator, size: int) -> None:
    """Let so many visitors and agents send one request each, all alive at the same time; judge by the ledger."""
    client = crowd_client(centre)
    tokens = {f"visitor-{number}": centre.new_visitor(f"visitor-{number}") for number in range(size)}
    guids = {FIRST_AGENT + number: centre.sign_in(FIRST_AGENT + number) for number in range(size)}
    visitors = {name: client.visitor(CookieToken(token)) for name, token in tokens.items()}
    agents = {
        number: client.agent(number, guid=guid, cookies={"SLB": f"node-{number}"}) for number, guid in guids.items()
    }
    jobs: list[Callable[[], Awaitable[object]]] = []
    for (name, visitor), (number, agent) in zip(visitors.items(), agents.items(), strict=True):
        jobs.append(lambda v=visitor, n=name: v.leave_message(phone_no="1", content=n))  # type: ignore[misc]
        jobs.append(lambda a=agent, n=number: a.send_note([31002], str(n)))  # type: ignore[misc]
    async with client:
        await work(jobs)
        pools = [client._desk.line(name).transport.stats() for name in ("webadapter", "gateway")]  # type: ignore[attr-defined]

    assert {*tokens} == {message.visitor for message in centre.messages if message.visitor == message.content}
    assert [{number} for number in guids] == [{int(n.content), n.sender} for n in sorted(centre.notes, key=_sender)]
    assert {f"ccmessaging-token={token}" for token in tokens.values()} == {
        *sent_with(centre, "leave_message", "cookie")
    }
    carried = {
        (int(request.target.split("/")[4]), request.header("guid"), request.header("cookie"))
        for request in centre.requests
        if request.service == "gateway"
    }
    assert {(number, guid, f"SLB=node-{number}") for number, guid in guids.items()} == carried
    assert {None} == {*sent_with(centre, "leave_message", "guid")}
    assert (2 * size, True) == (len(centre.requests), all(pool.opened <= 24 for one in pools for pool in one.values()))


def _sender(note: Any) -> int:
    return int(note.sender)


@ON_ONE_LOOP
async def test_ten_thousand_of_each(centre: Simulator) -> None:
    """Ten thousand visitors and ten thousand agents at once: each request carries its own credential alone."""
    assert CROWD <= MAX_QUEUE
    await speak(centre, CROWD)


async def test_five_hundred_of_each(centre: Simulator) -> None:
    """The same on every loop."""
    await speak(centre, 500)


async def test_one_app_key_serves_a_crowd_of_visitors(centre: Simulator) -> None:
    """Five hundred visitors who apply for their tokens at once share the app's token, and no token of their own."""
    client, app = crowd_client(centre), app_key(centre)
    where: dict[str, Any] = {"url": centre.url("fabric"), "channel_id": "c", "user_name": "n"}
    visitors = {str(n): client.visitor(WebToken(app, user_id=str(n), **where)) for n in range(500)}
    async with client:
        await work([lambda v=v, n=n: v.leave_message(phone_no="1", content=n) for n, v in visitors.items()])  # type: ignore[misc]

    assert (1, 500) == (centre.token_requests, len({*sent_with(centre, "leave_message", "cookie")}))
    assert {*visitors} == {message.visitor for message in centre.messages if message.visitor == message.content}


async def test_what_a_visitor_was_given_is_gone_with_it(centre: Simulator) -> None:
    """Nothing keeps a visitor, its strategy or its credential that the application has dropped, failed or not."""
    client, app = crowd_client(centre), app_key(centre)
    where: dict[str, Any] = {"url": centre.url("fabric"), "channel_id": "c", "user_name": "n"}
    dropped: list[weakref.ref[Any]] = []
    async with client:
        for number in range(30):
            strategies = [CookieToken(centre.new_visitor(str(number))), WebToken(app, user_id=f"w{number}", **where)]
            strategies.append(CookieToken(_failing))
            for strategy in strategies:
                visitor = client.visitor(strategy)
                await visitor._desk.perform(_message(), strategy, visitor._options)
                dropped.append(weakref.ref(strategy))
        del strategies, strategy, visitor
        await work([])
        gc.collect()
        alive = [one() for one in dropped if one() is not None]
        states = len(client._desk.line("webadapter").renewals._states)

    assert ([], 90, 1) == (alive, len(dropped), states)  # the state is the app key's


async def _failing() -> str:
    await anyio.lowlevel.checkpoint()
    raise KeyError("no token today")


def _message() -> Any:
    from aiocc import LeaveMessage

    return LeaveMessage(phone_no="1", content="x")


async def test_making_them_does_nothing(centre: Simulator) -> None:
    """A visitor and an agent are made without I/O and without an event loop's help; an agent twice is one cell."""
    client = crowd_client(centre)
    visitors = [client.visitor(CookieToken(f"token-{number}")) for number in range(CROWD)]
    one, other = client.agent(31010, guid="g"), client.agent(31010)

    assert (CROWD, (), True) == (len({*map(id, visitors)}), centre.requests, one._strategy is other._strategy)
    assert not hasattr(visitors[0], "__dict__")


async def test_limits_are_shared(centre: Simulator) -> None:
    """A rate and a number of slots hold for all visitors together."""
    client = Client(
        webadapter=Service(
            centre.url("webadapter"),
            concurrency=1,
            timeouts=Timeouts(queue=0.001, total=60),
            retry=RetryPolicy(max_attempts=1),
        )
    )
    visitors = [client.visitor(CookieToken(centre.new_visitor(str(number)))) for number in range(50)]
    outcomes: list[Any] = []

    async def speak_up(visitor: Any) -> None:
        outcomes.append(await visitor.send(_message()))

    async with client:
        await work([lambda v=v: speak_up(v) for v in visitors])  # type: ignore[misc]
        stats = client._desk.line("webadapter").transport.stats()  # type: ignore[attr-defined]

    assert [1] == [pool.opened for pool in stats.values()]
    assert {"accepted", "not_sent"} >= {outcome.delivery for outcome in outcomes}
    assert sum(outcome.delivery == "accepted" for outcome in outcomes) == len(centre.messages)


async def test_a_view_shares_the_renewal(centre: Simulator) -> None:
    """Views of a client have its one fetch as well."""
    client = fabric_client(centre)
    async with client:
        views = [client.with_options(deadline=60.0 + number) for number in range(50)]
        await work([lambda v=v: v.create_call(called="1") for v in views])  # type: ignore[misc]

    assert (1, 50) == (centre.token_requests, centre.calls_placed)
