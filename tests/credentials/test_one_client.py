"""One client over the loops, tasks and processes in which a program may use it."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from aiocc import Client, CreateCall, LeaveMessage, Outcome
from aiocc.simulator import Simulator

from .conftest import LEAVES_CONNECTIONS, Backend, app_key, fabric_client, relay, run

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
FORKS_WITH_THREADS = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
TOKEN = "tokenByAkSk"


def connections(outcome: Outcome[Any]) -> list[str | None]:
    """Say over what kind of connection each attempt went."""
    return [attempt.connection for attempt in outcome.attempts]


# Loops


@LEAVES_CONNECTIONS
def test_three_loops_in_turn(centre: Simulator, anyio_backend: Backend) -> None:
    """One client serves three runs: each has connections of its own, all have one token."""
    client = fabric_client(centre)
    seen: list[list[str | None]] = []

    async def call() -> None:
        seen.append(connections(await client.send(CreateCall(called="1"))))
        seen.append(connections(await client.send(CreateCall(called="2"))))

    async def last() -> None:
        await call()
        await client.aclose()

    run(anyio_backend, call)
    run(anyio_backend, call)
    run(anyio_backend, last)
    gc.collect()

    first = ["reused"]  # the token came over the same connection
    assert [first, ["reused"], ["fresh"], ["reused"], ["fresh"], ["reused"]] == seen
    assert (6, 1) == (centre.calls_placed, centre.token_requests)


@LEAVES_CONNECTIONS
def test_a_fetch_of_a_loop_that_ended_is_not_waited_for(centre: Simulator, anyio_backend: Backend) -> None:
    """A run that ends in the middle of a fetch leaves nothing behind for the next to wait for."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        token_url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        client = fabric_client(centre, auth=app_key(centre, token_url=token_url))

        async def cut_short() -> None:
            with anyio.move_on_after(0.01):
                await client.send(CreateCall(called="never"))

        run(anyio_backend, cut_short)
        run(anyio_backend, cut_short)
        gc.collect()

    async def answered() -> None:
        async with relay(centre, port=deaf_port) as tokens:
            assert token_url == tokens.url
            await client.create_call(called="1")
            await client.aclose()

    deaf_port = int(token_url.rpartition(":")[2])
    run(anyio_backend, answered)
    gc.collect()

    assert ["1"] == [placed.called for placed in centre.calls]


@LEAVES_CONNECTIONS
@pytest.mark.parametrize("backend", ["asyncio", "uvloop"])
def test_a_loop_that_was_closed_in_the_middle(centre: Simulator, backend: str) -> None:
    """A loop that is closed with its tasks undone, a fetch among them, is not waited for either."""
    import asyncio

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        token_url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        auth = app_key(centre, token_url=token_url)
        client = fabric_client(centre, auth=auth)
        loop = _loop(backend)
        waiting = loop.create_task(client.create_call(called="never"))
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()

    async def answered() -> None:
        async with relay(centre, port=int(token_url.rpartition(":")[2])):
            await client.create_call(called="1")
            await client.aclose()

    anyio.run(answered, backend="asyncio", backend_options={"use_uvloop": backend == "uvloop"})
    assert (["1"], False) == ([placed.called for placed in centre.calls], waiting.done())
    _forget(waiting)


def _loop(backend: str) -> Any:
    import asyncio

    if backend == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.SelectorEventLoop()


def _forget(task: Any) -> None:
    task._log_destroy_pending = False  # asyncio's own switch: this loop was closed on purpose


# Processes


@FORKS
@FORKS_WITH_THREADS
@LEAVES_CONNECTIONS
def test_a_forked_child_leaves_its_parents_connections_alone(centre: Simulator, anyio_backend: Backend) -> None:
    """Row 67: the child has connections of its own, and drops its parent's unseen; the parent's serve on."""
    client = Client.from_env(centre.environment)
    seen: list[list[str | None]] = []
    statuses: list[int] = []

    async def of_the_child() -> None:
        outcome = await client.send(LeaveMessage(phone_no="1", content="child"))
        gc.collect()
        again = await client.send(LeaveMessage(phone_no="1", content="child again"))
        await client.aclose()
        assert (["fresh"], ["reused"]) == (connections(outcome), connections(again))

    async def of_the_parent() -> None:
        seen.append(connections(await client.send(LeaveMessage(phone_no="1", content="before"))))
        statuses.append(_in_child(lambda: run(anyio_backend, of_the_child)))
        seen.append(connections(await client.send(LeaveMessage(phone_no="1", content="after"))))
        seen.append(connections(await client.send(LeaveMessage(phone_no="1", content="at last"))))
        await client.aclose()

    run(anyio_backend, of_the_parent)

    assert ([0], [["fresh"], ["reused"], ["reused"]]) == (statuses, seen)
    assert ["before", "child", "child again", "after", "at last"] == [left.content for left in centre.messages]


