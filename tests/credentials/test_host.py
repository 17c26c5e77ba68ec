"""The client's one task in the background: what it outlives, and how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from aiocc import Client, CreateCall, Delivery, Service
from aiocc.auth import CookieToken
from aiocc.call.host import Host
from aiocc.simulator import Simulator
from aiocc.transport.place import Place

from .conftest import fabric_client


class Job:
    """Something to do in the background."""

    def __init__(self) -> None:
        self.begun = anyio.Event()
        self.ended = anyio.Event()
        self.times = 0

    async def forever(self) -> None:
        self.begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.ended.set()

    async def failing(self) -> None:
        self.begun.set()
        raise KeyError("s3cret")

    async def briefly(self) -> None:
        self.times += 1
        self.begun.set()


async def test_closing_ends_what_runs() -> None:
    """`aclose` cancels what runs, waits for its end, and lets nothing else begin."""
    host, job = Host(Place()), Job()
    began = host.start_soon(job.forever)
    await job.begun.wait()
    with anyio.fail_after(5):
        await host.aclose()
        await host.aclose()

    assert (True, True, False) == (began, job.ended.is_set(), host.start_soon(job.briefly))


async def test_closing_before_it_has_begun() -> None:
    """A host that is closed in the moment in which it begins ends at once."""
    host, job = Host(Place()), Job()
    host.start_soon(job.forever)
    with anyio.fail_after(5):
        await host.aclose()

    assert not job.begun.is_set() or job.ended.is_set()


async def test_closing_what_never_began() -> None:
    """Closing needs nothing to have run."""
    with anyio.fail_after(5):
        await Host(Place()).aclose()


async def test_many_at_once_before_it_has_begun() -> None:
    """Whatever is asked for before the task has made its first step is done, each once."""
    host, jobs = Host(Place()), [Job() for _ in range(10)]
    for job in jobs:
        host.start_soon(job.briefly)
    for job in jobs:
        await job.begun.wait()
    await host.aclose()

    assert [1] * 10 == [job.times for job in jobs]


async def test_an_error_ends_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """A function that fails is named in the log by its error's class, and the others go on."""
    host, good, bad, late = Host(Place()), Job(), Job(), Job()
    host.start_soon(good.forever)
    host.start_soon(bad.failing)
    await bad.begun.wait()
    await anyio.wait_all_tasks_blocked()
    host.start_soon(late.briefly)
    await late.begun.wait()

    assert (False, ["in the background: KeyError"]) == (good.ended.is_set(), [r.getMessage() for r in caplog.records])
    await host.aclose()


ASYNCIO = pytest.mark.parametrize(
    "anyio_backend",
    [("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})],
    ids=["asyncio", "uvloop"],
)
"""trio has no task that another can cancel."""


@ASYNCIO
async def test_ended_by_another_it_begins_anew(centre: Simulator) -> None:
    """Where a program cancels all tasks of its loop, the next fetch starts the host again."""
    async with fabric_client(centre) as client:
        await client.create_call(called="1")
        for task in asyncio.all_tasks():
            if task.get_name() == "aiocc":
                task.cancel()
        await anyio.wait_all_tasks_blocked()
        centre.expire_tokens()
        await client.create_call(called="2")

    assert (2, 2) == (centre.calls_placed, centre.token_requests)


@ASYNCIO
async def test_the_cancellation_of_another_task_ends_one_fetch_alone(centre: Simulator) -> None:
    """A supplier that waits for a task which somebody cancels fails; other fetches go on."""
    gate = anyio.Event()

    async def cancelled() -> str:
        task = asyncio.ensure_future(asyncio.sleep(9))
        asyncio.get_running_loop().call_soon(task.cancel)
        await task
        return "never"

    async def slow() -> str:
        await gate.wait()
        return centre.new_visitor("ada")

    client = Client(webadapter=Service(centre.url("webadapter")))
    outcomes: dict[str, Any] = {}

    async def speak(name: str, token: CookieToken) -> None:
        from aiocc import LeaveMessage

        outcomes[name] = await client.visitor(token).send(LeaveMessage(phone_no="1", content=name))

    async with client, anyio.create_task_group() as group:
        group.start_soon(speak, "ada", CookieToken(slow))
        await anyio.wait_all_tasks_blocked()
        await speak("bob", CookieToken(cancelled))
        await anyio.wait_all_tasks_blocked()
        gate.set()

    assert (Delivery.NOT_SENT, Delivery.ACCEPTED) == (outcomes["bob"].delivery, outcomes["ada"].delivery)


async def test_a_fetch_while_the_client_closes(centre: Simulator) -> None:
    """A call that needs a token when its client has closed is told so, and waits for nothing."""
    client = fabric_client(centre)
    async with client:
        await client.create_call(called="1")
        line = client._desk.line("fabric")
        await client._desk._host.aclose()  # type: ignore[union-attr]
        centre.expire_tokens()
        with anyio.fail_after(5):
            outcome = await client.send(CreateCall(called="2"))

    assert (Delivery.REJECTED, 1, "fabric") == (outcome.delivery, centre.token_requests, line.name)
