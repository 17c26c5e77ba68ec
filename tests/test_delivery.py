"""What is known of whether a thing happened."""

from datetime import UTC, datetime

import attrs
import pytest

from aiocc.delivery import Attempt, Delivery, Phase, Reason, fold

NOT_SENT, REJECTED, ACCEPTED, UNKNOWN = Delivery.NOT_SENT, Delivery.REJECTED, Delivery.ACCEPTED, Delivery.UNKNOWN


@pytest.mark.parametrize(
    ("delivery", "happened", "safe_to_repeat"),
    [(NOT_SENT, False, True), (REJECTED, False, True), (ACCEPTED, True, False), (UNKNOWN, None, False)],
)
def test_delivery_says_what_is_known(delivery, happened, safe_to_repeat):
    """Only what surely did not happen is safe to repeat, and of an unknown one nothing is claimed."""
    assert (happened, safe_to_repeat) == (delivery.happened, delivery.safe_to_repeat)


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([], NOT_SENT),
        ([NOT_SENT, NOT_SENT], NOT_SENT),
        ([NOT_SENT, REJECTED], REJECTED),
        ([REJECTED, NOT_SENT], REJECTED),
        ([REJECTED, UNKNOWN], UNKNOWN),
        ([UNKNOWN, REJECTED], UNKNOWN),
        ([UNKNOWN, NOT_SENT], UNKNOWN),
        ([UNKNOWN, ACCEPTED], ACCEPTED),
        ([ACCEPTED, UNKNOWN], ACCEPTED),
        ([REJECTED, ACCEPTED], ACCEPTED),
    ],
)
def test_fold(attempts, expected):
    """Over several attempts: any ACCEPTED, else any UNKNOWN, else any REJECTED, else NOT_SENT."""
    assert expected == fold(attempts)


@pytest.mark.parametrize("kind", [Delivery, Phase, Reason])
def test_values_are_text_of_one_line(kind):
    """Each value is its own text, none has two names, and each fits into a line of a log."""
    assert list(kind.__members__) == [member.name for member in kind]
    assert [member.value for member in kind] == [f"{member}" for member in kind]
    assert [] == [member for member in kind if not member.isprintable()]


def test_attempt_is_frozen():
    """An attempt is evidence: nothing changes it."""
    attempt = Attempt(
        number=1,
        delivery=UNKNOWN,
        reason=Reason.READ_TIMEOUT,
        phase=Phase.AWAIT_ANSWER,
        connection="fresh",
        started=datetime(2024, 10, 31, tzinfo=UTC),
        elapsed=1.0,
    )

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        attempt.delivery = ACCEPTED
