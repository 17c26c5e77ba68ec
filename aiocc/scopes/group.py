"""The task group that a scope owns, apart from the body's own errors; and what no cancellation may leave half done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import anyio.abc

T = TypeVar("T")


async def end_group(group: anyio.abc.TaskGroup, exc: BaseException | None) -> bool:
    """Cancel a scope's own tasks and wait for their end; says whether it was the group that cancelled the body.

    The body's own error is not shown to the group, which would wrap it: it leaves as it is.

    Args:
        group: Entered when the scope was.
        exc: What the body ended with.
    """
    group.cancel_scope.cancel()
    cancelled = isinstance(exc, anyio.get_cancelled_exc_class())
    try:
        ended = await group.__aexit__(*((type(exc), exc, exc.__traceback__) if cancelled and exc else (None,) * 3))
    except anyio.get_cancelled_exc_class() as stop:
        keep_notes(exc, stop)
        raise
    return cancelled and bool(ended)


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


def keep_notes(old: BaseException | None, new: BaseException) -> None:
    """Put one cancellation's notes on the one that takes its place: trio makes another at the end of a group."""
    for note in getattr(old, "__notes__", ()):
        if note not in getattr(new, "__notes__", ()):
            new.add_note(note)
