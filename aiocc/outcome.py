"""What became of one call, as a value."""

from __future__ import annotations

from typing import Generic, TypeVar, cast

from attrs import field, frozen

from aiocc.delivery import Attempt, Delivery
from aiocc.errors import CallError

T = TypeVar("T")


@frozen(kw_only=True)
class Outcome(Generic[T]):
    """What became of one call: `client.send(request)` gives it where the methods would raise.

    Attributes:
        delivery: What is known of whether it happened, over all attempts.
        result: What the service gave, None unless it was accepted and could be read.
        error: What the method would have raised, None after a plain success.
        call_id: Identifies this call in logs and hooks.
        attempts: Every try, in order.
        elapsed: Seconds over all attempts.
        maybe_repeated: An attempt was accepted after another whose fate is unknown: it may have been done twice.
    """

    delivery: Delivery
    result: T | None = None
    error: CallError | None = None
    call_id: str
    attempts: tuple[Attempt, ...] = field(default=(), repr=False)
    elapsed: float = 0.0
    maybe_repeated: bool = False

    def unwrap(self) -> T:
        """Give the result, or raise the error.

        Raises:
            CallError: One of its children, by what is known.
        """
        if self.error is not None:
            raise self.error
        return cast("T", self.result)
