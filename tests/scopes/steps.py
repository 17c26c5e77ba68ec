"""A deterministic walk over every await of a task: cancelled at the first, at the second, and so on until it ends."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any

import anyio
from attrs import define


@define
class _Stepped:
    """Drives a coroutine, and cancels a scope while it waits for the `step`-th time."""

    inner: Coroutine[Any, Any, None]
    scope: anyio.CancelScope
    step: int
    seen: int = 0

    def __await__(self) -> Generator[Any, Any, None]:
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                trap = self.inner.send(value) if error is None else self.inner.throw(error)
            except StopIteration:
                return
            self.seen += 1
            if self.seen == self.step:
                self.scope.cancel()
            value = error = None
            try:
                value = yield trap
            except BaseException as thrown:  # noqa: BLE001 - the coroutine's own business
                error = thrown


async def cancel_at_each_await(make: Callable[[], Coroutine[Any, Any, None]], check: Callable[[], None]) -> int:
    """Run it again and again, cancelled at the next of its awaits each time, until it has no more; gives their number.

    Args:
        make: Gives the coroutine anew.
        check: Called after each run.
    """
    step = 0
    while True:
        step += 1
        with anyio.CancelScope() as scope:
            stepped = _Stepped(make(), scope, step)
            await stepped
        check()
        if stepped.seen < step:
            return stepped.seen
