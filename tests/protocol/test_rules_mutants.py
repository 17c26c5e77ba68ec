"""Rows in which a small change of the rules would go unnoticed without these; `python -m tests.campaigns mutants`."""

import pytest

from aiocc.delivery import Delivery, Reason
from aiocc.protocol.envelope import FABRIC, GATEWAY, ISALES, RET_CODE, RETURN_CODE, WEBADAPTER
from aiocc.protocol.operation import Effect
from aiocc.protocol.retry import Ended, RetryPolicy, wait_before_repeat

from .conftest import opened


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize(
    "reason",
    [
        Reason.CREDENTIAL_UNAVAILABLE,
        Reason.CREDENTIAL_REFUSED,
        Reason.UNAVAILABLE,
        Reason.CLIENT_CLOSED,
        Reason.QUEUE_TIMEOUT,
        Reason.QUEUE_FULL,
        Reason.DEADLINE,
        Reason.INTERNAL,
    ],
)
def test_what_would_come_again_is_not_repeated(reason, effect):
    """A request that was not sent for a reason that lasts is not sent again by itself, whatever its effect."""
    assert None is wait_before_repeat(RetryPolicy(), effect, Ended(1, Delivery.NOT_SENT, reason))


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("delivery", [Delivery.ACCEPTED, Delivery.UNKNOWN])
def test_a_payload_that_could_not_be_read_is_not_asked_for_again(delivery, effect):
    """What the service said yes to comes again as it was, whatever its effect, and whatever is made of it."""
    policy = RetryPolicy(on_unknown="resend", allow_duplicate_calls=True)

    assert None is wait_before_repeat(policy, effect, Ended(1, delivery, Reason.PAYLOAD_UNREADABLE))


def test_a_policy_is_made_by_name():
    """A policy's figures are given by their names: two of them in the wrong order would be taken for each other."""
    with pytest.raises(TypeError):
        RetryPolicy(3)


@pytest.mark.parametrize(
    ("rule", "body", "said"),
    [
        (WEBADAPTER, b'{"resultCode":"9","resultDesc":"said"}', "said"),
        (GATEWAY, b'{"retcode":"9","message":"said"}', "said"),
        (GATEWAY, b'{"retcode":"9","msg":"said"}', "said"),
        (RET_CODE, b'{"retCode":"9","retMsg":"said"}', "said"),
        (RETURN_CODE, b'{"returnCode":"9","description":"said"}', "said"),
        (RETURN_CODE, b'{"returnCode":"9","returnDesc":"said"}', "said"),
        (ISALES, b'{"resultCode":"9","resultDesc":"said","returnCode":"0200000"}', "said"),
        (ISALES, b'{"resultCode":"0200000","returnCode":"9","returnDesc":"said"}', "said"),
        (FABRIC, b'{"errorCode":"0","exceptionInfo":"said"}', "said"),
    ],
)
def test_each_rule_knows_its_text(rule, body, said):
    """What the service says stands under the rule's own keys."""
    assert said == opened(body, envelope=rule).description


@pytest.mark.parametrize("status", [200, 400, 404, 500])
@pytest.mark.parametrize(
    "body", [b'{"resultCode":"0200000"}', b'{"returnCode":"0200000"}', b'{"resultCode":null,"returnCode":"0200000"}']
)
def test_half_a_yes_is_none(status, body):
    """Where one of two required codes is missing, the other proves nothing, under any status."""
    reading = opened(body, envelope=ISALES, status=status)

    assert (Delivery.UNKNOWN, Reason.CODE_MISSING) == (reading.delivery, reading.reason)
