"""How much may be repeated while a service fails."""

import pytest

from aiocc.delivery import Delivery, Reason
from aiocc.protocol.codes import Act, Code
from aiocc.protocol.quota import QUOTA, RetryQuota
from aiocc.protocol.retry import Ended

SWITCHED_OVER = Code("000-004", "Being switched over.", act=Act.WAIT_AND_REPEAT)


def test_quota_allows_a_burst():
    """500 tokens pay for 35 repeats at 14, or 100 at 5; what cannot be paid takes nothing."""
    transient, throttled = RetryQuota(), RetryQuota()

    assert (35, 100) == (sum(transient.take(14) for _ in range(200)), sum(throttled.take(5) for _ in range(200)))
    assert (10, 0) == (transient.left, throttled.left)


def test_last_token_can_be_spent():
    """A repeat that costs exactly what is left is paid."""
    quota = RetryQuota()

    assert (True, 0, False) == (quota.take(QUOTA), quota.left, quota.take(1))


def test_quota_never_grows():
    """What is given back fills the bucket, and no more."""
    quota = RetryQuota()
    quota.take(14)
    quota.give_back(5)
    between = quota.left
    quota.give_back(100)

    assert (491, 500, 500) == (between, quota.left, QUOTA)


@pytest.mark.parametrize(
    ("delivery", "reason", "code", "expected"),
    [
        (Delivery.NOT_SENT, Reason.CONNECTION_REFUSED, None, (False, 14)),
        (Delivery.UNKNOWN, Reason.READ_TIMEOUT, None, (False, 14)),
        (Delivery.UNKNOWN, Reason.FRONT_END, None, (False, 14)),
        (Delivery.REJECTED, Reason.RATE_LIMITED, None, (True, 5)),
        (Delivery.REJECTED, Reason.SERVICE_CODE, SWITCHED_OVER, (True, 5)),
        (Delivery.REJECTED, Reason.SERVICE_CODE, Code("9", "No."), (False, 14)),
    ],
)
def test_cost(delivery, reason, code, expected):
    """A repeat costs 14 after a transient fault, 5 after an answer that asks to slow down."""
    ended = Ended(1, delivery, reason, code)

    assert expected == (ended.throttled, ended.cost)
