"""What no cancellation may leave half done: it is seen through, and the cancellation passes on after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def see_through(function: Callable[[], Awaitable[T]]) -> T:
    """Run a function to its end, whatever cancels the caller meanwhile; a cancellation passes on after it.

    In a task of its own: asyncio's `task.cancel()`, which is what `asyncio.timeout` and most web servers use, strikes
    the very task, and heeds no shield around it.
    """
    results: list[T] = []
    failure: Exception | None = None

    async def run() -> None:
        nonlocal failure
        try:
            results.append(await function())
        except Exception as error:  # noqa: BLE001 - raised again below, as itself and not in a group
            failure = error

    with anyio.CancelScope(shield=True):
        async with anyio.create_task_group() as group:
            group.start_soon(_shielded, run)
    if failure is not None:
        raise failure
    return results[0]


async def _shielded(function: Callable[[], Awaitable[None]]) -> None:
    with anyio.CancelScope(shield=True):
        await function()
