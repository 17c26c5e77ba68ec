"""Opening an answer: what it says, by its operation's own rule, in one fixed order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from attrs import define

from aiocc.delivery import Delivery, Reason
from aiocc.protocol.codec import CodecError, decode_json
from aiocc.protocol.codes import Act, Code
from aiocc.protocol.envelope import CodeField, EnvelopeRule
from aiocc.protocol.evidence import by_status, decided_by_status
from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import Answer
from aiocc.protocol.operation import Effect, Operation

DESCRIPTION_LIMIT: Final = 200
LIMITS: Final = AnswerLimits()


@define(kw_only=True, eq=False)
class Reading:
    """What an answer says.

    Attributes:
        delivery: What it proves.
        reason: None for a plain success.
        code: The first failing code, or the success code.
        description: The vendor's text that belongs to it, whole and as it came: secrets are taken out of it before
            it is cut to length, for half a secret is one too.
        known: The code's entry in the table.
        data: The JSON object; None where there is none.
    """

    delivery: Delivery
    reason: Reason | None = None
    code: str | None = None
    description: str | None = None
    known: Code | None = None
    data: Mapping[str, Any] | None = None


def open_answer(operation: Operation[Any], answer: Answer, limits: AnswerLimits = LIMITS) -> Reading:
    """Read an answer.

    Authentication statuses and redirects by status; then the operation's own rule, at any status; a success
    code counts only with a 2xx; then the service's fault rule; else by status.
    """
    rule = operation.envelope
    data, problem = _read_object(answer, limits)
    if decided_by_status(answer.status):
        code, description = _any_code(rule, data)
        delivery, reason = by_status(answer.status, is_object=data is not None, effect=operation.effect)
        return Reading(
            delivery=delivery,
            reason=reason,
            code=code,
            description=description or _excerpt(answer),
            data=data,
        )
    if data is not None:
        reading = _by_rule(operation, data, answer.status) or _by_fault(operation, data, answer)
        if reading is not None:
            return reading
        problem = Reason.CODE_MISSING
    if 200 <= answer.status < 300:
        return Reading(
            delivery=Delivery.UNKNOWN,
            reason=problem,
            description=_excerpt(answer) if data is None else None,
            data=data,
        )
    delivery, reason = by_status(answer.status, is_object=data is not None, effect=operation.effect)
    return Reading(delivery=delivery, reason=reason, description=_excerpt(answer), data=data)


def _by_rule(operation: Operation[Any], data: Mapping[str, Any], status: int) -> Reading | None:
    """Apply the operation's own rule; None where none of its codes is there."""
    success: str | None = None
    texts: CodeField | None = None
    missing = False
    for field in operation.envelope.codes:
        raw = data.get(field.key)
        if raw is None:
            missing = missing or field.required
            continue
        code = code_text(raw)
        if code is None:
            return Reading(
                delivery=Delivery.UNKNOWN, reason=Reason.BAD_CODE, description=describe(data, field), data=data
            )
        if code != field.success:
            return _failure(operation, code, describe(data, field), data)
        success = success or code
        texts = texts or field
    if success is None or texts is None:
        return None
    if missing:
        return Reading(delivery=Delivery.UNKNOWN, reason=Reason.CODE_MISSING, data=data)
    if not 200 <= status < 300:
        reason = Reason.SUCCESS_CODE_ON_FAILURE_STATUS
        description = describe(data, texts)
        return Reading(delivery=Delivery.UNKNOWN, reason=reason, code=success, description=description, data=data)
    return Reading(delivery=Delivery.ACCEPTED, code=success, data=data)


def _failure(operation: Operation[Any], code: str, description: str | None, data: Mapping[str, Any]) -> Reading:
    known = operation.codes.get(code)
    delivery: Delivery
    if known is None:
        delivery = Delivery.REJECTED if operation.effect is Effect.READ else Delivery.UNKNOWN
        reason = Reason.UNKNOWN_CODE
    elif known.proves is Delivery.UNKNOWN:
        delivery, reason = Delivery.UNKNOWN, Reason.OPEN_CODE
    elif known.act is Act.RENEW:
        delivery, reason = Delivery.REJECTED, Reason.AGENT_SIGNED_OUT
    else:
        delivery, reason = Delivery.REJECTED, known.reason
    return Reading(delivery=delivery, reason=reason, code=code, description=description, known=known, data=data)


def _by_fault(operation: Operation[Any], data: Mapping[str, Any], answer: Answer) -> Reading | None:
    """Apply the service's fault rule: any value of its code is a failure, "0" included."""
    fault = operation.envelope.fault
    if fault is None or fault.key not in data:
        return None
    delivery, reason = by_status(answer.status, is_object=True, effect=operation.effect)
    return Reading(
        delivery=delivery,
        reason=reason,
        code=code_text(data[fault.key]),
        description=describe(data, fault),
        data=data,
    )


def code_text(value: object) -> str | None:
    """Bring a code to its one form, text without blanks around it; None for what is no code."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def describe(data: Mapping[str, Any], field: CodeField) -> str | None:
    """Give the text that belongs to a code: it may be missing, empty, null or even an object."""
    for key in field.texts:
        value = data.get(key)
        if value is not None:
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return None


def escape(text: str, limit: int = DESCRIPTION_LIMIT) -> str:
    """Make foreign text fit for one line of a log: capped, controls escaped."""
    short = text if len(text) <= limit else text[:limit] + "…"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in short)


def _any_code(rule: EnvelopeRule, data: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    """Find a code to show beside a status that decides by itself."""
    for field in (*rule.codes, *([rule.fault] if rule.fault else [])):
        if data is not None and field.key in data:
            return code_text(data[field.key]), describe(data, field)
    return None, None


def _read_object(answer: Answer, limits: AnswerLimits) -> tuple[Mapping[str, Any] | None, Reason]:
    try:
        content_type = answer.head.header("content-type")
        data = decode_json(answer.body, content_type, max_depth=limits.depth, max_values=limits.values)
    except CodecError as error:
        return None, error.reason
    return (data, Reason.CODE_MISSING) if isinstance(data, dict) else (None, Reason.NOT_AN_OBJECT)


def _excerpt(answer: Answer) -> str | None:
    """Show the beginning of a body that is not this service's JSON: an HTML page of a front end, mostly."""
    if not answer.body:
        return None
    return answer.body.decode("utf-8", "replace").strip() or None
