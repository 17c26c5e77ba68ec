"""Rows 59 and 60: a service that says when to come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from aiocc import Delivery, FrontEndError, LeaveMessage, RateLimitedError, Reason, RetryPolicy
from aiocc.hooks import Event, RepeatPlanned

from .conftest import QUICK, REQUESTS
from .scripted import SUCCESS, answer, client_of, scripted

PAGE = REQUESTS["obs_result_codes"]
GOOD = answer(SUCCESS["obs_result_codes"])


def later(seconds: float) -> str:
    """Write a moment as an HTTP date."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("value", "asked"),
    [("0", 0.0), (later(-3600), 0.0), ("garbage", None), ("-5", None), ("", None)],
    ids=["seconds", "past date", "garbage", "negative", "empty"],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_reading_comes_back_when_it_may(status: int, value: str, asked: float | None) -> None:
    """A reading is repeated after what was asked for, and what cannot be read asks for nothing."""
    events: list[Event] = []
    async with (
        scripted([answer("", status, {"Retry-After": value}), GOOD]) as server,
        client_of(server.url, retry=QUICK) as client,
    ):
        outcome = await client.with_options(hooks=[events.append]).send(PAGE)

    (planned,) = [event for event in events if isinstance(event, RepeatPlanned)]
    assert (Delivery.ACCEPTED, 2) == (outcome.delivery, len(server.received))
    assert (asked or 0.0) <= planned.wait <= (asked or 0.0) + 0.001


@pytest.mark.parametrize("value", ["3600", "99999999999999999999", later(86400)], ids=["seconds", "huge", "date"])
async def test_what_is_later_than_the_deadline_is_told_at_once(value: str) -> None:
    """A wait beyond the deadline is not begun: the error comes at once and says how long to wait, at most a day."""
    async with (
        scripted([answer("", 429, {"Retry-After": value}), GOOD]) as server,
        client_of(server.url, retry=QUICK) as client,
    ):
        outcome = await client.send(PAGE)

    error = outcome.error
    assert isinstance(error, RateLimitedError)
    assert (Delivery.REJECTED, Reason.RATE_LIMITED, 1) == (error.delivery, error.reason, len(server.received))
    assert error.retry_after is not None
    assert 3000 <= error.retry_after <= 86400  # the date was written when the tests were collected
    assert outcome.elapsed < 30


async def test_a_busy_front_end_is_told_likewise() -> None:
    """A 503 that asks for more than the deadline ends at once too, with its fate and its wait."""
    async with (
        scripted([answer("", 503, {"Retry-After": "3600"})]) as server,
        client_of(server.url, retry=QUICK) as client,
    ):
        outcome = await client.send(PAGE)

    assert isinstance(outcome.error, FrontEndError)
    assert (3600.0, 1) == (outcome.error.retry_after, len(server.received))


@pytest.mark.parametrize("name", sorted(SUCCESS))
async def test_what_came_too_soon_is_sent_again_later(name: str) -> None:
    """Row 59: a 429 proves that nothing was done, so that a call comes back as a reading does, and is placed once."""
    throttled = answer("", 429, {"Retry-After": "0"})
    async with (
        scripted([throttled, answer(SUCCESS[name])]) as server,
        client_of(server.url, retry=QUICK) as client,
    ):
        outcome = await client.send(REQUESTS[name])

    assert (Delivery.ACCEPTED, 2, False) == (outcome.delivery, len(server.received), outcome.maybe_repeated)


async def test_an_effect_is_told_when_it_may_come_back() -> None:
    """A message that was throttled for longer than its deadline ends at once; its error says when it may go."""
    async with (
        scripted([answer("", 429, {"Retry-After": "60"})]) as server,
        client_of(server.url, retry=QUICK) as client,
    ):
        outcome = await client.send(LeaveMessage(phone_no="1", content="x"))

    assert isinstance(outcome.error, RateLimitedError)
    assert (60.0, 1) == (outcome.error.retry_after, len(server.received))


@pytest.mark.parametrize(("own", "view", "expected"), [(1, None, 1), (4, None, 4), (4, 2, 2), (1, 5, 5)])
async def test_a_policy_is_a_service_s_or_a_view_s(own: int, view: int | None, expected: int) -> None:
    """`Service(retry=...)` is what counts, unless a view brings its own."""
    policy = RetryPolicy(max_attempts=own, base=0.0001)
    async with scripted([answer("", 502)]) as server, client_of(server.url, retry=policy) as client:
        retry = None if view is None else RetryPolicy(max_attempts=view, base=0.0001)
        outcome = await client.with_options(retry=retry).send(PAGE)

    assert isinstance(outcome.error, FrontEndError)
    assert (expected, expected) == (len(server.received), len(outcome.attempts))
