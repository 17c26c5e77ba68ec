"""What the benchmark asks of a process of its own, and how both sides talk: lines of JSON over its pipes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.note import Target


@dataclass(frozen=True)
class Job:
    """One task for one process.

    Attributes:
        part: The module below `benchmarks.parts` whose `work` does it.
        loop: In which kind of event loop.
        contender: Who is measured.
        target: Where notes go.
        core: To which the process is pinned; None for none.
        seconds: Length of a period.
        server_pids: Whose processor time is watched.
        extra: What this part alone needs.
    """

    part: str
    loop: str
    contender: str
    target: Target
    core: int | None = None
    seconds: float = 1.0
    server_pids: tuple[int, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    def dump(self) -> str:
        """Write it."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Job:
        """Read it."""
        data = json.loads(text)
        data["target"] = Target(**data["target"])
        return cls(**data)


def say(**facts: Any) -> None:
    """Tell the parent; end where it has gone."""
    try:
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(1)  # in the ordinary way the interpreter would try to write once more


def commands() -> Iterator[str]:
    """Give what the parent says, until it ends. Waits without the event loop: nothing else goes on meanwhile."""
    while line := sys.stdin.readline():
        yield line.strip()
