"""What an HTTP status proves where no result code does: the list "by status" of the fault matrix."""

import pytest

from aiocc.delivery import Delivery, Reason
from aiocc.protocol.evidence import by_status, decided_by_status, without_answer
from aiocc.protocol.operation import Effect

from .conftest import opened

REJECTED, UNKNOWN = Delivery.REJECTED, Delivery.UNKNOWN

BY_STATUS = [
    # status, is the body a JSON object, for reads and messages, for dialled calls, reason
    *(
        (status, is_object, REJECTED, REJECTED, Reason.UNAUTHORIZED)
        for status in (401, 407)
        for is_object in (True, False)
    ),
    (429, True, REJECTED, REJECTED, Reason.RATE_LIMITED),
    (429, False, REJECTED, REJECTED, Reason.RATE_LIMITED),
    (403, True, REJECTED, REJECTED, Reason.FORBIDDEN),
    (403, False, REJECTED, UNKNOWN, Reason.FORBIDDEN),
    (418, False, REJECTED, UNKNOWN, Reason.FORBIDDEN),
    *(
        (status, is_object, REJECTED, REJECTED, Reason.CLIENT_STATUS)
        for status in (400, 404, 405, 413, 414, 415, 431)
        for is_object in (True, False)
    ),
    (307, False, REJECTED, REJECTED, Reason.REDIRECTED),
    (308, False, REJECTED, REJECTED, Reason.REDIRECTED),
    *((status, False, UNKNOWN, UNKNOWN, Reason.REDIRECTED) for status in (300, 301, 302, 303, 304, 305)),
    (408, True, UNKNOWN, UNKNOWN, Reason.STATUS),
    (409, True, UNKNOWN, UNKNOWN, Reason.STATUS),
    (451, False, UNKNOWN, UNKNOWN, Reason.STATUS),
    (500, True, UNKNOWN, UNKNOWN, Reason.SERVER_STATUS),
    (500, False, UNKNOWN, UNKNOWN, Reason.FRONT_END),
    (501, True, UNKNOWN, UNKNOWN, Reason.SERVER_STATUS),
    *(
        (status, is_object, UNKNOWN, UNKNOWN, Reason.FRONT_END)
        for status in (502, 503, 504)
        for is_object in (True, False)
    ),
    (599, True, UNKNOWN, UNKNOWN, Reason.SERVER_STATUS),
    (99, True, UNKNOWN, UNKNOWN, Reason.BAD_STATUS),
    (100, True, UNKNOWN, UNKNOWN, Reason.STATUS),
    (399, True, UNKNOWN, UNKNOWN, Reason.REDIRECTED),
    (600, True, UNKNOWN, UNKNOWN, Reason.BAD_STATUS),
    (999, False, UNKNOWN, UNKNOWN, Reason.BAD_STATUS),
]

EVERY_ROW = pytest.mark.parametrize(("status", "is_object", "light", "grave", "reason"), BY_STATUS)


def expected(effect: Effect, light: Delivery, grave: Delivery) -> Delivery:
    """Choose by effect: what dials, and what nobody knows, takes more evidence."""
    return grave if effect in (Effect.CALL, Effect.CHANGE) else light


@EVERY_ROW
def test_by_status(effect, status, is_object, light, grave, reason):  # noqa: PLR0917 - columns of a table
    """Each row of the list, for every effect."""
    assert (expected(effect, light, grave), reason) == by_status(status, is_object=is_object, effect=effect)


@EVERY_ROW
def test_an_answer_without_a_code_goes_by_its_status(effect, status, is_object, light, grave, reason):  # noqa: PLR0917 - columns of a table
    """An answer that no envelope rule settles proves what its status proves."""
    body = b'{"note":"no code"}' if is_object else b"<html><title>No</title></html>"

    reading = opened(body, status=status, effect=effect)

    assert (expected(effect, light, grave), reason) == (reading.delivery, reading.reason)


@pytest.mark.parametrize(
    ("statuses", "by_itself"),
    [
        ((401, 407, 429, 300, 301, 302, 303, 304, 307, 308, 399, 99, 600, 999), True),
        ((100, 200, 204, 299, 400, 403, 404, 408, 418, 500, 502, 503, 504, 599), False),
    ],
)
def test_statuses_that_decide_alone(statuses, by_itself):
    """Authentication, throttling and redirects are read before any envelope, all else after it."""
    assert [by_itself] * len(statuses) == [decided_by_status(status) for status in statuses]


@pytest.mark.parametrize("reason", Reason)
def test_without_answer(reason):
    """Without an answer, one byte that left makes the difference; row 6a alone says that it was not read."""
    refused = reason is Reason.CLIENT_CERTIFICATE_REFUSED
    left = Delivery.REJECTED if refused else Delivery.UNKNOWN

    assert (Delivery.NOT_SENT, left) == (without_answer(reason, left=False), without_answer(reason, left=True))
