"""Figures that bound a call."""

import math

import pytest

from aiocc.errors import ConfigurationError
from aiocc.protocol.limits import AnswerLimits, PoolLimits, Timeouts


def test_defaults():
    """The defaults are those of the design."""
    assert (
        Timeouts(connect=5.0, queue=5.0, read=15.0, token=10.0, total=30.0),
        AnswerLimits(body=8 * 1024 * 1024, headers=64 * 1024, depth=64),
        PoolLimits(max_connections=100, max_idle=None, idle_expiry=5.0, max_age=300.0, max_requests=None),
    ) == (Timeouts(), AnswerLimits(), PoolLimits())


@pytest.mark.parametrize("value", [0, -1, math.inf, 10**400, math.nan, True, "5", None])
@pytest.mark.parametrize(
    ("cls", "name"),
    [
        *((Timeouts, name) for name in ("connect", "queue", "read", "token", "total")),
        (PoolLimits, "idle_expiry"),
        (PoolLimits, "max_age"),
    ],
)
def test_times_are_finite_and_over_zero(cls, name, value):
    """A time is a finite number over zero; the error names the setting."""
    with pytest.raises(ConfigurationError, match=rf"^{cls.__name__}\.{name} must be a finite number over 0"):
        cls(**{name: value})


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "5"])
@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (AnswerLimits, "body"),
        (AnswerLimits, "headers"),
        (AnswerLimits, "depth"),
        (AnswerLimits, "values"),
        (PoolLimits, "max_connections"),
        (PoolLimits, "max_idle"),
        (PoolLimits, "max_requests"),
    ],
)
def test_counts_are_whole_and_over_zero(cls, name, value):
    """A count or size is a whole number over zero; the error names the setting."""
    with pytest.raises(ConfigurationError, match=rf"^{cls.__name__}\.{name} must be a whole number over 0"):
        cls(**{name: value})


def test_none_is_no_limit_only_where_documented():
    """`max_idle` and `max_requests` may be None; a number of connections may not."""
    assert (None, None) == (PoolLimits(max_idle=None).max_idle, PoolLimits(max_requests=None).max_requests)
    with pytest.raises(ConfigurationError):
        PoolLimits(max_connections=None)
