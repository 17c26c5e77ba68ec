"""How much may be repeated while a service fails: a bucket of tokens, as the AWS SDKs have it.

A repeat takes tokens out, a call that comes to an end brings them back. An outage so brings a burst of a few tens
of repeats and then none: each call is tried once, until the service answers again.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from __future__ import annotations

from typing import Final

QUOTA: Final = 500
"""Tokens of a service, and of each credential."""

TRANSIENT_COST: Final = 14
"""Tokens for a repeat after a fault of the connection or the service; out of the service's bucket."""

THROTTLED_COST: Final = 5
"""Tokens for a repeat after an answer that asks to slow down; out of the credential's bucket."""


class RetryQuota:
    """Tokens for repeats.

    Attributes:
        left: How many there are, at most and in the beginning `QUOTA`.
    """

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left: int = QUOTA

    def take(self, cost: int) -> bool:
        """Pay for a repeat; False, and nothing taken, where there is not enough."""
        if cost > self.left:
            return False
        self.left -= cost
        return True

    def give_back(self, tokens: int) -> None:
        """Return what a repeat has cost that led to an answer, or one token for a call that needed none."""
        self.left = min(QUOTA, self.left + tokens)
