"""What calls write to the standard library's logger `aiocc`, one record for each, with fields for programs.

| level | when |
|---|---|
| DEBUG | a call was accepted; one is about to be repeated |
| INFO | one was not sent or was refused, or its caller gave up before anything left |
| WARNING | what became of one is unknown, or it was done and its answer could not be read |

Every record has these attributes (`extra`), whose names and kinds stay: `aiocc_operation`, `aiocc_service`,
`aiocc_call_id`, `aiocc_delivery` and `aiocc_reason` (text, the latter None after a success), `aiocc_attempts` (a whole
number) and `aiocc_elapsed` (seconds). None holds a credential, a body or a phone number.
"""

from __future__ import annotations

import logging
from typing import Any

from aiocc.call.record import Record, Tried
from aiocc.delivery import Delivery, Reason
from aiocc.outcome import Outcome

log: logging.Logger = logging.getLogger("aiocc")

_LEVELS = {
    Delivery.NOT_SENT: logging.INFO,
    Delivery.REJECTED: logging.INFO,
    Delivery.ACCEPTED: logging.WARNING,
    Delivery.UNKNOWN: logging.WARNING,
}


def log_finished(record: Record[Any], outcome: Outcome[Any]) -> None:
    """Say what became of a call."""
    error = outcome.error
    level = logging.DEBUG if error is None else _LEVELS[outcome.delivery]
    if log.isEnabledFor(level):
        _log(level, record, outcome.delivery, error.reason if error is not None else None, elapsed=outcome.elapsed)


def log_broken_off(record: Record[Any], reason: Reason, elapsed: float) -> None:
    """Say what is known of a call whose caller gave up, or whose credential's strategy raised."""
    delivery = record.delivery()
    if log.isEnabledFor(_LEVELS[delivery]):
        _log(_LEVELS[delivery], record, delivery, reason, elapsed=elapsed)


def log_repeat(record: Record[Any], tried: Tried, wait: float, elapsed: float) -> None:
    """Say that a call will be tried again."""
    if log.isEnabledFor(logging.DEBUG):
        _log(logging.DEBUG, record, tried.delivery, tried.reason, elapsed=elapsed, more=f"; again in {wait:.3f} s")


def log_strategy(strategy: object, error: Exception) -> None:
    """Say that a strategy could not judge an answer; its class has to do, for a trace may hold a credential."""
    log.error(
        "the strategy %s raised %s at an answer, which counts all the same",
        type(strategy).__name__,
        type(error).__name__,
    )


def _log(
    level: int, record: Record[Any], delivery: Delivery, reason: Reason | None, *, elapsed: float, more: str = ""
) -> None:
    operation, attempts = record.operation, len(record.tried)
    why = f": {reason.value}" if reason is not None else ""
    log.log(
        level,
        "%s %s %s in %.3f s, attempts: %d%s%s",
        operation.name, record.call_id, delivery, elapsed, attempts, why, more,
        extra={
            "aiocc_operation": operation.name,
            "aiocc_service": operation.service,
            "aiocc_call_id": record.call_id,
            "aiocc_delivery": delivery.value,
            "aiocc_reason": reason.value if reason is not None else None,
            "aiocc_attempts": attempts,
            "aiocc_elapsed": elapsed,
        },
    )  # fmt: skip
