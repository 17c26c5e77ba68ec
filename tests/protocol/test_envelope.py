"""Envelope rules: an operation names what it looks at, and no key is sniffed."""

import json
from itertools import permutations

import pytest

from aiocc.delivery import Delivery, Reason
from aiocc.protocol.envelope import FABRIC, GATEWAY, ISALES, RET_CODE, RETURN_CODE, WEBADAPTER

from .conftest import opened

SUCCESSES = {
    "webadapter": (WEBADAPTER, {"resultCode": "0", "resultDesc": "connect successfully."}),
    "return code": (RETURN_CODE, {"returnCode": "0", "description": "fine"}),
    "ret code": (RET_CODE, {"retCode": "0", "retMsg": "success", "data": {}}),
    "gateway": (GATEWAY, {"retcode": "0", "message": "success", "result": None}),
    "isales": (ISALES, {"resultCode": "0200000", "returnCode": "0200000", "resultDesc": "ok"}),
    "fabric": (FABRIC, {"resultCode": "0", "resultDesc": "Success"}),
}


@pytest.mark.parametrize("name", SUCCESSES)
def test_rule_opens_its_own_success(name):
    """Each spelling of "it worked" is read by its own rule."""
    rule, body = SUCCESSES[name]

    reading = opened(json.dumps(body).encode(), envelope=rule)

    assert (Delivery.ACCEPTED, None, body) == (reading.delivery, reading.reason, reading.data)


@pytest.mark.parametrize(
    ("name", "other"),
    [pair for pair in permutations(SUCCESSES, 2) if set(pair) != {"webadapter", "fabric"}],
)
def test_rule_takes_no_other_spelling(name, other):
    """The success of another envelope is none here."""
    rule, body = SUCCESSES[name][0], SUCCESSES[other][1]

    assert Delivery.ACCEPTED is not opened(json.dumps(body).encode(), envelope=rule).delivery


@pytest.mark.parametrize(
    ("rule", "body", "expected"),
    [
        (RETURN_CODE, {"returnCode": "1", "returnDesc": "b"}, "b"),
        (RETURN_CODE, {"returnCode": "1", "description": "a", "returnDesc": "b"}, "a"),
        (GATEWAY, {"retcode": "1", "msg": "b"}, "b"),
        (GATEWAY, {"retcode": "1", "message": None, "msg": "b"}, "b"),
        (GATEWAY, {"retcode": "1", "message": "", "msg": "b"}, ""),
        (ISALES, {"resultCode": "0200000", "returnCode": "0200001", "resultDesc": "a", "returnDesc": "b"}, "b"),
        (ISALES, {"resultCode": "0200001", "returnCode": "0200001", "resultDesc": "a", "returnDesc": "b"}, "a"),
        (WEBADAPTER, {"resultCode": "1", "resultDesc": {"zh": "忙"}}, '{"zh": "忙"}'),
        (WEBADAPTER, {"resultCode": "1", "resultDesc": 7}, "7"),
        (WEBADAPTER, {"resultCode": "1"}, None),
    ],
)
def test_text_belongs_to_the_code_that_failed(rule, body, expected):
    """The description is the first present text of the failing code; it may be missing, empty, null or an object."""
    assert expected == opened(json.dumps(body).encode(), envelope=rule).description


def test_inner_code_means_something_else():
    """A `resultCode` inside the payload is not the envelope's."""
    body = b'{"returnCode":"0","result":{"resultCode":"13"}}'

    assert (None, Reason.CODE_MISSING) == (
        opened(body, envelope=RETURN_CODE).reason,
        opened(body, envelope=WEBADAPTER).reason,
    )
