"""A full outage, by the pure functions, with a clock passed in: how many attempts it brings."""

import heapq

import pytest

from aiocc.call.budget import Budget, Payment
from aiocc.delivery import Delivery, Reason
from aiocc.protocol.breaker import REFUSALS, Breaker
from aiocc.protocol.operation import Effect
from aiocc.protocol.retry import Ended, RetryPolicy, wait_before_repeat

MINUTES, PER_SECOND = 10, 50
CALLS = MINUTES * 60 * PER_SECOND


def outage(reason: Reason, delivery: Delivery, *, until: float = float("inf")) -> tuple[int, int]:
    """Let 50 calls a second fail for ten minutes; gives their attempts, and those that reached for a connection."""
    policy, budget, breaker = RetryPolicy(), Budget(), Breaker()
    attempts = reached = 0
    waiting: list[tuple[float, int, int, Payment | None]] = [(n / PER_SECOND, n, 1, None) for n in range(CALLS)]
    while waiting:
        now, call, number, payment = heapq.heappop(waiting)
        attempts += 1
        if breaker.refuses(now):
            continue
        reached += 1
        if now >= until:
            breaker.connected()
            budget.answered(None, payment)
            continue
        if reason in REFUSALS:
            breaker.refused(now)
        ended = Ended(number, delivery, reason)
        wait = wait_before_repeat(policy, Effect.READ, ended, draw=call % 101 / 100)
        if wait is not None and (paid := budget.pay(ended, None)) is not None:
            heapq.heappush(waiting, (now + wait, call, number + 1, paid))
    return attempts, reached


@pytest.mark.parametrize(
    ("reason", "delivery", "most_attempts", "most_reached"),
    [
        (Reason.CONNECTION_RESET, Delivery.UNKNOWN, CALLS + 35, CALLS + 35),
        (Reason.FRONT_END, Delivery.UNKNOWN, CALLS + 35, CALLS + 35),
        (Reason.CONNECTION_REFUSED, Delivery.NOT_SENT, CALLS + 35, 5 + 25),
        (Reason.CONNECT_TIMEOUT, Delivery.NOT_SENT, CALLS + 35, 5 + 25),
    ],
)
def test_full_outage(reason, delivery, most_attempts, most_reached):
    """Ten minutes without an answer bring a burst of at most 35 repeats; a host that refuses is tried 30 times."""
    attempts, reached = outage(reason, delivery)
    print(f"{reason.value}: {CALLS} calls, {attempts} attempts, {reached} reached for a connection")  # noqa: T201 - the figure

    assert CALLS < attempts <= most_attempts
    assert reached <= most_reached


def test_end_of_an_outage():
    """When the host is back, everything goes again within half a minute, and repeats are paid again."""
    _, reached = outage(Reason.CONNECTION_REFUSED, Delivery.NOT_SENT, until=300.0)

    assert (MINUTES * 60 - 300 - 30) * PER_SECOND < reached < (MINUTES * 60 - 300) * PER_SECOND + 40
