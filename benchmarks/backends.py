"""The event loops, each with the three things a measurement asks of it; no layer lies between it and a contender."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

LOOPS: Final = ("asyncio", "uvloop", "trio")

Main = Callable[[], Coroutine[Any, Any, None]]


class Backend(Protocol):
    """One kind of event loop."""

    def run(self, main: Main) -> None:
        """Run a program."""

    async def sleep(self, seconds: float) -> None:
        """Let others run."""

    async def together(self, mains: Sequence[Main]) -> None:
        """Run tasks until all have ended."""


class Asyncio:
    """asyncio, or uvloop under it.

    Args:
        loop_factory: None for asyncio's own loop.
    """

    def __init__(self, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
        self._loop_factory = loop_factory

    def run(self, main: Main) -> None:
        """Run a program."""
        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            runner.run(main())

    async def sleep(self, seconds: float) -> None:
        """Let others run."""
        await asyncio.sleep(seconds)

    async def together(self, mains: Sequence[Main]) -> None:
        """Run tasks until all have ended."""
        async with asyncio.TaskGroup() as group:
            for main in mains:
                group.create_task(main())


class Trio:
    """trio, imported where it is used."""

    def __init__(self) -> None:
        self._trio: Any = importlib.import_module("trio")

    def run(self, main: Main) -> None:
        """Run a program."""
        self._trio.run(main)

    async def sleep(self, seconds: float) -> None:
        """Let others run."""
        slept: Awaitable[None] = self._trio.sleep(seconds)
        await slept

    async def together(self, mains: Sequence[Main]) -> None:
        """Run tasks until all have ended."""
        async with self._trio.open_nursery() as nursery:
            for main in mains:
                nursery.start_soon(main)


def backend(loop: str) -> Backend:
    """Give a kind of event loop by its name."""
    if loop == "trio":
        return Trio()
    if loop == "uvloop":
        return Asyncio(importlib.import_module("uvloop").new_event_loop)
    return Asyncio()


def missing(loop: str) -> str | None:
    """Say why a kind of loop cannot run here; None where it can."""
    return None if importlib.util.find_spec(loop) is not None else f"{loop} not installed"
