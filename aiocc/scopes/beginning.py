"""Beginning what must be undone: a sign-in, a call. From its first byte on it is seen through, also when cancelled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import anyio
import anyio.lowlevel
from attrs import define

from aiocc.outcome import Outcome
from aiocc.scopes.group import keep_notes

T = TypeVar("T")

SEEN_THROUGH = 5.0
"""Seconds for which an answer is waited for although the caller was cancelled."""


class Leaving(Protocol):
    """Knows when a request is about to leave."""

    on_leaving: Callable[[], None] | None


@define
class Begun(Generic[T]):
    """What became of it.

    Attributes:
        outcome: Of the request; None where it was broken off.
        stop: The caller's cancellation, to be raised again once what was begun has been undone.
    """

    outcome: Outcome[T] | None = None
    stop: BaseException | None = None


async def begin(perform: Callable[[], Awaitable[Outcome[T]]], leaving: Leaving) -> Begun[T]:
    """Perform a request; from the moment it leaves, a cancellation waits until it is answered, at most 5 s.

    It has a task of its own, so that asyncio's `task.cancel()`, which heeds no shield, does not strike it.

    Raises:
        AioccError: It could not be performed at all.
    """
    begun: Begun[T] = Begun()
    failure: Exception | None = None
    broken_off: BaseException | None = None
    scope, patience = anyio.CancelScope(), anyio.CancelScope(shield=True)

    async def lose_patience() -> None:
        with patience:
            await anyio.sleep(SEEN_THROUGH)
            scope.shield = False

    async def see_to_it() -> None:
        nonlocal failure, broken_off
        with scope:
            try:
                begun.outcome = await perform()
            except Exception as error:  # noqa: BLE001 - raised again below, as itself and not in a group
                failure = error
            except BaseException as inner:
                broken_off = inner
                raise
            finally:
                leaving.on_leaving = None
                patience.cancel()

    try:
        async with anyio.create_task_group() as group:

            def shield() -> None:
                if not scope.shield:
                    scope.shield = True
                    group.start_soon(lose_patience)

            leaving.on_leaving = shield
            group.start_soon(see_to_it)
        await anyio.lowlevel.checkpoint()  # a cancellation that waited behind the shield comes now
    except anyio.get_cancelled_exc_class() as stop:
        keep_notes(broken_off, stop)
        begun.stop = stop
    if failure is not None and begun.stop is None:
        raise failure
    return begun
