"""Every cell of the matrix, judged by the ledger; and the table itself."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from aiocc import Timeouts
from aiocc.simulator import FAULTS, Fault, Simulator
from aiocc.simulator.arrival import Arrival
from aiocc.simulator.faults import Stage

from .cells import (
    CONNECT,
    CONNECTIONS,
    DEADLINES,
    OPERATIONS,
    PATIENCE,
    UNANSWERED,
    WAITING,
    Cell,
    Seen,
    auth_of,
    client_of,
    play,
    stage_of,
    warm,
)
from .matrix import ELSEWHERE, EXPECTED, cells, expected, lines, why_not

ROOT = Path(__file__).parents[2]
STRUCK = [name for name, kind in FAULTS.items() if kind.stage is not Stage.CLIENT]
ROWS = {str(number) for number in (*range(1, 70), 76)} | {"6a"}
NAMED_WITH = {"60": "59"}
"""A row that is the row beside it with other values."""


@contextmanager
def lying_in_wait(sim: Simulator, faults: dict[str, Fault]) -> Iterator[set[str]]:
    """Let each cell's requests meet its own fault, a changed world only the first time; gives the keys of those met."""
    met: set[str] = set()

    def choose(_: str, arrival: Arrival) -> Fault | None:
        key = arrival.header("x-cell") or ""
        fault = faults.get(key)
        if fault is not None:
            met.add(key)
        if fault is not None and fault.kinds[0].stage is Stage.WORLD:
            del faults[key]
        return fault

    sim.choose_faults(choose)
    yield met
    sim.choose_faults(None)


async def play_waiting(sim: Simulator, context: ssl.SSLContext, several: list[Cell]) -> dict[Cell, Seen]:
    """Play cells that only a deadline ends; again, with a longer one, where it was over before a fault could strike."""
    seen: dict[Cell, Seen] = {}
    for deadline in DEADLINES:
        played, met = await play_together(sim, context, several, deadline)
        seen |= played
        several = [cell.anew() for cell in several if cell.key not in met and stage_of(cell.fault) is not Stage.DOOR]
        if not several:
            break
    return seen


async def play_together(
    sim: Simulator, context: ssl.SSLContext, several: list[Cell], deadline: float = PATIENCE
) -> tuple[dict[Cell, Seen], set[str]]:
    """Play cells side by side: each has a client of its own, and finds its effects by its own key."""
    seen: dict[Cell, Seen] = {}
    warmed = 0
    all_warm = anyio.Event()

    async def one(cell: Cell) -> None:
        nonlocal warmed
        auth = auth_of(sim, cell)
        impatient = {"timeouts": Timeouts(connect=CONNECT)} if cell.fault in UNANSWERED else {}
        async with (
            client_of(sim, cell, context, auth=auth) as patient,
            client_of(sim, cell, context, auth=auth, **impatient) as client,
        ):
            # Where connecting must time out soon, the first call, which must not, is another client's.
            await warm(patient if impatient else client, sim, cell)
            warmed += 1
            if warmed == len(several):
                if stage_of(cell.fault) is Stage.DOOR:
                    sim.fault(cell.fault)
                all_warm.set()
            await all_warm.wait()
            seen[cell] = await play(sim, cell, client, deadline)

    with lying_in_wait(sim, {cell.key: cell.strike() for cell in several if not cell.strike().door}) as met:
        async with anyio.create_task_group() as group:
            for cell in several:
                group.start_soon(one, cell)
    return seen, met


@pytest.mark.parametrize("fault", STRUCK)
async def test_a_fault_comes_to_what_the_matrix_says(fault: str, sim: Simulator, context: ssl.SSLContext) -> None:
    """Each cell ends in its error, with its delivery, after its attempts, and with its effects in the ledger."""
    several = cells(fault)
    if stage_of(fault) is Stage.WORLD:
        seen = {}
        for cell in several:
            sim.reset()
            seen |= (await play_together(sim, context, [cell]))[0]
    elif fault in WAITING:
        seen = await play_waiting(sim, context, several)
    else:
        seen, _ = await play_together(sim, context, several)

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
