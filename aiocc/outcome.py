"""What became of one call, as a value."""

from __future__ import annotations

from typing import Generic, TypeVar, cast

from attrs import field, frozen

from aiocc.delivery import Attempt, Delivery, Exchange
from aiocc.errors import CallError

T = TypeVar("T")


# Without slots a frozen class is filled in two thirds of the time, and each call makes one of these and an Attempt.
@frozen(kw_only=True, slots=False)
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

    @property
    def exchange(self) -> Exchange | None:
        """What was sent and what came back, with secrets and numbers taken out: of the attempt that decides.

        None where nothing was sent, and after a plain success, unless `client.with_options(exchanges=True)` asked
        for it.
        """
        if self.error is not None:
            return self.error.exchange
        return self.attempts[-1].exchange if self.attempts else None

    def unwrap(self) -> T:
        """Give the result, or raise the error.

        Raises:
            CallError: One of its children, by what is known.
        """
        if self.error is not None:
            raise self.error
        return cast("T", self.result)
