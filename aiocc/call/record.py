"""What one call has shown so far, and what is made of it: attempts, errors, the outcome."""

from __future__ import annotations

import itertools
import os
import secrets
from datetime import UTC, datetime
from typing import Generic, TypeVar

from attrs import define, field

from aiocc.auth.strategy import Credential, Verdict
from aiocc.call.redaction import redacted, tamed
from aiocc.delivery import Attempt, Delivery, Exchange, Reason, fold
from aiocc.errors import CallError, error_class
from aiocc.outcome import Outcome
from aiocc.protocol.codes import Code
from aiocc.protocol.messages import Answer, Wire, WireRequest
from aiocc.protocol.next_step import next_step
from aiocc.protocol.operation import Operation, Request
from aiocc.protocol.reading import DESCRIPTION_LIMIT, Reading

T = TypeVar("T")

CODE_LIMIT = 64


class _CallIds:
    """Short ids, unique over processes: a random beginning for each, and a count."""

    def __init__(self) -> None:
        self.start()
        os.register_at_fork(after_in_child=self.start)

    def start(self) -> None:
        self._prefix = secrets.token_hex(4)
        self._count = itertools.count(1)

    def next(self) -> str:
        return f"{self._prefix}-{next(self._count)}"


_call_ids = _CallIds()


class Tried:
    """One attempt while it goes on. What it begins with is the class's, so that beginning one costs little.

    Args:
        number: 1 for the first.
        clock: When it began.
        rejected: The credential that it must not use.

    Attributes:
        delivery: What it proves; set when it ends.
        reason: None for a plain success.
        reading: What the answer says.
        remedy: What to do about it, where that is known better than its reason says.
        learnt: What the answer's head brought in place of the credential that was sent.
        sent: The request as it left; hides its credential.
        answer: What came back; hides its body.
    """

    delivery: Delivery = Delivery.NOT_SENT
    reason: Reason | None = None
    detail: str = ""
    remedy: str = ""
    reading: Reading | None = None
    status: int | None = None
    verdict: Verdict = "ok"
    credential: Credential | None = None
    learnt: Credential | None = None
    sent: WireRequest | None = None
    answer: Answer | None = None
    cause: Exception | None = None
    retry_after: float | None = None
    elapsed: float = 0.0
    credential_wait: float = 0.0
    queue_wait: float = 0.0

    def __init__(self, number: int, clock: float, rejected: Credential | None = None) -> None:
        self.number: int = number
        self.clock: float = clock
        self.rejected: Credential | None = rejected
        self.started: datetime = datetime.now(UTC)
        self.wire: Wire = Wire()

    def attempt(self, *, exchange: bool = False) -> Attempt:
        """Make the value that users see.

        Args:
            exchange: With what was sent and what came.
        """
        reused = self.wire.reused
        return Attempt(
            number=self.number,
            delivery=self.delivery,
            reason=self.reason,
            phase=self.wire.phase,
            connection=None if reused is None else ("reused" if reused else "fresh"),
            started=self.started,
            elapsed=self.elapsed,
            code=_code(self),
            status=self.status,
            exchange=self._exchange() if exchange else None,
        )

    def tamed(self, text: str, limit: int = DESCRIPTION_LIMIT) -> str:
        """Take out of foreign text what this attempt sent as a secret or a number, and make it fit for one line."""
        return tamed(text, self.sent, self._learnt(), limit)

    def _exchange(self) -> Exchange | None:
        if self.sent is None or not self.wire.left:
            return None
        return redacted(self.sent, self.answer, self.reading, self._learnt())

    def _learnt(self) -> list[str]:
        return [self.learnt.secret.reveal()] if self.learnt is not None else []


