"""One line for three in the morning: what to do now."""

import pytest

from aiocc.delivery import Delivery, Reason
from aiocc.protocol.next_step import next_step
from aiocc.protocol.operation import Effect

TRACE = "Look for call_data '1' in the call records."


def say(delivery: Delivery, reason: Reason, effect: Effect, **more: str) -> str:
    """Say what to do about this cell."""
    return next_step(delivery=delivery, reason=reason, effect=effect, **more)


@pytest.mark.parametrize("reason", Reason)
def test_every_cell_is_one_line(effect, reason):
    """For every delivery, reason and effect there is one line of whole sentences."""
    lines = [say(delivery, reason, effect) for delivery in Delivery]

    assert lines == [line for line in lines if line.isprintable() and line.endswith(".") and 20 < len(line) < 180]


@pytest.mark.parametrize("reason", Reason)
def test_only_what_is_safe_is_called_safe(effect, reason):
    """A line speaks of repeating exactly as delivery and effect allow."""
    lines = {delivery: say(delivery, reason, effect) for delivery in Delivery}

    assert {
        Delivery.NOT_SENT: (True, False),
        Delivery.REJECTED: (False, False),
        Delivery.ACCEPTED: (False, True),
        Delivery.UNKNOWN: (effect.harmless, not effect.harmless and effect is not Effect.MESSAGE),
    } == {delivery: ("repeating is safe" in line, "Do not repeat" in line) for delivery, line in lines.items()}


@pytest.mark.parametrize(
    ("kind", "trace", "expected"),
    [
        (Effect.READ, "", "Nothing was changed by it; repeating is safe."),
        (Effect.CALL, TRACE, f"The call may be ringing. Do not repeat. {TRACE}"),
        (
            Effect.CALL,
            "",
            "The call may be ringing. Do not repeat. Ask the contact centre before anyone dials again.",
        ),
        (
            Effect.MESSAGE,
            "",
            "The message may have arrived; a repeat may bring it twice. "
            "Check with the receiver before sending it again.",
        ),
        (Effect.CHANGE, TRACE, f"It may have been done. Do not repeat. {TRACE}"),
        (Effect.CHANGE, "", "It may have been done. Do not repeat. Look at the contact centre first."),
    ],
)
def test_unknown_fate(kind, trace, expected):
    """Of what is unknown, the effect says what may have happened, and how to find out."""
    assert expected == say(Delivery.UNKNOWN, Reason.READ_TIMEOUT, kind, trace=trace)


def test_idempotent_is_not_called_unchanged():
    """A sign-out whose answer was lost may well have changed something; repeating it changes nothing more."""
    line = say(Delivery.UNKNOWN, Reason.READ_TIMEOUT, Effect.IDEMPOTENT)

    assert (False, True) == ("Nothing was changed" in line, "repeating is safe" in line)


@pytest.mark.parametrize(
    ("delivery", "reason", "words"),
    [
        (Delivery.NOT_SENT, Reason.CERTIFICATE_UNTRUSTED, "TLS(ca_file=...) or AIOCC_CA_FILE"),
        (Delivery.NOT_SENT, Reason.CERTIFICATE_HOST_MISMATCH, "TLS(server_name=...)"),
        (Delivery.NOT_SENT, Reason.DNS_FAILURE, "host name"),
        (Delivery.NOT_SENT, Reason.QUEUE_TIMEOUT, "Service(concurrency=...)"),
        (Delivery.NOT_SENT, Reason.CREDENTIAL_UNAVAILABLE, "the message says what"),
        (Delivery.REJECTED, Reason.UNAUTHORIZED, "credential"),
        (Delivery.REJECTED, Reason.AGENT_SIGNED_OUT, "Sign the agent in again"),
        (Delivery.REJECTED, Reason.RATE_LIMITED, "more slowly"),
        (Delivery.REJECTED, Reason.REDIRECTED, "never followed"),
        (Delivery.REJECTED, Reason.CLIENT_CERTIFICATE_REFUSED, "TLS(client_cert=...)"),
        (Delivery.UNKNOWN, Reason.CLIENT_CERTIFICATE_REFUSED, "TLS(client_cert=...)"),
        (Delivery.UNKNOWN, Reason.REDIRECTED, "never followed"),
        (Delivery.UNKNOWN, Reason.BODY_TOO_LARGE, "AnswerLimits(body=...)"),
        (Delivery.UNKNOWN, Reason.HEAD_TOO_LARGE, "AnswerLimits(headers=...)"),
        (Delivery.UNKNOWN, Reason.TOO_DEEP, "AnswerLimits(depth=...)"),
        (Delivery.UNKNOWN, Reason.TOO_MANY_VALUES, "AnswerLimits(values=...)"),
        (Delivery.NOT_SENT, Reason.INTERNAL, "description"),
        (Delivery.NOT_SENT, Reason.UNAVAILABLE, "takes connections again"),
        (Delivery.ACCEPTED, Reason.PAYLOAD_UNREADABLE, "It was done"),
    ],
)
def test_line_names_the_remedy(effect, delivery, reason, words):
    """Where a cause has a remedy, the line names it whatever the effect."""
    assert words in say(delivery, reason, effect)


@pytest.mark.parametrize(
    ("asked", "words"), [(7200.0, "Wait 7200 s,"), (0.2, "Wait 1 s,"), (0.0, "Wait,"), (None, "Wait,")]
)
def test_the_wait_that_was_asked_for_is_said(effect, asked, words):
    """Where the service said when to come back the line says it too, in whole seconds."""
    line = next_step(delivery=Delivery.REJECTED, reason=Reason.RATE_LIMITED, effect=effect, retry_after=asked)

    assert f"Nothing was done. {words} then send it again more slowly." == line


def test_what_was_done_can_be_looked_up(effect):
    """Of a call that was placed and whose data could not be read, the line says where it is found."""
    line = say(Delivery.ACCEPTED, Reason.PAYLOAD_UNREADABLE, effect, trace=TRACE)

    assert (effect is Effect.CALL) == line.endswith(f"could not be read. {TRACE}")


@pytest.mark.parametrize("delivery", [Delivery.NOT_SENT, Delivery.REJECTED])
def test_what_is_known_better_stands_in_place_of_the_reason_s(effect, delivery):
    """The remedy of a code, a strategy or a queue takes the place of the reason's."""
    line = say(delivery, Reason.QUEUE_TIMEOUT, effect, remedy="Do this.")

    assert (True, False) == (line.endswith(" Do this."), "PoolLimits" in line)


@pytest.mark.parametrize("delivery", Delivery)
def test_advice_of_the_page_comes_last(delivery):
    """What the operation's page says of a status stands at the end, named as the page's."""
    line = say(delivery, Reason.CLIENT_STATUS, Effect.CALL, advice="check the request path.")

    assert line.endswith(" The service's page: check the request path.")
