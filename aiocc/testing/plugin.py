"""The pytest plugin: fixtures `aicc`, the simulator, and `aicc_client`, a client of it.

pytest imports it at its start, also in projects that never use it: so it imports the simulator only when a
fixture is asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aiocc.client import Client
    from aiocc.simulator import Simulator


@pytest.fixture(scope="session")
def aicc_simulator() -> Iterator[Simulator]:
    """One simulator for the whole run, over TLS on loopback."""
    try:
        from aiocc.simulator import Simulator
    except ModuleNotFoundError as missing:
        pytest.fail(f"no {missing.name}: the fixture aicc needs pip install 'aiocc[simulator]'", pytrace=False)

    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def aicc(aicc_simulator: Simulator) -> Simulator:
    """The simulator, its ledger empty and its world as in the beginning."""
    aicc_simulator.reset()
    return aicc_simulator


@pytest.fixture
async def aicc_client(aicc: Simulator) -> AsyncIterator[Client]:
    """A client of the simulator, with every credential; for async tests run by anyio's plugin."""
    from aiocc.client import Client

    async with Client.from_env(aicc.environment) as client:
        yield client
