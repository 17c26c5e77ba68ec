"""Long polls wait in a lane of their own."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from attrs import evolve

from aiocc import Delivery, LeaveMessage, Reason, Timeouts
from aiocc.endpoints.generic import service_request
from aiocc.hooks import CallStarted, Event
from aiocc.protocol.operation import Lane, Request

from .conftest import refusal
from .scripted import SUCCESS, Act, Arrived, answer, client_of, scripted, silent

MESSAGE = LeaveMessage(phone_no="123456", content="please call back")


def poll(read: float = 0.0) -> Request[Any]:
    """Make a request that the server holds."""
    request = service_request("webadapter", "GET", "/poll")
    return evolve(request, operation=evolve(request.operation, lane=Lane.POLL, read=read))


def hold_polls(arrived: Arrived) -> Act:
    """Answer everything but polls."""
    return silent if arrived.target == "/poll" else answer(SUCCESS["leave_message"])


async def test_polls_take_no_slot_of_the_calls() -> None:
    """While more polls are held than there are slots, calls go through, and hooks hear which is which."""
    events: list[Event] = []
    async with scripted(hold_polls) as server, client_of(server.url, concurrency=1) as client:
        view = client.with_options(hooks=[events.append])
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(view.send, poll())
            await server.until_received(3)
            outcome = await view.send(MESSAGE)
            await view.with_options(bulk=True).send(MESSAGE)
            group.cancel_scope.cancel()
        line = client._desk.line("webadapter")
        left = (line.poll_lane.active, line.admission.active)

    assert (Delivery.ACCEPTED, (0, 0)) == (outcome.delivery, left)
    lanes = [event.lane for event in events if isinstance(event, CallStarted)]
    assert ["poll"] * 3 + ["call", "bulk"] == lanes


@pytest.mark.parametrize(
    ("read", "total", "expected"), [(30.0, 0.2, Reason.DEADLINE), (0.0, 30.0, Reason.READ_TIMEOUT)]
)
async def test_a_poll_may_take_longer_for_its_answer(read: float, total: float, expected: Reason) -> None:
    """An operation that is held as a matter of course waits for its own read time-out, under the deadline still."""
    times = Timeouts(read=0.02, total=total)
    async with scripted(hold_polls) as server, client_of(server.url, timeouts=times) as client:
        outcome = await client.send(poll(read))

    assert (Delivery.UNKNOWN, expected) == (outcome.delivery, outcome.error and outcome.error.reason)


async def test_a_longer_read_time_out_of_the_user_s_stays() -> None:
    """An operation's own read time-out never shortens the service's."""
    times = Timeouts(read=0.3, total=0.1)
    async with scripted(hold_polls) as server, client_of(server.url, timeouts=times) as client:
        error = await refusal(client.with_options(retry=None).request("webadapter", "GET", "/poll"))
        line = client._desk.line("webadapter")

        assert Reason.DEADLINE is error.reason
        assert 0.3 == line.times(poll(0.01).operation).read


async def test_closing_ends_those_that_wait_to_poll() -> None:
    """Row 65: after `aclose` no poll is let through."""
    async with scripted(hold_polls) as server, client_of(server.url) as client:
        await client.send(MESSAGE)
        line = client._desk.line("webadapter")
        await client.aclose()

    assert not line.poll_lane.admits_at_once()
