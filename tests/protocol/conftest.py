"""Answers and operations as values."""

from collections.abc import Iterable
from typing import Any

import pytest

from aiocc.protocol.codes import Code, code_table
from aiocc.protocol.envelope import WEBADAPTER, EnvelopeRule
from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import Answer, AnswerHead
from aiocc.protocol.operation import Effect, Operation
from aiocc.protocol.reading import Reading, open_answer

JSON = "application/json;charset=UTF-8"


def opened(
    body: bytes,
    *,
    status: int = 200,
    content_type: str | None = JSON,
    effect: Effect = Effect.READ,
    envelope: EnvelopeRule = WEBADAPTER,
    codes: Iterable[Code] = (),
    max_depth: int = 64,
) -> Reading:
    """Open an answer as an operation of this effect and rule would."""
    operation: Operation[Any] = Operation(
        name="example",
        log_name="example",
        service="webadapter",
        method="POST",
        path="/example",
        envelope=envelope,
        structure=dict,
        effect=effect,
        codes=code_table(codes),
    )
    headers = [] if content_type is None else [("content-type", content_type)]
    return open_answer(operation, Answer(AnswerHead(status, headers), body), AnswerLimits(depth=max_depth))


def short(value: object) -> str | None:
    """Name a body in a test's id by its length."""
    return f"{len(value)} bytes" if isinstance(value, bytes) else None


@pytest.fixture(params=Effect, ids=str)
def effect(request: pytest.FixtureRequest) -> Effect:
    """Every effect that an operation may have."""
    return request.param
