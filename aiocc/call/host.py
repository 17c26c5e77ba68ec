"""The one task that a client may have in the background: it hosts what must outlive its first waiter."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Final

import anyio
import anyio.abc

from aiocc.transport.place import Place

log: logging.Logger = logging.getLogger("aiocc")

Function = Callable[..., Coroutine[Any, Any, None]]

_asyncio_tasks: Final[set[asyncio.Task[None]]] = set()
"""asyncio itself forgets a task that nobody else remembers."""


class Host:
    """Runs functions beside the calls; started when first needed, ended by `aclose`.

    Args:
        place: The event loop in which it lives.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._group: anyio.abc.TaskGroup | None = None
        self._scope: anyio.CancelScope | None = None
        self._waiting: list[tuple[Function, tuple[object, ...]]] = []
        self._ended: anyio.Event | None = None
        self._closed = False

    def start_soon(self, function: Function, *arguments: object) -> bool:
        """Run a function that handles its own errors; it goes on when whoever asked for it is cancelled.

        It waits for nothing, so that no cancellation comes between the asking and the doing. False after `aclose`.
        """
        if self._closed:
            return False
        if self._group is not None:
            self._group.start_soon(self._shelter, function, *arguments)
            return True
        self._waiting.append((function, arguments))
        if self._ended is None:
            self._ended = anyio.Event()
            self._spawn()
        return True

    async def aclose(self) -> None:
        """Cancel what runs, and wait for its end."""
        self.forsake()
        if self._ended is not None:
            with anyio.CancelScope(shield=True):
                await self._ended.wait()

    def forsake(self) -> None:
        """Cancel what runs, without waiting."""
        self._closed = True
        if self._scope is not None:
            self._scope.cancel()

    def abandon(self) -> None:
        """Cancel what runs, where that can be done: the collector calls this, from anywhere."""
        try:
            here = self._place.is_here()
        except RuntimeError:  # no event loop runs here at all
            here = False
        if here:
            self.forsake()

    def _spawn(self) -> None:
        loop = self._place.asyncio_loop
        if loop is not None:
            # In a context of its own, or the first caller's would be kept for as long as the client.
            task = loop.create_task(self._run(), name="aiocc", context=Context())
            _asyncio_tasks.add(task)
            task.add_done_callback(self._forget)
        else:
            import trio  # noqa: PLC0415 - there already, where it runs; never otherwise

            trio.lowlevel.spawn_system_task(self._run, name="aiocc")

    def _forget(self, task: asyncio.Task[None]) -> None:
        _asyncio_tasks.discard(task)
        self._over()  # asyncio may end a task before its first step

    async def _run(self) -> None:
        try:
            async with anyio.create_task_group() as group:
                self._scope = group.cancel_scope
                if self._closed:
                    return
                self._group = group
                self._begin(group)
                await anyio.sleep_forever()
        finally:
            self._over()

    def _begin(self, group: anyio.abc.TaskGroup) -> None:
        """Start what waits; apart from `_run`, whose variables live as long as the client."""
        waiting, self._waiting = self._waiting, []
        for function, arguments in waiting:
            group.start_soon(self._shelter, function, *arguments)

    def _over(self) -> None:
        """It has ended, perhaps by another's hand: the next function starts it anew."""
        self._group = self._scope = None
        ended, self._ended = self._ended, None
        if ended is not None:
            ended.set()

    async def _shelter(self, function: Function, *arguments: object) -> None:
        """Let no function end the host: by an error, or by the cancellation of a task that it waited for."""
        try:
            await function(*arguments)
        except asyncio.CancelledError:
            if self._closed:
                raise
        except Exception as error:  # noqa: BLE001 - told where the application looks, and harming no other
            log.error("in the background: %s", type(error).__name__)  # noqa: TRY400 - its trace may hold a credential
