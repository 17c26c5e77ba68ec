"""Figures that bound a call: times, sizes, and what is repeated within them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import attrs
from attrs import field, frozen

from aiocc.errors import ConfigurationError

Check = Callable[[Any, "attrs.Attribute[Any]", Any], Any]
"""What attrs runs over a field."""


def positive(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check a setting that is a finite number over zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= sys.float_info.max:
        name = f"{type(instance).__name__}.{attribute.name}"
        raise ConfigurationError(f"{name} must be a finite number over 0, not {value!r}")


def positive_whole(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check a setting that is a whole number over zero."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        name = f"{type(instance).__name__}.{attribute.name}"
        raise ConfigurationError(f"{name} must be a whole number over 0, not {value!r}")


optional_positive: Check = attrs.validators.optional(positive)
optional_positive_whole: Check = attrs.validators.optional(positive_whole)


@frozen(kw_only=True)
class Timeouts:
    """Times in seconds.

    Attributes:
        connect: To open a connection, TLS included.
        queue: To wait for a free slot.
        read: Between two pieces of an answer, and for its first byte.
        token: For a credential to be fetched.
        total: For the whole call: credential, queue, all attempts and the waits between them.
        least: An attempt with less time left than this is not begun: it could not end, and its fate would be unknown.
    """

    connect: float = field(default=5.0, validator=positive)
    queue: float = field(default=5.0, validator=positive)
    read: float = field(default=15.0, validator=positive)
    token: float = field(default=10.0, validator=positive)
    total: float = field(default=30.0, validator=positive)
    least: float = field(default=0.01, validator=positive)


@frozen(kw_only=True)
class AnswerLimits:
    """What an answer may cost.

    Attributes:
        body: Bytes of a body, with its content coding and without it.
        headers: Bytes of a head.
        depth: Levels of JSON.
        values: Values of JSON, containers and their members, for each one costs time that holds the event loop.
    """

    body: int = field(default=8 * 1024 * 1024, validator=positive_whole)
    headers: int = field(default=64 * 1024, validator=positive_whole)
    depth: int = field(default=64, validator=positive_whole)
    values: int = field(default=100_000, validator=positive_whole)


@frozen(kw_only=True)
class PoolLimits:
    """What one origin's connections may be.

    Attributes:
        max_connections: At most this many open at once.
        max_idle: At most this many kept open unused; None for all of them.
        idle_expiry: Seconds that an unused connection is kept; keep it below the server's own.
        max_age: Seconds after which a connection is replaced, so that DNS changes are seen.
        max_requests: Requests after which a connection is replaced; None for no limit.
    """

    max_connections: int = field(default=100, validator=positive_whole)
    max_idle: int | None = field(default=None, validator=optional_positive_whole)
    idle_expiry: float = field(default=5.0, validator=positive)
    max_age: float = field(default=300.0, validator=positive)
    max_requests: int | None = field(default=None, validator=optional_positive_whole)
