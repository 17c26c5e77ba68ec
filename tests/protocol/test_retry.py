"""Whether a request is sent again by itself. Numbers are rows of the fault matrix."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from aiocc.delivery import Delivery, Reason
from aiocc.errors import ConfigurationError
from aiocc.protocol.codes import Act, Code
from aiocc.protocol.operation import Effect
from aiocc.protocol.retry import DAY, Ended, RetryPolicy, retry_after_seconds, throttle_window, wait_before_repeat

NOT_SENT, REJECTED, UNKNOWN = Delivery.NOT_SENT, Delivery.REJECTED, Delivery.UNKNOWN
SWITCHED_OVER = Code("000-004", "Being switched over.", act=Act.WAIT_AND_REPEAT)
OPEN = Code("13", "Exception.", proves=UNKNOWN)
RESEND = RetryPolicy(on_unknown="resend")
RESEND_ALL = RetryPolicy(on_unknown="resend", allow_duplicate_calls=True)

MATRIX = [
    # row, delivery, reason; GET, note or message, dialled call: Y repeated, 1 once, N not
    (1, NOT_SENT, Reason.CONNECTION_REFUSED, "YYY"),
    (2, NOT_SENT, Reason.DNS_FAILURE, "111"),
    (3, NOT_SENT, Reason.CONNECT_TIMEOUT, "YYY"),
    (4, NOT_SENT, Reason.CERTIFICATE_UNTRUSTED, "NNN"),
    (5, NOT_SENT, Reason.CERTIFICATE_EXPIRED, "NNN"),
    (6, NOT_SENT, Reason.CERTIFICATE_HOST_MISMATCH, "NNN"),
    ("6a", REJECTED, Reason.CLIENT_CERTIFICATE_REFUSED, "NNN"),
    ("6a", UNKNOWN, Reason.CLIENT_CERTIFICATE_REFUSED, "NNN"),
    (7, NOT_SENT, Reason.TLS_VERSION, "NNN"),
    (9, NOT_SENT, Reason.TLS_FAILED, "YYY"),
    (9, NOT_SENT, Reason.CONNECT_FAILED, "YYY"),
    (10, NOT_SENT, Reason.QUEUE_TIMEOUT, "NNN"),
    (10, NOT_SENT, Reason.QUEUE_FULL, "NNN"),
    (14, NOT_SENT, Reason.DEADLINE, "NNN"),
    (16, UNKNOWN, Reason.CONNECTION_RESET, "YNN"),
    (17, UNKNOWN, Reason.CONNECTION_CLOSED, "YNN"),
    (18, UNKNOWN, Reason.STALE_CONNECTION, "YNN"),
    (20, UNKNOWN, Reason.READ_TIMEOUT, "YNN"),
    (27, UNKNOWN, Reason.NOT_HTTP, "YNN"),
    (28, UNKNOWN, Reason.HEAD_TOO_LARGE, "YNN"),
    (31, UNKNOWN, Reason.BODY_TOO_LARGE, "NNN"),
    (37, UNKNOWN, Reason.TOO_MANY_VALUES, "NNN"),
    (34, UNKNOWN, Reason.TOO_MANY_CODINGS, "NNN"),
    (35, UNKNOWN, Reason.BROKEN_CODING, "1NN"),
    (36, UNKNOWN, Reason.TRUNCATED_CODING, "1NN"),
    (37, UNKNOWN, Reason.TOO_DEEP, "NNN"),
    (38, UNKNOWN, Reason.BAD_CHARSET, "1NN"),
    (41, UNKNOWN, Reason.BAD_NUMBER, "NNN"),
    (43, UNKNOWN, Reason.DUPLICATE_KEY, "NNN"),
    (44, UNKNOWN, Reason.NOT_JSON, "1NN"),
    (45, UNKNOWN, Reason.FRONT_END, "YNN"),
    (46, UNKNOWN, Reason.NOT_AN_OBJECT, "1NN"),
    (46, UNKNOWN, Reason.EMPTY_BODY, "1NN"),
    (49, Delivery.ACCEPTED, Reason.PAYLOAD_UNREADABLE, "NNN"),
    (50, REJECTED, Reason.UNKNOWN_CODE, "NNN"),
    (50, UNKNOWN, Reason.UNKNOWN_CODE, "YNN"),
    (52, REJECTED, Reason.REDIRECTED, "NNN"),
    (52, UNKNOWN, Reason.REDIRECTED, "NNN"),
    (56, REJECTED, Reason.UNAUTHORIZED, "NNN"),
    (56, NOT_SENT, Reason.CREDENTIAL_UNAVAILABLE, "NNN"),
    (59, REJECTED, Reason.RATE_LIMITED, "YYY"),
    (65, NOT_SENT, Reason.CLIENT_CLOSED, "NNN"),
    ("4xx", REJECTED, Reason.CLIENT_STATUS, "NNN"),
    ("code", REJECTED, Reason.SERVICE_CODE, "NNN"),
]


def repeats(effect: Effect, delivery: Delivery, reason: Reason, policy: RetryPolicy) -> str:
    """Say how often such an attempt is repeated: Y always, 1 the first time, N never."""
    first, again = (
        wait_before_repeat(policy, effect, Ended(1, delivery, reason, seen_before=seen)) is not None
        for seen in (False, True)
    )
    return {(True, True): "Y", (True, False): "1", (False, False): "N"}[first, again]


@pytest.mark.parametrize(("row", "delivery", "reason", "expected"), MATRIX)
def test_matrix(row, delivery, reason, expected):
    """The columns G, N and C of the matrix, for the default policy."""
    columns = [(Effect.READ, Effect.IDEMPOTENT), (Effect.MESSAGE,), (Effect.CALL, Effect.CHANGE)]

    assert (row, [set(letter) for letter in expected]) == (
        row,
        [{repeats(effect, delivery, reason, RetryPolicy()) for effect in column} for column in columns],
    )


@pytest.mark.parametrize(
    ("policy", "resent"),
    [
        (RetryPolicy(), {Effect.READ, Effect.IDEMPOTENT}),
        (RESEND, {Effect.READ, Effect.IDEMPOTENT, Effect.MESSAGE}),
        (RESEND_ALL, set(Effect)),
        (RetryPolicy(allow_duplicate_calls=True), {Effect.READ, Effect.IDEMPOTENT}),
    ],
)
def test_unknown_fate_is_resent_only_where_allowed(policy, resent):
    """What may have been done is repeated for messages by `on_unknown`, and for calls by two switches."""
    assert (resent, resent) == (
        {effect for effect in Effect if repeats(effect, UNKNOWN, Reason.READ_TIMEOUT, policy) == "Y"},
        {effect for effect in Effect if policy.may_resend(effect)},
    )


def test_lasting_faults_are_not_resent_either():
    """A switch to resend does not repeat what would come again as it is."""
    assert "N" == repeats(Effect.MESSAGE, UNKNOWN, Reason.BODY_TOO_LARGE, RESEND_ALL)


@pytest.mark.parametrize(
    ("delivery", "reason", "code", "expected"),
    [
        (REJECTED, Reason.SERVICE_CODE, SWITCHED_OVER, 1.0),
        (REJECTED, Reason.RATE_LIMITED, None, 1.0),
        (REJECTED, Reason.SERVICE_CODE, None, None),
        (UNKNOWN, Reason.OPEN_CODE, OPEN, None),
    ],
)
@pytest.mark.parametrize("kind", [Effect.MESSAGE, Effect.CALL])
def test_codes_that_ask_to_wait(kind, delivery, reason, code, expected):
    """000-004 and a 429 refuse and ask to wait: repeated at the throttled base, also with an effect; none else is."""
    assert expected == wait_before_repeat(RetryPolicy(), kind, Ended(1, delivery, reason, code), draw=1.0)


@pytest.mark.parametrize(
    ("number", "draw", "retry_after", "expected"),
    [
        (1, 1.0, None, 0.5),
        (1, 0.0, None, 0.0),
        (1, 0.5, None, 0.25),
        (2, 1.0, None, 1.0),
        (3, 1.0, None, 2.0),
        (4, 1.0, None, 3.0),
        (1, 1.0, 7.0, 7.5),
        (1, 0.0, 0.0, 0.0),
        (1_000_000, 1.0, None, 3.0),
    ],
)
def test_wait_doubles_up_to_its_cap(number, draw, retry_after, expected):
    """The wait is drawn from 0 to base * 2**(n-1), at most the cap, and comes on top of what the answer asked for."""
    policy = RetryPolicy(max_attempts=10_000_000, base=0.5, cap=3.0)
    ended = Ended(number, NOT_SENT, Reason.CONNECTION_REFUSED, retry_after=retry_after)

    assert expected == wait_before_repeat(policy, Effect.CALL, ended, draw=draw)


def test_throttled_base():
    """Row 59: after a 429 the wait starts from the longer base."""
    policy = RetryPolicy(base=0.5, throttled_base=2.0)

    assert 4.0 == wait_before_repeat(policy, Effect.READ, Ended(2, REJECTED, Reason.RATE_LIMITED), draw=1.0)


def test_wait_is_drawn_at_random():
    """Without a given draw, a wait is somewhere within its bounds, so that clients do not come back in step."""
    waits = {
        wait_before_repeat(RetryPolicy(), Effect.READ, Ended(1, NOT_SENT, Reason.CONNECT_FAILED)) for _ in range(20)
    }

    assert (True, True) == (len(waits) > 1, all(0 <= wait <= 0.05 for wait in waits))


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (RetryPolicy(), set(Effect)),
        (RetryPolicy(allow_duplicate_calls=True), set(Effect)),
        (RESEND, set(Effect) - {Effect.CALL}),
        (RESEND_ALL, set(Effect)),
    ],
)
def test_resending_calls_takes_a_switch_of_its_own(policy, allowed):
    """A policy that resends is not taken for a dialled call at all, unless duplicates are allowed."""
    assert allowed == {effect for effect in Effect if policy.allowed_for(effect)}


@pytest.mark.parametrize(
    ("policy", "effect", "expected"),
    [(RetryPolicy(), Effect.CALL, False), (RESEND, Effect.CALL, False), (RESEND, Effect.MESSAGE, True)],
)
def test_answers_are_plain_bools(policy, effect, expected):
    """What a policy says of an unknown fate is yes or no."""
    assert expected is policy.may_resend(effect)


def test_defaults_are_those_published():
    """Three attempts, 50 ms, 1 s when throttled, at most 20 s."""
    policy = RetryPolicy()

    assert (3, 0.05, 1.0, 20.0) == (policy.max_attempts, policy.base, policy.throttled_base, policy.cap)
    assert 86400.0 == DAY
    assert False is Ended(1, NOT_SENT, Reason.CONNECT_FAILED).seen_before
    ended = Ended(40, NOT_SENT, Reason.CONNECT_FAILED)
    patient = RetryPolicy(max_attempts=99, base=1e-9, cap=1e9)
    assert 1e-9 * 2.0**32 == wait_before_repeat(patient, Effect.READ, ended, draw=1.0)


@pytest.mark.parametrize(("number", "repeated"), [(1, True), (2, True), (3, False), (4, False)])
def test_attempts_are_counted(number, repeated):
    """No more than `max_attempts` tries, three by default."""
    found = wait_before_repeat(RetryPolicy(), Effect.READ, Ended(number, NOT_SENT, Reason.CONNECT_FAILED))

    assert repeated is (found is not None)


NOW = datetime(2024, 10, 31, 14, 6, 52, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("99999", DAY),
        ("9" * 5000, DAY),
        (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30.0),
        (format_datetime(NOW - timedelta(seconds=30), usegmt=True), 0.0),
        (format_datetime(NOW + timedelta(days=30), usegmt=True), DAY),
        ("Thursday, 31-Oct-24 14:07:22 GMT", 30.0),
        ("Thu, 31 Oct 2024 22:07:22 +0800", 30.0),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
        ("Thu, 31 Oct 2024 14:07:22 +99999999999999", None),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Thu, 99 Oct 2024 14:07:22 GMT", None),
    ],
)
def test_retry_after(value, expected):
    """Row 60: seconds and HTTP dates are read, past ones are 0, huge ones a day; garbage is nothing, and no crash."""
    assert expected == retry_after_seconds(value, now=NOW.timestamp())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 second", 1.0),
        ('{"error_code":"APIG.0308","error_msg":"... policy api over ratelimit,limit:100,time:2 minute"}', 120.0),
        ("over ratelimit,limit: 5, time: 1 hour", 3600.0),
        ("over ratelimit,limit:5,time:1 day", DAY),
        ("over ratelimit,limit:5,time:999999 day", DAY),
        ("over ratelimit,limit:5,time:9999999 second", None),
        ("over ratelimit,limit:x,time:1 second", None),
        ("time:1 second", None),
        ("", None),
        (None, None),
    ],
)
def test_throttle_window(text, expected):
    """Row 61: the window of a throttled API is read out of its text."""
    assert expected == throttle_window(text)


@pytest.mark.parametrize("value", ["Thu, 31 Oct 2024 14:07:22", "Thu, 31 Oct 2024 14:07:22 -0000"])
def test_date_without_a_zone_is_utc(monkeypatch, value):
    """Row 60: HTTP's dates are in UTC, said or not, wherever this machine stands."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        found = retry_after_seconds(value, now=NOW.timestamp())
    finally:
        monkeypatch.undo()
        time.tzset()

    assert 30.0 == found


@pytest.mark.parametrize(
    "fields",
    [
        {"max_attempts": 0},
        {"max_attempts": 1.5},
        {"base": 0},
        {"base": -1.0},
        {"throttled_base": "1"},
        {"cap": float("inf")},
        {"on_unknown": "maybe"},
        {"on_unknown": None},
        {"allow_duplicate_calls": "yes"},
    ],
)
def test_policy_refuses(fields):
    """A setting that cannot work is refused when it is made, by its name."""
    with pytest.raises(ConfigurationError, match=f"^RetryPolicy.{next(iter(fields))} must be "):
        RetryPolicy(**fields)
