"""Who has a journal: a process, told apart from one of the same number before it, or after a restart of the machine."""

from __future__ import annotations

import json
import os
import platform
import secrets
import sys
import time
from pathlib import Path
from typing import Final, Self

from attrs import field, frozen

LEASE: Final = 60.0
"""Seconds after which a runner on another machine that has not renewed its lease is taken for dead."""

live: Final[set[str]] = set()
"""Tokens of the runners that live in this process: it may have been left by one without a word."""


def _here() -> str:
    """Name what process numbers count in: this machine since it was started, and on Linux their name space."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()


def _started(pid: int) -> str | None:
    """Say when a process began, in ticks; None where it has ended or this cannot be told."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else rest[18]


@frozen
class Runner:
    """A process that has a journal.

    Attributes:
        where: What its number counts in.
        pid: Its number.
        started: When it began; None where that cannot be told.
        token: Another one for each time that a journal is opened.
    """

    where: str = field(factory=_here)
    pid: int = field(factory=os.getpid)
    started: str | None = field(factory=lambda: _started(os.getpid()))
    token: str = field(factory=lambda: secrets.token_hex(8))

    def dump(self) -> str:
        """Write it."""
        return json.dumps([self.where, self.pid, self.started, self.token])

    @classmethod
    def load(cls, text: str) -> Self:
        """Read it."""
        return cls(*json.loads(text))

    def has_ended(self, until: float) -> bool:
        """Whether it surely runs no more, or has not renewed its lease where that is all that can be known."""
        if self.where != _here() or sys.platform == "win32":
            return time.time() > until
        if self.pid == os.getpid() and self.started == _started(self.pid):
            return self.token not in live
        if self.started is not None:
            return _started(self.pid) != self.started
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False
