"""The one task that a client may have in the background: it hosts what must outlive its first waiter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import anyio.abc

from aiocc.transport.place import Place


class Host:
    """Runs functions beside the calls; started when first needed, ended by `aclose`.

    Args:
        place: The event loop in which it lives.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._group: anyio.abc.TaskGroup | None = None
        self._started: anyio.Event | None = None
        self._ended: anyio.Event | None = None
        self._task: object = None

    async def start_soon(self, function: Callable[..., Coroutine[Any, Any, None]], *arguments: object) -> None:
        """Run a function that handles its own errors; it goes on when whoever asked for it is cancelled."""
        if self._started is None:
            self._started, self._ended = anyio.Event(), anyio.Event()
            self._spawn()
        await self._started.wait()
        if self._group is not None:
            self._group.start_soon(function, *arguments)

    async def aclose(self) -> None:
        """Cancel what runs, and wait for its end."""
        if self._ended is None:
            return
        if self._group is not None:
            self._group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._ended.wait()

    def _spawn(self) -> None:
        if self._place.asyncio_loop is not None:
            self._task = asyncio.ensure_future(self._run())
        else:
            import trio  # noqa: PLC0415 - there already, where it runs; never otherwise

            trio.lowlevel.spawn_system_task(self._run, name="aiocc")

    async def _run(self) -> None:
        assert self._started is not None
        assert self._ended is not None
        try:
            async with anyio.create_task_group() as group:
                self._group = group
                self._started.set()
                await anyio.sleep_forever()
        finally:
            self._group = None
            self._started.set()
            self._ended.set()
