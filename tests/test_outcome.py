"""What became of one call, as a value."""

import pickle

import pytest

from aiocc.delivery import Delivery, Reason
from aiocc.errors import DeliveryUnknownError
from aiocc.outcome import Outcome


def failed() -> Outcome[str]:
    """Give the outcome of a call whose fate is unknown."""
    error = DeliveryUnknownError("m", operation="o", service="s", call_id="c", reason=Reason.READ_TIMEOUT)
    return Outcome(delivery=error.delivery, error=error, call_id="c")


def test_unwrap_gives_the_result():
    """An outcome without an error gives its result, None included."""
    assert ("call", None) == (
        Outcome(delivery=Delivery.ACCEPTED, result="call", call_id="c").unwrap(),
        Outcome(delivery=Delivery.ACCEPTED, call_id="c").unwrap(),
    )


def test_unwrap_raises_the_error():
    """An outcome with an error raises that very object."""
    outcome = failed()

    with pytest.raises(DeliveryUnknownError) as caught:
        outcome.unwrap()
    assert outcome.error is caught.value


def test_outcome_matches_by_delivery():
    """An outcome can be matched by what is known."""
    match failed():
        case Outcome(delivery=Delivery.UNKNOWN, error=error):
            found = error
        case _:
            found = None

    assert isinstance(found, DeliveryUnknownError)


def test_outcome_pickles():
    """An outcome goes through a queue to another process with its error."""
    outcome = failed()

    copy = pickle.loads(pickle.dumps(outcome))  # noqa: S301 - ours

    assert (outcome.delivery, outcome.call_id, str(outcome.error)) == (copy.delivery, copy.call_id, str(copy.error))
