"""The plugin in foreign projects, each a folder of its own with its own settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BOT = '''
"""An application that makes its own client."""

from aiocc import Client


async def call_back(client, number):
    await client.create_call(called=number, call_data="order-4711")


async def work():
    async with Client.from_env() as client:
        await call_back(client, "88884432")
'''

TESTS = """
import pytest
from aiocc import Client, ConfigurationError, Service
from aiocc.auth import CookieToken
from bot import call_back, work

pytestmark = {mark}


async def test_the_bot_calls_back(aicc, aicc_client):
    await call_back(aicc_client, "88884432")

    assert aicc.calls_placed == 1


async def test_each_test_begins_anew(aicc, aicc_client):
    assert aicc.calls_placed == 0
    await aicc_client.agent().send_note([31002], "hello")
    assert [note.content for note in aicc.inbox(31002)] == ["hello"]


@{fixture}
async def agent(aicc_client):
    agent = aicc_client.agent()
    yield agent
    await agent.send_note([31002], "the client is still open")


async def test_a_fixture_of_the_projects_own_may_use_the_client(aicc, agent):
    await agent.send_note([31002], "hello")


async def test_the_guard_holds_by_itself():
    async with Client(webadapter=Service("https://192.0.2.1", auth=CookieToken("token"))) as client:
        with pytest.raises(ConfigurationError, match="aiocc_allow"):
            await client.leave_message(phone_no="123456", content="hello")


@pytest.mark.aiocc_allow("127.0.0.1:9")
async def test_an_address_is_allowed_by_a_mark():
    from aiocc import ConnectFailedError

    async with Client(webadapter=Service("http://127.0.0.1:9", auth=CookieToken("token"))) as client:
        with pytest.raises(ConnectFailedError):
            await client.leave_message(phone_no="123456", content="hello")
"""

ON_SOCKETS = """

async def test_an_application_that_makes_its_own_client(aicc, monkeypatch):
    for name, value in aicc.environment.items():
        monkeypatch.setenv(name, value)
    await work()

    assert [call.called for call in aicc.calls] == ["88884432"]
"""

SCOPED = """

@pytest.mark.asyncio(loop_scope="module")
async def test_a_loop_of_another_scope(aicc, aicc_client):
    await call_back(aicc_client, "88884432")

    assert aicc.calls_placed == 1
"""

PLAIN = """

def test_a_plain_test(aicc_client):
    pass
"""


def run(folder: Path, tests: str, settings: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a project's tests as its people would, with warnings as errors."""
    (folder / "bot.py").write_text(BOT)
    (folder / "test_bot.py").write_text(tests)
    (folder / "pytest.ini").write_text(f"[pytest]\nfilterwarnings = error\npythonpath = .\n{settings}")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith(("AIOCC", "PYTEST", "COV"))},
        capture_output=True,
        text=True,
        timeout=100,
    )


def passed(done: subprocess.CompletedProcess[str]) -> int:
    """How many tests passed, where no other thing happened."""
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    return int(done.stdout.splitlines()[-1].split(" passed")[0])


def test_with_anyios_plugin(tmp_path: Path) -> None:
    """A project that marks its tests for anyio, on asyncio and trio, uses fixtures and guard as they are."""
    tests = TESTS.format(mark="pytest.mark.anyio", fixture="pytest.fixture") + ON_SOCKETS

    assert 12 == passed(run(tmp_path, tests, "", "-p", "no:asyncio"))


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_with_pytest_asyncio(tmp_path: Path, mode: str) -> None:
    """A project with pytest-asyncio in either mode does, and in a loop of any scope."""
    pytest.importorskip("pytest_asyncio")
    tests = TESTS.format(mark="pytest.mark.asyncio", fixture="pytest_asyncio.fixture") + ON_SOCKETS + SCOPED
    settings = f"asyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\n"

    assert 7 == passed(run(tmp_path, f"import pytest_asyncio\n{tests}", settings))


def test_in_process(tmp_path: Path) -> None:
    """By one setting the simulator needs no sockets."""
    tests = TESTS.format(mark="pytest.mark.anyio", fixture="pytest.fixture")

    assert 10 == passed(run(tmp_path, tests, "aiocc_simulator = in-process\n", "-p", "no:asyncio"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("aiocc_allow = host:port\n", "aiocc_allow: 'host:port' is no address"),
        ("aiocc_simulator = tls\n", "aiocc_simulator is one of sockets, in-process"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, settings: str, said: str) -> None:
    """Pytest ends before the first test, and says which setting it is."""
    done = run(tmp_path, PLAIN, settings, "-p", "no:asyncio")

    assert 4 == done.returncode
    assert said in done.stderr


def test_a_plain_test_gets_no_client(tmp_path: Path) -> None:
    """A test without an event loop is told what it needs."""
    done = run(tmp_path, PLAIN, "", "-p", "no:asyncio")

    assert 1 == done.returncode
    assert "aicc_client is for async tests" in done.stdout
