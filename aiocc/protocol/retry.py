"""Whether a request is sent again by itself: a pure decision over what the attempts have shown.

Four repeats exist. What was NOT_SENT can be sent. What is harmless (a read, or idempotent) can be sent again
unless the same answer would come again. What was refused only because it came too soon (429, and the codes that
say so) is sent again later. What was refused for its credential is sent once more with a renewed one; that repeat
is decided by the strategy's verdict and costs no retry. Nothing else repeats by itself. What repeats at all also
has to be paid for, out of `aiocc.protocol.quota`.
"""

from __future__ import annotations

import random
import re
from typing import Final, Literal

from attrs import field, frozen

from aiocc.delivery import Delivery, Reason
from aiocc.errors import ConfigurationError
from aiocc.protocol.codes import Act, Code
from aiocc.protocol.limits import positive, positive_whole
from aiocc.protocol.messages import http_date
from aiocc.protocol.operation import Effect
from aiocc.protocol.quota import THROTTLED_COST, TRANSIENT_COST

DAY: Final = 86400.0

_WINDOW = re.compile(r"limit:\s*\d+\s*,\s*time:\s*(\d{1,6})\s*(second|minute|hour|day)")
_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": DAY}

_LASTING = frozenset(
    {
        Reason.CERTIFICATE_UNTRUSTED,
        Reason.CERTIFICATE_EXPIRED,
        Reason.CERTIFICATE_HOST_MISMATCH,
        Reason.CLIENT_CERTIFICATE_REFUSED,
        Reason.TLS_VERSION,
        Reason.QUEUE_TIMEOUT,
        Reason.QUEUE_FULL,
        Reason.CREDENTIAL_UNAVAILABLE,
        Reason.CREDENTIAL_REFUSED,
        Reason.UNAVAILABLE,
        Reason.CLIENT_CLOSED,
        Reason.DEADLINE,
        Reason.INTERNAL,
        # These answers would come again as they are.
        Reason.BODY_TOO_LARGE,
        Reason.TOO_MANY_CODINGS,
        Reason.TOO_DEEP,
        Reason.TOO_MANY_VALUES,
        Reason.BAD_NUMBER,
        Reason.DUPLICATE_KEY,
        Reason.REDIRECTED,
        Reason.PAYLOAD_UNREADABLE,
    }
)
"""Another try would meet the same."""

_ONCE = frozenset(
    {
        Reason.DNS_FAILURE,
        Reason.BROKEN_CODING,
        Reason.TRUNCATED_CODING,
        Reason.BAD_CHARSET,
        Reason.NOT_JSON,
        Reason.NOT_AN_OBJECT,
        Reason.EMPTY_BODY,
    }
)
"""Worth one more try, not more."""


@frozen(kw_only=True)
class RetryPolicy:
    """What is repeated by itself, and after how long.

    Attributes:
        max_attempts: All tries of one call; a repeat after a renewed credential is not counted.
        base: Seconds; the wait before repeat n is drawn evenly from 0 to base * 2**(n-1), at most `cap`.
        throttled_base: The base after an answer that asks to slow down.
        cap: The longest wait in seconds.
        on_unknown: "resend" repeats messages and notes whose fate is unknown: they may arrive twice.
        allow_duplicate_calls: Let "resend" apply to dialled calls as well: people may be called twice.
    """

    max_attempts: int = field(default=3, validator=positive_whole)
    base: float = field(default=0.05, validator=positive)
    throttled_base: float = field(default=1.0, validator=positive)
    cap: float = field(default=20.0, validator=positive)
    on_unknown: Literal["raise", "resend"] = field(default="raise")
    allow_duplicate_calls: bool = field(default=False)

    @on_unknown.validator
    def _known(self, _: object, value: object) -> None:
        if value not in ("raise", "resend"):
            raise ConfigurationError("RetryPolicy.on_unknown must be 'raise' or 'resend'")

    @allow_duplicate_calls.validator
    def _switch(self, _: object, value: object) -> None:
        if not isinstance(value, bool):
            raise ConfigurationError("RetryPolicy.allow_duplicate_calls must be True or False")

    def allowed_for(self, effect: Effect) -> bool:
        """Whether this policy may be used with an operation at all: resending calls takes a switch of its own."""
        return effect is not Effect.CALL or self.on_unknown == "raise" or self.allow_duplicate_calls

    def may_resend(self, effect: Effect) -> bool:
        """Whether a request of this effect is sent again when its fate is unknown."""
        if effect.harmless:
            return True
        if self.on_unknown != "resend":
            return False
        return self.allow_duplicate_calls or not effect.grave


@frozen
class Ended:
    """What an attempt that did not succeed has shown, as far as a repeat is concerned.

    Attributes:
        number: Of this attempt, repeats after a renewal not counted.
        delivery: What it proves.
        reason: Why it ended.
        code: The table's entry of its code.
        seen_before: Whether an earlier attempt ended for the same reason.
        retry_after: Seconds that the answer asked to wait, if it did.
    """

    number: int
    delivery: Delivery
    reason: Reason
    code: Code | None = None
    seen_before: bool = False
    retry_after: float | None = None

    @property
    def throttled(self) -> bool:
        """Whether the answer asked to slow down."""
        return self.reason is Reason.RATE_LIMITED or (self.code is not None and self.code.act is Act.WAIT_AND_REPEAT)

    @property
    def cost(self) -> int:
        """Tokens that a repeat takes."""
        return THROTTLED_COST if self.throttled else TRANSIENT_COST


def wait_before_repeat(policy: RetryPolicy, effect: Effect, ended: Ended, *, draw: float | None = None) -> float | None:
    """Decide on a repeat: seconds to wait before it, or None for no repeat.

    Args:
        policy: What is allowed.
        effect: Of the operation.
        ended: The attempt that has just ended.
        draw: From 0 to 1, in place of a random number.
    """
    if ended.number >= policy.max_attempts or not _repeatable(policy, effect, ended):
        return None
    base = policy.throttled_base if ended.throttled else policy.base
    longest = min(policy.cap, base * 2.0 ** min(ended.number - 1, 32))
    jitter = longest * (random.random() if draw is None else draw)  # noqa: S311 - jitter is no secret
    return jitter + (ended.retry_after or 0.0)


def retry_after_seconds(value: str | None, *, now: float) -> float | None:
    """Read a Retry-After header: seconds, or an HTTP date against `now` (epoch seconds); None for neither.

    A date in the past is 0, anything beyond a day is a day.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), DAY) if len(text) < 9 else DAY
    moment = http_date(text)
    return None if moment is None else min(max(0.0, moment.timestamp() - now), DAY)


def throttle_window(text: str | None) -> float | None:
    """Read out of the text of an APIG.0308 ("policy api over ratelimit,limit:5,time:1 minute") its window in seconds.

    https://support.huaweicloud.com/intl/th-th/oce_faq/en-us_topic_0000001887959462.html
    """
    match = _WINDOW.search(text or "")
    return None if match is None else min(float(match.group(1)) * _SECONDS[match.group(2)], DAY)


def _repeatable(policy: RetryPolicy, effect: Effect, ended: Ended) -> bool:
    if ended.reason in _LASTING or (ended.reason in _ONCE and ended.seen_before):
        return False
    if ended.delivery is Delivery.NOT_SENT:
        return True
    if ended.delivery is Delivery.UNKNOWN:
        return policy.may_resend(effect)
    return ended.throttled