@FORKS
@FORKS_WITH_THREADS
@LEAVES_CONNECTIONS
def test_a_forked_child_drops_the_client_unseen(centre: Simulator, anyio_backend: Backend) -> None:
    """A child that forgets the client, or closes it unused, warns of nothing and closes nothing of its parent's."""
    clients = [Client.from_env(centre.environment), Client.from_env(centre.environment)]
    seen: list[list[str | None]] = []
    statuses: list[int] = []

    async def close() -> None:
        await clients[1].aclose()  # the other one is dropped

    def in_the_child() -> None:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            run(anyio_backend, close)
            clients.clear()
            gc.collect()
        assert [] == [str(one.message) for one in warned if "aiocc.Client" in str(one.message)]

    async def of_the_parent() -> None:
        for client in clients:
            await client.leave_message(phone_no="1", content="before")
        statuses.append(_in_child(in_the_child))
        for client in clients:
            seen.append(connections(await client.send(LeaveMessage(phone_no="1", content="after"))))
            await client.aclose()

    run(anyio_backend, of_the_parent)

    assert ([0], [["reused"], ["reused"]]) == (statuses, seen)


@FORKS
@FORKS_WITH_THREADS
@LEAVES_CONNECTIONS
def test_a_fetch_of_a_parent_is_not_waited_for(centre: Simulator, anyio_backend: Backend) -> None:
    """A child that is born in the middle of a fetch makes its own."""
    statuses: list[int] = []
    opened: list[anyio.Event] = []

    async def hold(path: str) -> None:
        if TOKEN in path and len(opened) == 0:
            opened.append(anyio.Event())
            await opened[0].wait()

    async def of_the_child() -> None:
        await client.create_call(called="child")
        await client.aclose()

    async def of_the_parent() -> None:
        nonlocal client
        async with relay(centre, hold) as tokens, anyio.create_task_group() as group:
            client = fabric_client(centre, auth=app_key(centre, token_url=tokens.url))
            group.start_soon(client.send, CreateCall(called="parent"))
            await tokens.until(1, TOKEN)
            statuses.append(await anyio.to_thread.run_sync(_in_child, lambda: run(anyio_backend, of_the_child)))
            opened[0].set()
        await client.aclose()

    client: Client
    run(anyio_backend, of_the_parent)

    assert ([0], ["child", "parent"]) == (statuses, [placed.called for placed in centre.calls])
    assert 2 == centre.token_requests


def _in_child(function: Callable[[], object]) -> int:
    """Run a function in a child process, in a thread in which no loop runs; gives 0 where it went well."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        signal.alarm(20)
        worked: list[bool] = []
        thread = threading.Thread(target=lambda: worked.append(function() is None))
        thread.start()
        thread.join()
        code = 0 if worked == [True] else 3
    finally:
        os._exit(code)


# Tasks


async def test_opened_in_one_task_and_closed_in_another(centre: Simulator) -> None:
    """No task and no scope is held, also where a fetch has begun in between."""
    client = fabric_client(centre)

    async def call() -> None:
        await client.create_call(called="1")

    for step in (client.__aenter__, call, lambda: client.__aexit__(None, None, None)):
        async with anyio.create_task_group() as group:
            group.start_soon(step)

    assert (1, 1) == (centre.calls_placed, centre.token_requests)


async def test_never_entered_and_closed(centre: Simulator) -> None:
    """`aclose()` alone is enough, and ends the host task: nothing is left in the loop."""
    client = fabric_client(centre)
    await client.create_call(called="1")
    await client.aclose()

    assert [] == [name for name in _tasks() if name == "aiocc"]


async def test_closed_in_the_moment_in_which_a_fetch_begins(centre: Simulator) -> None:
    """Closing a client whose host task has not begun yet waits for nothing."""
    client = fabric_client(centre)
    async with anyio.create_task_group() as group:
        group.start_soon(client.send, CreateCall(called="1"))
        group.start_soon(_cancelled_at_once, group.cancel_scope)
    with anyio.fail_after(5):
        await client.aclose()


async def _cancelled_at_once(scope: anyio.CancelScope) -> None:
    scope.cancel()


@LEAVES_CONNECTIONS
async def test_forgotten_while_its_loop_runs(centre: Simulator) -> None:
    """A client that is dropped without being closed warns, and leaves no task behind."""
    client: Client | None = fabric_client(centre)
    assert client is not None
    await client.create_call(called="1")

    with pytest.warns(ResourceWarning, match=r"an aiocc\.Client was never closed"):  # noqa: PT031 - forgetting takes two steps
        client = None
        gc.collect()
    for _ in range(3):
        await anyio.lowlevel.checkpoint()
        gc.collect()

    assert [] == [name for name in _tasks() if name == "aiocc"]


def _tasks() -> list[str | None]:
    return [task.name for task in anyio.get_running_tasks()]


NEVER_CLOSED = """
import sys, anyio
from aiocc import Client

async def main():
    global client
    client = Client.from_env()
    await client.create_call(called="1")
    print("called", flush=True)

backend, uvloop = sys.argv[1:]
anyio.run(main, backend=backend, backend_options={"use_uvloop": True} if uvloop else {})
print("ended", flush=True)
"""


@pytest.mark.parametrize("backend", [("asyncio", ""), ("asyncio", "uvloop"), ("trio", "")])
def test_never_closed(centre: Simulator, backend: tuple[str, str]) -> None:
    """Row 68: a program that never closes its client ends, with a ResourceWarning that says what to do."""
    command = [sys.executable, "-W", "default", "-c", NEVER_CLOSED, *backend]
    environment = {**os.environ, **centre.environment}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    assert (0, ["called", "ended"]) == (ended.returncode, ended.stdout.split())
    assert "ResourceWarning: an aiocc.Client was never closed: use `async with`, or aclose()" in ended.stderr
    assert "Traceback" not in ended.stderr
