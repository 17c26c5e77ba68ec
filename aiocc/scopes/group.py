"""The task group that a scope owns, apart from the body's own errors."""

from __future__ import annotations

import anyio
import anyio.abc


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


def keep_notes(old: BaseException | None, new: BaseException) -> None:
    """Put one cancellation's notes on the one that takes its place: trio makes another at the end of a group."""
    for note in getattr(old, "__notes__", ()):
        if note not in getattr(new, "__notes__", ()):
            new.add_note(note)
