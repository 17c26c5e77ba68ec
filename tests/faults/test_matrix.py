"""Every cell of the matrix, judged by the ledger; and the table itself."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from aiocc.simulator import FAULTS, Fault, Simulator
from aiocc.simulator.arrival import Arrival
from aiocc.simulator.faults import Stage

from .cells import CONNECTIONS, OPERATIONS, Cell, Seen, client_of, play, stage_of, warm
from .matrix import ELSEWHERE, EXPECTED, cells, expected, lines, why_not

ROOT = Path(__file__).parents[2]
STRUCK = [name for name, kind in FAULTS.items() if kind.stage is not Stage.CLIENT]
ROWS = {str(number) for number in (*range(1, 70), 76)} | {"6a"}
NAMED_WITH = {"60": "59"}
"""A row that is the row beside it with other values."""


@contextmanager
def lying_in_wait(sim: Simulator, faults: dict[str, Fault]) -> Iterator[None]:
    """Let each cell's requests meet its own fault; a changed world only the first time."""

    def choose(_: str, arrival: Arrival) -> Fault | None:
        key = arrival.header("x-cell") or ""
        fault = faults.get(key)
        if fault is not None and fault.kinds[0].stage is Stage.WORLD:
            del faults[key]
        return fault

    sim.choose_faults(choose)
    yield
    sim.choose_faults(None)


async def play_together(sim: Simulator, context: ssl.SSLContext, several: list[Cell]) -> dict[Cell, Seen]:
    """Play cells side by side: each has a client of its own, and finds its effects by its own key."""
    seen: dict[Cell, Seen] = {}
    warmed = 0
    all_warm = anyio.Event()

    async def one(cell: Cell) -> None:
        nonlocal warmed
        async with client_of(sim, cell, context) as client:
            await warm(client, sim, cell)
            warmed += 1
            if warmed == len(several):
                if stage_of(cell.fault) is Stage.DOOR:
                    sim.fault(cell.fault)
                all_warm.set()
            await all_warm.wait()
            seen[cell] = await play(sim, cell, client)

    with lying_in_wait(sim, {cell.key: cell.strike() for cell in several if not cell.strike().door}):
        async with anyio.create_task_group() as group:
            for cell in several:
                group.start_soon(one, cell)
    return seen


@pytest.mark.parametrize("fault", STRUCK)
async def test_a_fault_comes_to_what_the_matrix_says(fault: str, sim: Simulator, context: ssl.SSLContext) -> None:
    """Each cell ends in its error, with its delivery, after its attempts, and with its effects in the ledger."""
    several = cells(fault)
    if stage_of(fault) is Stage.WORLD:
        seen = {}
        for cell in several:
            sim.reset()
            seen |= await play_together(sim, context, [cell])
    else:
        seen = await play_together(sim, context, several)

    assert {cell: str(expected(cell)) for cell in several} == {cell: str(seen[cell]) for cell in several}


def test_the_matrix_is_whole() -> None:
    """Each row of the list has a fault, and each fault an entry or a place where it is tested."""
    assert set() == ROWS - {kind.row for kind in FAULTS.values()} - set(NAMED_WITH)
    assert set(STRUCK) == set(EXPECTED)
    assert set(FAULTS) - set(STRUCK) == set(ELSEWHERE)


def test_each_cell_exists_or_says_why_not() -> None:
    """The printed table has a line for each fault and operation, and no cell both exists and has a reason not to."""
    table = list(lines())

    assert len(FAULTS) * len(OPERATIONS) + 2 == len(table)
    for fault in FAULTS:
        there = {(cell.operation, cell.connection) for cell in cells(fault)} if fault in EXPECTED else set()
        for operation in OPERATIONS:
            for connection in CONNECTIONS:
                assert (why_not(fault, operation, connection) is None) == ((operation, connection) in there)


@pytest.mark.parametrize("place", sorted({place for places in ELSEWHERE.values() for place in places}))
def test_what_is_tested_elsewhere_is_tested_there(place: str) -> None:
    """The table's references lead to files and tests that exist."""
    file, _, name = place.partition("::")

    assert (ROOT / file).is_file()
    assert not name or f"def {name}(" in (ROOT / file).read_text("utf-8")
