"""Who is measured. Each is one small module with `make(target)`, imported only in its own process."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Final, Protocol

from benchmarks.note import Target


class Contender(Protocol):
    """One client."""

    async def open(self) -> None:
        """Make ready; connections are opened by the first calls."""

    async def call(self) -> None:
        """Encode a note, POST it, read and decode the answer, insist on success."""

    async def close(self) -> None:
        """Close everything."""


class NotMeasured(Exception):  # noqa: N818 - no error: the reason is printed
    """This contender cannot run here, and why."""


@dataclass(frozen=True)
class Entry:
    """A contender by name.

    Attributes:
        title: As tables name it.
        module: Below this package.
        needs: What must be importable.
        trio: Whether it runs on trio as well.
    """

    title: str
    module: str
    needs: tuple[str, ...] = ()
    trio: bool = False

    def missing(self) -> str | None:
        """Say why it cannot run here; None where it can."""
        absent = [name for name in self.needs if importlib.util.find_spec(name) is None]
        return f"{', '.join(absent)} not installed (extra `bench`)" if absent else None

    def runs_on(self, loop: str) -> bool:
        """Whether it knows this kind of event loop."""
        return self.trio or loop != "trio"


CONTENDERS: Final = {
    "httpx": Entry("httpx", "httpx_client", ("httpx",), trio=True),
    "httpx-aiohttp": Entry("httpx over aiohttp", "httpx_aiohttp_client", ("httpx_aiohttp",)),
    "aiohttp": Entry("aiohttp", "aiohttp_client", ("aiohttp",)),
    "pyreqwest": Entry("pyreqwest (Rust)", "pyreqwest_client", ("pyreqwest",)),
    "limit": Entry("limit: asyncio.Protocol, its TLS, httptools", "limit", ("httptools",)),
    "pool": Entry("aiocc's pool under httpx", "pool_under_httpx", ("httpx",), trio=True),
    "aiocc": Entry("aiocc, whole typed call", "typed_call", ("httpx",), trio=True),
}
"""In the order of the tables, and of the turns."""


def make(name: str, target: Target) -> Contender:
    """Make a contender.

    Raises:
        NotMeasured: It cannot run here.
    """
    module = importlib.import_module(f"benchmarks.contenders.{CONTENDERS[name].module}")
    contender: Contender = module.make(target)
    return contender
