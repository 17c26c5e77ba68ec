"""So many a second, evenly."""

import math

import pytest

from aiocc.errors import ConfigurationError
from aiocc.protocol.pace import Pace, Rate


@pytest.mark.parametrize(
    ("rate", "asked", "expected"),
    [
        (Rate(10), [0, 0, 0], [0.0, 0.1, 0.2]),
        (Rate(10), [0, 0.05, 1, 1], [0.0, 0.05, 0.0, 0.1]),
        (Rate(10, burst=3), [0, 0, 0, 0, 0], [0.0, 0.0, 0.0, 0.1, 0.2]),
        (Rate(10, burst=3), [0, 0, 0, 0.1, 0.1], [0.0, 0.0, 0.0, 0.0, 0.1]),
        (Rate(10, burst=2), [0, 0, 100, 100, 100], [0.0, 0.0, 0.0, 0.0, 0.1]),
        (Rate(0.5), [0, 0], [0.0, 2.0]),
        (Rate(10, burst=0.5), [0, 0], [0.0, 0.1]),
        (Rate(10), [-50, -50], [0.0, 0.1]),
    ],
)
def test_pace(rate, asked, expected):
    """So many a second, evenly, of which a burst may go at once after a pause, and no more after a longer one."""
    pace = Pace(rate)
    foretold, given = [], []
    for now in asked:
        foretold.append(pace.wait(now))
        given.append(pace.reserve(now))

    assert (pytest.approx(expected), pytest.approx(expected)) == (given, foretold)


@pytest.mark.parametrize(("before", "expected"), [(0, 0.1), (1, 0.2), (3, 0.4)])
def test_place_after_others(before, expected):
    """What comes after others waits for their places as well, and foretelling takes nothing."""
    pace = Pace(Rate(10))
    idle = pace.wait(5.0, before)
    pace.reserve(0.0)

    assert (pytest.approx(expected), pytest.approx(expected)) == (pace.wait(0.0, before), pace.wait(0.0, before))
    assert pytest.approx(before * 0.1) == idle


def test_place_is_given_back():
    """A place that was not used is the next one's."""
    pace = Pace(Rate(10))
    pace.reserve(0.0)
    pace.reserve(0.0)
    pace.give_back()

    assert pytest.approx(0.1) == pace.wait(0.0)


@pytest.mark.parametrize("fields", [{"per_second": 0}, {"per_second": math.inf}, {"per_second": 1, "burst": 0}])
def test_rate_refuses(fields):
    """A rate that lets nothing through, or everything, is refused when it is made."""
    with pytest.raises(ConfigurationError, match=r"^Rate\."):
        Rate(**fields)