@define(eq=False)
class Record(Generic[T]):
    """What one call has shown."""

    request: Request[T]
    operation: Operation[T]
    clock: float
    call_id: str = field(factory=_call_ids.next)
    tried: list[Tried] = field(factory=list)

    def delivery(self) -> Delivery:
        """What is known over all attempts."""
        return fold(one.delivery for one in self.tried)

    def seen(self, reason: Reason) -> bool:
        """Whether an attempt before the last ended for this reason."""
        return any(one.reason is reason for one in self.tried[:-1])

    def succeeded(self, result: T, elapsed: float, *, exchanges: bool = False) -> Outcome[T]:
        """Make the outcome of a call that was accepted and could be read.

        Args:
            result: What was read.
            elapsed: Seconds.
            exchanges: Keep what was sent and what came also of the attempt that was accepted.
        """
        return Outcome(
            delivery=Delivery.ACCEPTED,
            result=result,
            call_id=self.call_id,
            attempts=tuple([one.attempt(exchange=exchanges or one.reason is not None) for one in self.tried]),
            elapsed=elapsed,
            maybe_repeated=len(self.tried) > 1 and self._maybe_repeated(),
        )

    def failed(self, elapsed: float) -> Outcome[T]:
        """Make the outcome of a call that did not simply succeed."""
        error = self._error(elapsed)
        return Outcome(
            delivery=error.delivery,
            error=error,
            call_id=self.call_id,
            attempts=error.attempts,
            elapsed=elapsed,
            maybe_repeated=error.delivery is Delivery.ACCEPTED and self._maybe_repeated(),
        )

    def cancellation_note(self) -> str:
        """Say in one line what is known when the caller's cancellation passes through."""
        delivery = self.delivery()
        left = [one.wire.left_at for one in self.tried if one.wire.left_at is not None]
        what = f"request left at {left[-1]:%H:%M:%S.%f}Z" if left else "no request left"
        step = self._next_step(delivery, Reason.CANCELLED, None)
        return f"aiocc: {self.operation.name} (call {self.call_id}) cancelled: {delivery}, {what}. {step}"

    def _maybe_repeated(self) -> bool:
        return any(one.delivery is Delivery.UNKNOWN for one in self.tried[:-1])

    def _error(self, elapsed: float) -> CallError:
        delivery = self.delivery()
        decisive = [one for one in self.tried if one.delivery is delivery][-1]
        reason = decisive.reason or Reason.INTERNAL
        step = self._next_step(delivery, reason, decisive)
        attempts = tuple(one.attempt(exchange=True) for one in self.tried)
        error = error_class(delivery, reason)(
            self._message(decisive, step, elapsed),
            operation=self.operation.name,
            log_name=self.operation.log_name,
            service=self.operation.service,
            call_id=self.call_id,
            reason=reason,
            attempts=attempts,
            elapsed=elapsed,
            code=_code(decisive),
            description=_description(decisive),
            meaning=_meaning(decisive),
            next_step=step,
            call_data=self.request.lookup(),
            exchange=attempts[decisive.number - 1].exchange,
        )
        error.retry_after = decisive.retry_after
        error.__cause__ = decisive.cause
        return error

    def _message(self, decisive: Tried, step: str, elapsed: float) -> str:
        operation = self.operation
        name = operation.name if operation.log_name == operation.name else f"{operation.name} ({operation.log_name})"
        code = _code(decisive)
        description = _description(decisive)
        facts = [
            decisive.reason.value if decisive.reason is not None else "",
            f"HTTP {decisive.status}" if decisive.status not in (None, 200) else "",
            f"code {code}" if code is not None else "",
            (_meaning(decisive) or "").rstrip("."),
            repr(description) if description else "",
        ]
        last = self.tried[-1]
        if last is not decisive and last.detail and last.reason is not None:
            facts.append(f"then {last.reason.value}: {last.tamed(last.detail)}")
        tries = f"{len(self.tried)} attempts, " if len(self.tried) > 1 else ""
        said = ", ".join(fact for fact in facts if fact)
        return f"{name}: {decisive.delivery}: {said}. {step} [call {self.call_id}, {tries}{elapsed:.2f} s]"

    def _next_step(self, delivery: Delivery, reason: Reason, decisive: Tried | None) -> str:
        known = _known(decisive) if decisive is not None else None
        status = decisive.status if decisive is not None else None
        return next_step(
            delivery=delivery,
            reason=reason,
            effect=self.operation.effect,
            trace=self.request.trace(),
            advice=self.operation.status_advice.get(status, "") if status is not None else "",
            remedy=(known.remedy if known is not None else "") or (decisive.remedy if decisive is not None else ""),
            retry_after=decisive.retry_after if decisive is not None else None,
        )


def _known(tried: Tried) -> Code | None:
    return tried.reading.known if tried.reading is not None else None


def _meaning(tried: Tried) -> str | None:
    known = _known(tried)
    return known.meaning if known is not None else None


def _description(tried: Tried) -> str | None:
    """Give the vendor's text, or what is known of the fault, without any secret that was sent."""
    text = tried.reading.description if tried.reading is not None and tried.reading.description else tried.detail
    return tried.tamed(text) if text else None


def _code(tried: Tried) -> str | None:
    """Give the code of the answer; one that is in no table may be any text."""
    reading = tried.reading
    if reading is None or reading.code is None:
        return None
    plain = reading.reason is None or reading.known is not None
    return reading.code if plain else tried.tamed(reading.code, CODE_LIMIT)
