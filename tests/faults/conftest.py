"""One simulator for all cells of a worker, and one set of TLS settings: what costs is the handshakes."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from aiocc.simulator import Simulator


@pytest.fixture(scope="session")
def served() -> Iterator[Simulator]:
    """A simulator over TLS."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def context(served: Simulator) -> ssl.SSLContext:
    """Trust in it."""
    return ssl.create_default_context(cafile=served.ca_file)


@pytest.fixture
def sim(served: Simulator) -> Simulator:
    """The simulator, its ledger empty, with nothing lying in wait."""
    served.reset()
    return served
