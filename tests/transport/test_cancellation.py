"""Cancelled at every await, and then counted: slots, sockets by the kernel's own list, tasks, and the full capacity.

A million of these are in the campaign: `python -m tests.campaigns cancel`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import anyio
import anyio.lowlevel
import httpx
import pytest

from aiocc.delivery import Phase
from aiocc.protocol.messages import Wire
from aiocc.transport import TLS
from tests.campaigns.kernel import sockets_to, until
from tests.campaigns.storm import CELLS, FACES, StormServer, cell_of, living_tasks, run_round, storm_server

from .conftest import Authority
from .raw import exchange, pooled, serving

ROUNDS = len(CELLS) * len(FACES)
EACH = -(-3_000 // ROUNDS)
STEPS = 400


@pytest.fixture(scope="session")
def storms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StormServer]:
    """Give the server of the storms, one for all of them."""
    with storm_server(tmp_path_factory.mktemp("storms")) as server:
        yield server


@pytest.mark.parametrize(
    "number",
    [pytest.param(n, id=f"{str(cell_of(n)).replace(' ', '-')}-{FACES[n // len(CELLS)]}") for n in range(ROUNDS)],
)
def test_a_storm_of_cancellations_leaves_nothing_behind(number: int, storms: StormServer) -> None:
    """Three thousand in all: by scopes, time-outs and failing groups, on every loop, cold and warm, by each face."""
    tally = run_round(number, storms, EACH)

    assert [] == tally.stuck
    assert tally.cancelled >= EACH


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
async def test_a_call_cancelled_at_each_of_its_steps_leaves_nothing_behind(
    authority: Authority, secure: bool, warm: bool
) -> None:
    """Step by step through a whole call: what the wire says is true at each, and the one slot is free again."""
    phases: dict[Phase, bool] = {}
    async with serving(context=authority.context() if secure else None) as served:
        before = living_tasks()
        async with pooled(authority.tls if secure else TLS(), max_connections=1) as transport:
            for step in itertools.count():
                if warm:
                    await exchange(transport, served.origin)
                wire = Wire()
                done = False
                arrived = len(served.requests)
                async with anyio.create_task_group() as group:

                    async def call(wire: Wire = wire) -> None:
                        nonlocal done
                        await exchange(transport, served.origin, wire, idle_at_most=float("inf") if warm else 0)
                        done = True

                    group.start_soon(call)
                    for _ in range(step):
                        # A thread resolves names: a new connection takes time besides steps.
                        await anyio.sleep(0 if warm else 0.001)
                    group.cancel_scope.cancel()
                stats = transport.stats().get(served.url)
                assert stats is None or (0, 0, 0) == (stats.active, stats.connecting, stats.waiting)
                assert wire.left or len(served.requests) == arrived
                if done:
                    break
                phases[wire.phase] = wire.left
                assert step < STEPS
        await until(lambda: not (sockets_to(served.port) or served.open) and living_tasks() == before)

    truth = {
        Phase.QUEUE: False,
        Phase.CONNECT: False,
        Phase.TLS: False,
        Phase.AWAIT_ANSWER: True,
        Phase.READ_ANSWER: True,
    }
    assert phases.items() <= truth.items()
    assert (Phase.AWAIT_ANSWER if warm else Phase.CONNECT) in phases


async def test_a_stream_cancelled_at_each_of_its_steps_leaves_nothing_behind() -> None:
    """The same at httpx's face, which holds the connection between head and end of the body."""
    async with serving() as served, pooled(max_connections=1) as transport:
        client = httpx.AsyncClient(transport=transport, timeout=60)
        for step in range(STEPS):
            done = False
            async with anyio.create_task_group() as group:

                async def call() -> None:
                    nonlocal done
                    async with client.stream("POST", served.url, content=b"x" * 100_000) as response:
                        await anyio.lowlevel.checkpoint()
                        async for _ in response.aiter_bytes():
                            await anyio.lowlevel.checkpoint()
                    done = True

                group.start_soon(call)
                for _ in range(step):
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
            stats = transport.stats().get(served.url)
            assert stats is None or (0, 0, 0) == (stats.active, stats.connecting, stats.waiting)
            if done:
                break
        assert True is done
        assert 200 == (await client.get(served.url)).status_code
        await client.aclose()
        await served.until_open(0)
    assert 0 == sockets_to(served.port)
