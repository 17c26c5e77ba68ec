"""What many calls do to a service that is down, or slow, or throttles; the server's own counts are the judge."""

from __future__ import annotations

import re
import socket

import anyio
import pytest

from aiocc import (
    ConnectFailedError,
    DeadlineNotSentError,
    Delivery,
    LeaveMessage,
    Outcome,
    Reason,
    RetryPolicy,
    Timeouts,
    UnavailableError,
)

from .conftest import QUICK, REQUESTS, refusal
from .scripted import SUCCESS, Act, Arrived, answer, client_of, close, scripted, silent

MESSAGE = LeaveMessage(phone_no="123456", content="please call back")
PAGE = REQUESTS["obs_result_codes"]
ONCE = RetryPolicy(max_attempts=1)
GOOD = answer(SUCCESS["leave_message"])


async def test_a_host_that_keeps_refusing_is_not_tried() -> None:
    """After five refusals in a row calls end at once, unsent, and say so; `stats` shows why."""
    async with scripted([GOOD], listening=False) as server, client_of(server.url, retry=ONCE) as client:
        errors = [await refusal(client.leave_message(phone_no="1", content="x")) for _ in range(7)]
        other = await client.send(PAGE)
        stats = client.stats()

    assert [ConnectFailedError] * 5 + [UnavailableError] * 2 == [type(error) for error in errors]
    assert Reason.UNAVAILABLE is errors[-1].reason
    assert "5 connections refused in a row, the next try is in " in str(errors[-1])
    assert errors[-1].next_step.endswith("Wait until the host takes connections again.")
    assert ("open", 5) == (stats["webadapter"].breaker, stats["webadapter"].refusals)
    # Each service has a breaker of its own, also at one address.
    assert Reason.CONNECTION_REFUSED is (other.error and other.error.reason)
    assert ("closed", 1) == (stats["isales"].breaker, stats["isales"].refusals)


async def test_a_repeat_does_not_meet_an_open_breaker_twice() -> None:
    """A call during which the breaker opens ends as unavailable, with all its attempts."""
    async with scripted([GOOD], listening=False) as server, client_of(server.url, retry=QUICK) as client:
        first = await refusal(client.leave_message(phone_no="1", content="x"))
        second = await refusal(client.leave_message(phone_no="1", content="x"))

    refused = Reason.CONNECTION_REFUSED
    assert [[refused] * 3, [refused, refused, Reason.UNAVAILABLE]] == [
        [attempt.reason for attempt in error.attempts] for error in (first, second)
    ]


async def test_one_probe_finds_that_the_host_is_back() -> None:
    """After the pause one call goes as a probe; once it has a connection all go, whatever its answer takes."""
    async with (
        scripted([silent, GOOD, GOOD], listening=False) as server,
        client_of(server.url, retry=ONCE) as client,
    ):
        for _ in range(5):
            await client.send(MESSAGE)
        line = client._desk.line("webadapter")
        line.breaker._until = anyio.current_time()  # its pause is over
        half_open = line.stats().breaker
        server.listen()
        async with anyio.create_task_group() as group:
            group.start_soon(client.send, MESSAGE)
            await server.until_received()
            outcomes = [await client.send(MESSAGE) for _ in range(2)]
            group.cancel_scope.cancel()

    assert [Delivery.ACCEPTED] * 2 == [outcome.delivery for outcome in outcomes]
    assert ("half open", "closed", 3) == (half_open, line.stats().breaker, len(server.received))


async def test_while_one_probes_the_others_end_at_once() -> None:
    """Calls that come together after the pause do not all try a host that may still refuse: one does."""
    outcomes: list[Outcome[object]] = []
    async with scripted([GOOD], listening=False) as server, client_of(server.url, retry=ONCE) as client:
        for _ in range(5):
            await client.send(MESSAGE)
        client._desk.line("webadapter").breaker._until = anyio.current_time()  # its pause is over

        async def send() -> None:
            outcomes.append(await client.send(MESSAGE))

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(send)

    reasons = sorted(outcome.error.reason.name for outcome in outcomes if outcome.error is not None)
    assert ["CONNECTION_REFUSED", *["UNAVAILABLE"] * 9] == reasons


async def test_a_cancelled_probe_leaves_its_right_to_the_next() -> None:
    """A probe that is cancelled before it has a connection has shown nothing; the next call probes."""
    async with scripted([GOOD], listening=False) as server, client_of(server.url, retry=ONCE) as client:
        for _ in range(5):
            await client.send(MESSAGE)
        line = client._desk.line("webadapter")
        line.breaker._until = anyio.current_time()  # its pause is over
        server.listen()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await client.send(MESSAGE)
        outcome = await client.send(MESSAGE)

    assert (True, Delivery.ACCEPTED, "closed") == (scope.cancelled_caught, outcome.delivery, line.stats().breaker)


async def test_calls_in_the_queue_meet_the_breaker_too() -> None:
    """Calls that waited for a slot while the breaker opened do not try the host one after the other."""
    async with scripted([GOOD], listening=False) as server:
        client = client_of(server.url, retry=ONCE, concurrency=1)
        outcomes: list[Outcome[object]] = []

        async def send() -> None:
            outcomes.append(await client.send(MESSAGE))

        async with client, anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(send)

    reasons = [outcome.error.reason for outcome in outcomes if outcome.error is not None]
    assert [Reason.CONNECTION_REFUSED] * 5 + [Reason.UNAVAILABLE] * 15 == reasons


