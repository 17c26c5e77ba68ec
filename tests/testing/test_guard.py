"""The guard: what a test may reach."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import anyio.to_thread
import httpx
import pytest

from aiocc import Client, ConfigurationError, Service
from aiocc.auth import AppKey, CookieToken
from aiocc.protocol.messages import parse_url
from aiocc.simulator import Simulator
from aiocc.testing import allow
from aiocc.testing.guard import guarded
from aiocc.transport import PoolTransport
from aiocc.transport.reach import Addresses

PROGRAM = """
import asyncio, sys
from aiocc import Client, ConfigurationError, Service
from aiocc.auth import CookieToken

async def main():
    async with Client(webadapter=Service("https://192.0.2.1", auth=CookieToken("token"))) as client:
        await client.leave_message(phone_no="123456", content="hello")

try:
    asyncio.run(main())
except ConfigurationError as error:
    print(error)
"""


@pytest.fixture
def centre() -> Iterator[socket.socket]:
    """A stranger on the loopback that might be the way to a real contact centre."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def url(listener: socket.socket) -> str:
    """Give the stranger's address."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def heard(listener: socket.socket) -> bool:
    """Whether anybody has connected."""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


async def leave(client: Client) -> None:
    """Leave a message, and close the client."""
    async with client:
        await client.leave_message(phone_no="123456", content="hello")


def plain(address: str) -> Client:
    """An application's client."""
    return Client(webadapter=Service(address, auth=CookieToken("token")))


def over_httpx(address: str) -> Client:
    """One over a transport of httpx's, which respx would stand in for."""
    transport = httpx.AsyncHTTPTransport()
    return Client(webadapter=Service(address, auth=CookieToken("token"), transport=transport))


@pytest.mark.parametrize("make", [plain, over_httpx])
async def test_a_stranger_is_not_reached(make: Callable[[str], Client], centre: socket.socket) -> None:
    """A call to anything but a simulator ends before a connection, and the error says how to allow it."""
    port = centre.getsockname()[1]
    with guarded(), pytest.raises(ConfigurationError, match=rf"aiocc_allow\('127\.0\.0\.1:{port}'\)"):
        await leave(make(url(centre)))

    assert not heard(centre)


async def test_a_plain_httpx_client_over_the_pool_is_guarded(centre: socket.socket) -> None:
    """The pools serve httpx's clients as well, and there too they open to no stranger."""
    with guarded(), pytest.raises(ConfigurationError, match="may not be reached"):
        async with httpx.AsyncClient(transport=PoolTransport()) as client:
            await client.get(url(centre))

    assert not heard(centre)


async def test_a_token_is_fetched_from_no_stranger(aicc: Simulator, centre: socket.socket) -> None:
    """A secret goes to no address that is not allowed, whatever the service's own is."""
    auth = AppKey("app-key", "app-secret", token_url=f"{url(centre)}/token")
    service = Service(aicc.url("fabric").replace("https", "http"), auth=auth)

    async with Client(fabric=service) as client:
        with guarded(), pytest.raises(ConfigurationError, match="may not be reached"):
            await client.create_call(called="88884432")

    assert not heard(centre)


async def test_an_application_in_another_thread_is_guarded(centre: socket.socket) -> None:
    """The guard holds for all threads: an application under test may live in any."""

    def application() -> None:
        anyio.run(leave, plain(url(centre)))

    with guarded(), pytest.raises(ConfigurationError, match="may not be reached"):
        await anyio.to_thread.run_sync(application)

    assert not heard(centre)


def test_a_program_that_a_test_starts_is_guarded() -> None:
    """A child process keeps to the loopback, where simulators are."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=dict(os.environ), capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("https://192.0.2.1 may not be reached from here")


async def test_the_simulator_is_reached(aicc: Simulator) -> None:
    """Under the guard a simulator is the one thing that calls arrive at."""
    with guarded():
        await leave(Client.from_env(aicc.environment))

    assert ["hello"] == [message.content for message in aicc.messages]


async def test_an_address_is_allowed_on_purpose(centre: socket.socket) -> None:
    """Within `allow` the address is reached, and after it no longer."""
    with guarded():
        with allow(f"127.0.0.1:{centre.getsockname()[1]}"), anyio.move_on_after(5) as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(leave, plain(url(centre)))
                while not heard(centre):  # noqa: ASYNC110  # a plain socket tells nobody
                    await anyio.sleep(0.001)
                group.cancel_scope.cancel()
        with pytest.raises(ConfigurationError, match="may not be reached"):
            await leave(plain(url(centre)))

    assert not scope.cancelled_caught


async def test_what_stays_in_the_process_needs_no_leave() -> None:
    """A mock, and an application behind ASGI, are nobody's phone."""
    mock = httpx.MockTransport(lambda _: httpx.Response(200, json={"resultCode": "0", "returnCode": "0"}))
    with guarded():
        await leave(Client(webadapter=Service("https://10.10.10.2:18446", auth=CookieToken("token"), transport=mock)))


@pytest.mark.parametrize(
    ("listed", "held", "not_held"),
    [
        ("10.0.0.5", "https://10.0.0.5:8043", "https://10.0.0.6"),
        ("10.0.0.5:8043", "https://10.0.0.5:8043", "https://10.0.0.5"),
        ("https://aicc.example.com:443/path", "https://aicc.example.com", "https://aicc.example.com:444"),
        ("[::1]:8043", "https://[::1]:8043", "https://[::1]:8044"),
        ("loopback", "https://127.0.0.9:1", "https://10.0.0.5"),
        ("loopback", "https://localhost", "https://localhost.example.com"),
        ("*", "https://anywhere.example.com:1", None),
        ("*:8043", "https://anywhere.example.com:8043", "https://anywhere.example.com"),
    ],
)
def test_what_an_address_means(listed: str, held: str, not_held: str | None) -> None:
    """A host alone stands for all its ports."""
    addresses = Addresses([listed])

    assert parse_url(held, what="url")[0] in addresses
    assert not_held is None or parse_url(not_held, what="url")[0] not in addresses


@pytest.mark.parametrize("wrong", ["", ":8043", "host:port", "https://"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    """An entry that would allow nothing says so."""
    with pytest.raises(ConfigurationError, match="is no address"):
        Addresses([wrong])
