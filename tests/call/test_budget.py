"""What repeats are paid from."""

import gc

from aiocc.auth import CookieToken
from aiocc.call.budget import Budget
from aiocc.delivery import Delivery, Reason
from aiocc.protocol.quota import QUOTA
from aiocc.protocol.retry import Ended

LOST = Ended(1, Delivery.UNKNOWN, Reason.CONNECTION_RESET)
THROTTLED = Ended(1, Delivery.REJECTED, Reason.RATE_LIMITED)
ONE, OTHER = CookieToken("one-visitor"), CookieToken("other-visitor")


def paid(budget: Budget, ended: Ended, strategy: CookieToken | None, times: int) -> int:
    """Ask for so many repeats, and count those that were paid."""
    return sum(budget.pay(ended, strategy) is not None for _ in range(times))


def test_outage_is_charged_to_the_service():
    """Whoever the callers are, an outage brings no more than 35 repeats in all."""
    budget = Budget()

    assert 35 == sum(paid(budget, LOST, CookieToken(f"visitor-{number}"), 3) for number in range(100))
    assert 0 == paid(budget, LOST, None, 1)


def test_throttling_is_charged_to_the_credential():
    """One credential that is throttled takes nothing from another, nor from the service."""
    budget = Budget()

    assert (100, 100, QUOTA) == (paid(budget, THROTTLED, ONE, 200), paid(budget, THROTTLED, OTHER, 200), 500)
    assert (QUOTA, 35) == (budget.service.left, paid(budget, LOST, ONE, 100))


def test_throttling_without_a_credential_is_the_service_s():
    """Where nobody authenticates, the service pays."""
    budget = Budget()

    assert (100, 0) == (paid(budget, THROTTLED, None, 200), budget.service.left)


def test_answer_gives_back_what_its_repeat_has_cost():
    """A repeat that led to an answer has cost nothing in the end."""
    budget = Budget()
    budget.pay(LOST, ONE)
    second = budget.pay(LOST, ONE)
    budget.answered(ONE, second)

    assert QUOTA - 14 == budget.service.left


def test_answer_without_a_repeat_brings_a_token():
    """A call that needed no repeat brings one token back, to the service and to its own credential."""
    budget = Budget()
    budget.pay(LOST, ONE)
    budget.pay(THROTTLED, ONE)
    for strategy in (ONE, ONE, OTHER, None):
        budget.answered(strategy, None)

    assert (QUOTA - 14 + 4, 99) == (budget.service.left, paid(budget, THROTTLED, ONE, 200))


def test_throttled_repeat_is_given_back_once():
    """What a throttled repeat has cost comes back to its credential, and no token besides."""
    budget = Budget()
    for _ in range(100):
        last = budget.pay(THROTTLED, ONE)
    budget.answered(ONE, last)

    assert 1 == paid(budget, THROTTLED, ONE, 10)


def test_full_quota_stays_full():
    """Calls that go well leave a full quota as it is."""
    budget = Budget()
    budget.answered(ONE, None)

    assert (QUOTA, 0) == (budget.service.left, len(budget._credentials))


def test_quota_goes_with_its_credential():
    """Visitors that are gone leave nothing behind."""
    budget = Budget()
    budget.pay(THROTTLED, CookieToken("one-of-thousands"))
    gc.collect()

    assert 0 == len(budget._credentials)
