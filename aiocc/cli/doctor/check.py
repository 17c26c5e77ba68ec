"""One thing looked at, and what was found."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


class State(StrEnum):
    """What a check came to."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@frozen
class Check:
    """One thing looked at.

    Attributes:
        service: `webadapter`, `gateway`, `isales` or `fabric`.
        name: What was looked at.
        state: What it came to.
        detail: What was found.
        advice: One line: what to do; of what failed alone.
    """

    service: str
    name: str
    state: State
    detail: str
    advice: str | None = None