async def test_an_outage_brings_few_repeats() -> None:
    """A service that loses every answer gets each reading once, and 35 repeats in all; one answer pays again."""
    async with (
        scripted(
            lambda arrived: close if len(server.received) <= 95 else answer(SUCCESS["obs_result_codes"])
        ) as server,
        client_of(server.url, retry=RetryPolicy(base=0.0001)) as client,
    ):
        for _ in range(60):
            await client.send(PAGE)
        during = (len(server.received), client.stats()["isales"].retry_quota)
        for _ in range(20):
            await client.send(PAGE)
        after = client.stats()["isales"].retry_quota

    assert ((95, 10), 30) == (during, after)


async def test_throttling_holds_the_service_s_calls_for_a_moment() -> None:
    """Row 61: after an APIG.0308 the next call waits for its window, at most a second, and the error tells it."""
    text = "The throttling threshold has been reached: policy api over ratelimit,limit:5,time:1 second"
    refused = answer({"error_code": "APIG.0308", "error_msg": text}, 429)
    async with scripted([refused, GOOD]) as server, client_of(server.url) as client:
        once = client.with_options(retry=RetryPolicy(max_attempts=1))
        error = await refusal(once.leave_message(phone_no="1", content="x"))
        stats = client.stats()["webadapter"]
        too_soon = await refusal(client.with_options(deadline=0.5).leave_message(phone_no="1", content="x"))

    assert 1.0 == getattr(error, "retry_after", None)
    assert (Delivery.REJECTED, 0) == (error.delivery, stats.calls.active)
    assert (DeadlineNotSentError, 1) == (type(too_soon), len(server.received))
    assert re.search(r"a pause that the service asked for would have let it go in (0\.9|1\.0) s", str(too_soon))


async def test_a_call_that_waited_takes_the_newer_credential() -> None:
    """A call that got its credential before it waited goes out with the one that came in the meantime."""
    waiting = anyio.Event()
    done = answer(SUCCESS["send_note"], headers={"Set-GUID": "JSESSIONID=newer-guid"})

    async def renewing(connection: socket.socket) -> bool:
        await waiting.wait()
        return await done(connection)

    async with (
        scripted([renewing, done]) as server,
        client_of(server.url, concurrency=1) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(client.send, REQUESTS["send_note"])
        await server.until_received()
        group.start_soon(client.send, REQUESTS["send_note"])
        await anyio.wait_all_tasks_blocked()
        waiting.set()

    assert ["guid-of-agent-101.AgentGateway1", "newer-guid"] == [sent.headers["guid"] for sent in server.received]


async def test_nothing_is_begun_that_cannot_end_in_time() -> None:
    """With less left than `Timeouts(least=...)` a call ends unsent: if it left its fate would be unknown."""
    times = Timeouts(least=0.5)
    async with scripted([GOOD]) as server, client_of(server.url, timeouts=times) as client:
        error = await refusal(client.with_options(deadline=0.4).create_call(called="1"))
        outcome = await client.with_options(deadline=5).send(MESSAGE)

    assert (DeadlineNotSentError, Reason.DEADLINE) == (type(error), error.reason)
    assert "ms left, too little for an attempt" in str(error)
    assert (1, Delivery.ACCEPTED) == (len(server.received), outcome.delivery)


@pytest.mark.parametrize("least", [0.01, 30.0])
async def test_no_repeat_is_begun_that_cannot_end_in_time(least: float) -> None:
    """A repeat takes as much time as an attempt; without it the first fault is told."""
    times = Timeouts(least=least, total=30.1)
    async with scripted([close]) as server, client_of(server.url, timeouts=times) as client:
        view = client.with_options(retry=RetryPolicy(base=0.2, max_attempts=2))
        error = await refusal(view.obs_result_codes(1))

    assert len(server.received) == (2 if least < 1 else len(error.attempts))
    assert Reason.CONNECTION_CLOSED is error.reason


async def test_stats() -> None:
    """Slots, queues and connections of each service that was used are shown."""
    async with scripted([silent]) as server, client_of(server.url, concurrency=2) as client:
        before, url = client.stats(), server.url
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(client.send, MESSAGE)
            await server.until_received(2)
            stats = client.stats()
            group.cancel_scope.cancel()

    assert ({}, {"webadapter"}) == (before, set(stats))
    found = stats["webadapter"]
    assert (2, 2, 1, 0) == (found.calls.slots, found.calls.active, found.calls.waiting, found.calls.bulk_active)
    assert (0, 0, 500, "closed") == (found.polls.active, found.tokens.active, found.retry_quota, found.breaker)
    (pool,) = found.pools.values()
    assert (2, [url]) == (pool.active, list(found.pools))


async def test_a_bulk_run_delays_no_call() -> None:
    """While a bulk run has all the slots it may have, and waits for more, a call goes at once."""

    def script(arrived: Arrived) -> Act:
        return silent if b"bulk" in arrived.body else GOOD

    async with scripted(script) as server, client_of(server.url, concurrency=5) as client:
        bulk = client.with_options(bulk=True)
        async with anyio.create_task_group() as group:
            for _ in range(9):
                group.start_soon(bulk.send, LeaveMessage(phone_no="1", content="bulk"))
            await server.until_received(4)
            outcomes = [await client.send(MESSAGE) for _ in range(3)]
            stats = client.stats()["webadapter"].calls
            group.cancel_scope.cancel()

    assert [Delivery.ACCEPTED] * 3 == [outcome.delivery for outcome in outcomes]
    assert (4, 5, 7) == (stats.bulk_active, stats.bulk_waiting, len(server.received))
