"""The pytest plugin: fixtures `aicc`, the simulator, and `aicc_client`, a client of it; and the guard.

While it is loaded no call of a `Client` reaches anything but a simulator: a test that would dial a person fails, with
an error that says how to allow an address on purpose. `-p no:aiocc` leaves all of it out.

Settings (`[tool.pytest.ini_options]`):
    aiocc_allow: Addresses that tests may reach: `host`, `host:port`, `loopback` or `*`.
    aiocc_simulator: `sockets`, over TLS on loopback, or `in-process`, without sockets.

pytest imports it at its start, also in projects that never use it: so it imports the simulator only when a
fixture is asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest

from aiocc.client import Client
from aiocc.errors import ConfigurationError
from aiocc.testing.guard import allow, guarded

if TYPE_CHECKING:
    from aiocc.simulator import Simulator
    from aiocc.testing.in_process import InProcess

asyncio_fixture: Any = None
with suppress(ModuleNotFoundError):  # a project has this runner of async tests, or another
    from pytest_asyncio import fixture as asyncio_fixture

MODES = ("sockets", "in-process")
LOOP_SCOPES = ("function", "class", "module", "package", "session")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings."""
    parser.addini("aiocc_allow", "addresses that tests may reach besides the simulator", "linelist", [])
    parser.addini("aiocc_simulator", "how the fixture aicc is reached: sockets or in-process", default="sockets")


def pytest_configure(config: pytest.Config) -> None:
    """Put up the guard, until pytest ends."""
    config.addinivalue_line("markers", "aiocc_allow(*addresses): let calls of this test reach these as well")
    if config.getini("aiocc_simulator") not in MODES:
        raise pytest.UsageError(f"aiocc_simulator is one of {', '.join(MODES)}")
    guard = ExitStack()
    try:
        guard.enter_context(guarded(config.getini("aiocc_allow")))
    except ConfigurationError as error:
        raise pytest.UsageError(f"aiocc_allow: {error}") from None
    config.add_cleanup(guard.close)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Let one test, its fixtures included, reach what its marks name."""
    with allow(*(address for mark in item.iter_markers("aiocc_allow") for address in mark.args)):
        return (yield)


@pytest.fixture(scope="session")
def aicc_simulator(pytestconfig: pytest.Config) -> Iterator[Simulator | InProcess]:
    """One simulator for the whole run, over TLS on loopback, or in this process."""
    try:
        from aiocc.simulator import Simulator
        from aiocc.testing.in_process import InProcess
    except ModuleNotFoundError as missing:
        pytest.fail(f"no {missing.name}: the fixture aicc needs pip install 'aiocc[simulator]'", pytrace=False)

    if pytestconfig.getini("aiocc_simulator") == "in-process":
        yield InProcess()
        return
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def aicc(aicc_simulator: Simulator | InProcess) -> Simulator | InProcess:
    """The simulator, its ledger empty and its world as in the beginning."""
    aicc_simulator.reset()
    return aicc_simulator


@pytest.fixture
def aicc_client(request: pytest.FixtureRequest) -> Client:
    """A client of the simulator, with every credential; for async tests, whoever runs them."""
    client: Client = request.getfixturevalue(_by_runner(request))
    return client


def _by_runner(request: pytest.FixtureRequest) -> str:
    """Name the fixture that opens and closes the client in the event loop of this test."""
    mark = request.node.get_closest_marker("asyncio")
    if mark is not None and request.config.pluginmanager.has_plugin("asyncio"):
        scope = mark.kwargs.get("loop_scope") or request.config.getini("asyncio_default_test_loop_scope")
        return f"_aicc_client_asyncio_{scope or 'function'}"
    if "anyio_backend" in request.fixturenames:
        return "_aicc_client_anyio"
    pytest.fail(
        "aicc_client is for async tests: mark this one with anyio or asyncio; any other has Client.from_env("
        "aicc.environment)",
        pytrace=False,
    )


def _opening() -> Callable[..., AsyncIterator[Client]]:
    """Make the function of a fixture; each fixture needs one of its own, for it is marked."""

    async def client(aicc: Simulator | InProcess) -> AsyncIterator[Client]:
        transport = getattr(aicc, "transport", None)
        async with Client.from_env(aicc.environment, transport=transport) as client:
            yield client

    return client


_aicc_client_anyio = pytest.fixture(_opening())
if asyncio_fixture is not None:
    # A loop of any scope closes what was opened in it.
    for _scope in LOOP_SCOPES:
        globals()[f"_aicc_client_asyncio_{_scope}"] = asyncio_fixture(loop_scope=_scope)(_opening())
