"""Scopes under asyncio's own cancellation, which is what web servers use and which heeds no shield of anyio's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from aiocc import Client, MediaAbility, Note, NoteRun, read_journal
from aiocc.simulator import Simulator

AGENT = 205
NOTES = [Note([31002], "once")]
LONG = 0.12

Cut = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


async def cancelled(body: Callable[[], Awaitable[None]]) -> None:
    """Cancel its task while an answer is awaited."""
    await _cancel(body, 1)


async def cancelled_thrice(body: Callable[[], Awaitable[None]]) -> None:
    """Cancel its task again and again, also while it cleans up."""
    await _cancel(body, 3)


async def timed_out(body: Callable[[], Awaitable[None]]) -> None:
    """End it by asyncio's time-out."""
    async with asyncio.timeout(LONG / 4):
        await body()


async def given_up(body: Callable[[], Awaitable[None]]) -> None:
    """End it because another task of its group failed."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_run(body))
        await asyncio.sleep(LONG / 4)
        raise KeyError("another")


async def _cancel(body: Callable[[], Awaitable[None]], times: int) -> None:
    task = asyncio.create_task(_run(body))
    for _ in range(times):
        await asyncio.sleep(LONG / 4)
        task.cancel()
    await task


async def _run(body: Callable[[], Awaitable[None]]) -> None:
    await body()


CUTS = [cancelled, cancelled_thrice, timed_out, given_up]


def skip_trio(anyio_backend: Any) -> None:
    """Trio has no cancellation besides its scopes."""
    if anyio_backend[0] == "trio":
        pytest.skip("trio has no such thing")


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("slow", ["sign_in", "sign_out"])
@pytest.mark.parametrize("stays", [True, False], ids=["in its body", "at its end"])
async def test_nobody_stays_signed_in(aicc: Simulator, anyio_backend: Any, slow: str, cut: Cut, stays: bool) -> None:
    """A sign-in that has left is seen through and undone, and a sign-out goes to its end, whatever cancels the task."""
    skip_trio(anyio_backend)
    aicc.configure(poll_hold=0.05)
    aicc.fault("delay", slow, seconds=LONG, count=1)
    async with Client.from_env(aicc.environment) as client:

        async def body() -> None:
            password = aicc.environment["AIOCC_AGENT_PASSWORD"]
            async with client.sign_in(AGENT, password=password, phone="88880205", poll_pause=(0.001, 0.002)):
                if stays:
                    await asyncio.sleep(60)

        with suppress(asyncio.CancelledError, TimeoutError, ExceptionGroup):
            await cut(body)

        assert () == aicc.agents_signed_in
        await client.agent().send_note([31002], "the client is whole")


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("slow", ["click_to_dial", "drop_dial"])
@pytest.mark.parametrize("stays", [True, False], ids=["in its body", "at its end"])
async def test_no_agent_stays_occupied(aicc: Simulator, anyio_backend: Any, slow: str, cut: Cut, stays: bool) -> None:
    """A call whose creation has left is dropped, and the drop goes to its end; the visitor may dial again."""
    skip_trio(anyio_backend)
    aicc.fault("delay", slow, seconds=LONG, count=1)
    async with Client.from_env(aicc.environment) as client:

        async def body() -> None:
            async with client.dial(MediaAbility.VOICE, poll_pause=0.002):
                if stays:
                    await asyncio.sleep(60)

        with suppress(asyncio.CancelledError, TimeoutError, ExceptionGroup):
            await cut(body)

        assert 0 == aicc.agents_occupied
        async with client.dial(MediaAbility.VOICE, poll_pause=0.002):
            assert 1 == aicc.agents_occupied


async def test_a_journal_that_is_just_opened_is_given_back(
    aicc: Simulator, aicc_client: Client, anyio_backend: Any, tmp_path: Path
) -> None:
    """Cancelled at the next turn of the loop each time: the next run has the file, and each request its one claim."""
    skip_trio(anyio_backend)
    for turn in range(40):
        path = tmp_path / f"{turn}.db"
        task = asyncio.ensure_future(_awaited(aicc_client.agent().send_notes(NOTES, journal=path)))
        for _ in range(turn):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        report = await aicc_client.agent().send_notes(NOTES, journal=path)
        assert report.complete
        assert 1 == read_journal(path).requests

    assert 40 >= len(aicc.notes)


async def _awaited(run: NoteRun) -> None:
    await run
