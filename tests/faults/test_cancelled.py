"""Calls that are cancelled: what is said, and what the ledger holds."""

from __future__ import annotations

import ssl

import anyio
import pytest

from aiocc.simulator import Simulator
from aiocc.simulator.faults import Armed

from .cells import OPERATIONS, READ, Cell, client_of, effects, send, warm


async def struck(fault: Armed) -> None:
    """Wait until a fault has struck."""
    with anyio.fail_after(20):
        while not fault.struck:  # noqa: ASYNC110 - the simulator is in another thread
            await anyio.sleep(0.001)


@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_cancelled_after_the_request_left(
    operation: str, effect: bool, sim: Simulator, context: ssl.SSLContext
) -> None:
    """The cancellation passes on, with a note that the fate is unknown; nothing is sent again."""
    cell = Cell("silence", operation, "fresh", effect)
    notes: list[str] = []
    async with client_of(sim, cell, context) as client:
        await warm(client, sim, cell)
        before = effects(sim, operation, cell.key)
        fault = sim.fault("silence", operation, effect=effect)

        async def call() -> None:
            try:
                await send(client, sim, cell, cell.key)
            except anyio.get_cancelled_exc_class() as stop:
                notes.extend(stop.__notes__)
                raise

        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await struck(fault)
            group.cancel_scope.cancel()

    assert 1 == fault.struck
    assert int(effect and operation != READ) == effects(sim, operation, cell.key) - before
    assert ["cancelled: unknown, request left at" in note for note in notes] == [True]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_cancelled_before_anything_left(operation: str, sim: Simulator, context: ssl.SSLContext) -> None:
    """A call that is cancelled in its handshake was not sent, and says so."""
    cell = Cell("hung_handshake", operation, "fresh", effect=False)
    notes: list[str] = []
    async with client_of(sim, cell, context) as client:
        await warm(client, sim, cell)
        before = effects(sim, operation, cell.key)
        fault = sim.fault("hung_handshake", operation)

        async def call() -> None:
            try:
                await send(client, sim, cell, cell.key)
            except anyio.get_cancelled_exc_class() as stop:
                notes.extend(stop.__notes__)
                raise

        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await struck(fault)
            group.cancel_scope.cancel()

    assert 0 == effects(sim, operation, cell.key) - before
    assert ["cancelled: not_sent, no request left" in note for note in notes] == [True]
