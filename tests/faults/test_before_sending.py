"""What ends a call before one byte of its request leaves, for each operation."""

from __future__ import annotations

import ssl

import anyio
import pytest

from aiocc import Service, Timeouts
from aiocc.simulator import Simulator

from .cells import OPERATIONS, PATIENCE, SERVICES, Cell, Seen, client_of, send, warm

NOWHERE = "https://no-such-host.invalid"


def cell_of(operation: str) -> Cell:
    """Give a cell whose fault is the client's own."""
    return Cell("silence", operation, "fresh", effect=True)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_name_without_an_address(operation: str, sim: Simulator, context: ssl.SSLContext) -> None:
    """A name that cannot be resolved is asked for twice; without a token, the call itself is not tried again."""
    cell = cell_of(operation)
    async with client_of(sim, cell, context) as client:
        service = client._services[SERVICES[operation]]
        client._services[SERVICES[operation]] = Service(
            NOWHERE, auth=service.auth, tls=context, retry=service.retry, timeouts=service.timeouts
        )
        seen = await send(client, sim, cell, cell.key)

    attempts = 1 if operation == "create_call" else 2  # it is its token's request that is repeated
    assert Seen("DnsError", "not_sent", attempts, 0) == seen
    assert [] == [request for request in sim.requests if request.operation == operation]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_no_slot_comes_free(operation: str, sim: Simulator, context: ssl.SSLContext) -> None:
    """A call that waits too long for a slot is not sent, and waits once only."""
    cell = cell_of(operation)
    times = Timeouts(connect=PATIENCE, queue=0.02)
    async with client_of(sim, cell, context, concurrency=1, timeouts=times) as client:
        await warm(client, sim, cell)
        silence = sim.fault("silence", operation)
        async with anyio.create_task_group() as group:
            group.start_soon(send, client, sim, cell, f"{cell.key}-in-the-way")
            while not silence.struck:  # noqa: ASYNC110 - the simulator is in another thread
                await anyio.sleep(0.001)
            seen = await send(client, sim, cell, cell.key)
            group.cancel_scope.cancel()

    before = 2 if operation == "click_to_dial" else 0  # its key is the visitor's, who has called before
    assert Seen("QueueTimeoutError", "not_sent", 1, before) == seen


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_deadline_that_is_over(operation: str, sim: Simulator, context: ssl.SSLContext) -> None:
    """With too little time for an attempt nothing is sent."""
    cell = cell_of(operation)
    async with client_of(sim, cell, context) as client:
        seen = await send(client, sim, cell, cell.key, deadline=0.001)

    assert Seen("DeadlineNotSentError", "not_sent", 1, 0) == seen
    assert () == sim.requests
