"""Turns of asyncio's loop: what goes out together, who is woken when, and what had left."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import anyio
import pytest

from aiocc.delivery import Reason
from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import Fault, Wire
from aiocc.transport.asyncio_connection import AsyncioConnection
from aiocc.transport.channel import Channel
from aiocc.transport.turn import WOKEN_AT_ONCE, Turn
from tests.conftest import BACKENDS

from .raw import OK, exchange, pooled, serving

pytestmark = pytest.mark.parametrize("anyio_backend", BACKENDS[:2], indirect=True)


async def test_callers_whose_answers_came_at_once_are_woken_a_few_in_a_turn_and_in_order() -> None:
    """A thousand answers leave every other task its turns."""
    loop = asyncio.get_running_loop()
    turn = Turn(loop, loop.time)
    callers = [loop.create_future() for _ in range(3 * WOKEN_AT_ONCE + 1)]
    for caller in callers:
        turn.wake(caller)
    woken = []
    while not callers[-1].done():
        woken.append(sum(caller.done() for caller in callers))
        await asyncio.sleep(0)

    assert woken == sorted(woken)
    assert max(after - before for before, after in pairwise(woken)) <= WOKEN_AT_ONCE
    assert all(caller.done() for caller in callers)


async def test_a_caller_who_gave_up_takes_nobody_s_place() -> None:
    """One that is cancelled while it waits to be woken is passed over."""
    loop = asyncio.get_running_loop()
    turn = Turn(loop, loop.time)
    callers = [loop.create_future() for _ in range(WOKEN_AT_ONCE + 2)]
    for caller in callers:
        turn.wake(caller)
    callers[-2].cancel()
    await asyncio.wait_for(callers[-1], 5)

    assert callers[-2].cancelled()


async def test_a_request_that_was_given_up_before_its_turn_to_be_written_has_not_left() -> None:
    """The wire says so, and the server sees one request, not two."""
    async with serving() as served, pooled() as transport:
        async with anyio.create_task_group() as group:
            for _ in range(2):  # two connections, both used before
                group.start_soon(exchange, transport, served.origin)
        arrived = len(served.requests)
        first, second = Wire(), Wire()

        async def give_up() -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await exchange(transport, served.origin, second)

        kept = asyncio.ensure_future(exchange(transport, served.origin, first))
        given_up = asyncio.ensure_future(give_up())
        await asyncio.wait([kept, given_up])
        await exchange(transport, served.origin)

        assert given_up.cancelled()
        assert (True, True, False) == (kept.result().body == b"ok", first.left, second.left)
        assert arrived + 2 == len(served.requests)


@pytest.mark.parametrize("shut", [False, True], ids=["another is there", "none is had"])
async def test_a_request_whose_connection_is_lost_before_its_turn_to_be_written_goes_over_another(shut: bool) -> None:
    """Nothing had left: it is sent once, or told as not sent and over no connection."""
    async with serving() as served, pooled() as transport:
        async with anyio.create_task_group() as group:
            for _ in range(2):  # two connections, both used before
                group.start_soon(exchange, transport, served.origin)
        arrived = len(served.requests)
        wires = [Wire(), Wire()]
        calls = [asyncio.ensure_future(exchange(transport, served.origin, wire)) for wire in wires]
        await asyncio.sleep(0)
        assert [True, False] == [wire.left for wire in wires]
        pool = transport._pools[served.origin]
        if shut:
            pool.shut()
        next(one for one in pool._active if isinstance(one, AsyncioConnection) and one._unsent).close()
        await asyncio.wait(calls)

        assert b"ok" == calls[0].result().body
        if shut:
            fault = calls[1].exception()
            assert isinstance(fault, Fault)
            assert (Reason.CLIENT_CLOSED, False, None) == (fault.reason, wires[1].left, wires[1].reused)
        else:
            assert (b"ok", True, False) == (calls[1].result().body, wires[1].left, wires[1].reused)
        assert arrived + (1 if shut else 2) == len(served.requests)


async def test_what_comes_before_the_request_has_left_is_no_answer_to_it() -> None:
    """Data that nobody asked for ends the connection."""
    channel = Channel(None)
    heads: list[object] = []
    channel.begin(Wire(), bodiless=False, limits=AnswerLimits(), on_head=heads.append, on_data=heads.append)
    channel.receive(OK)

    assert (True, False, []) == (channel.lost, channel.complete, heads)
