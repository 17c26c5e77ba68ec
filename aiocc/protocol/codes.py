"""Result codes: what they mean, what they prove, what to do about them, and who says so.

Codes are text and stay text: they have leading zeros, `0200001` is not `02000001`, and some fit in no 32 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, Literal

from attrs import evolve, frozen

from aiocc.delivery import Delivery, Reason

ASK: Final = "Ask the operator."
"""The remedy of what no caller can correct."""


class Act(StrEnum):
    """What a client does about a code by itself."""

    FAIL = "fail"
    WAIT_AND_REPEAT = "wait and repeat"
    RENEW = "renew the credential"


@frozen
class Code:
    """One documented failure code.

    Attributes:
        code: As sent.
        meaning: In English.
        proves: REJECTED where the meaning says that the request was refused, UNKNOWN where it leaves that open.
        act: What to do.
        source: "doc" (a page of the vendor's), "code" (its demos), "inferred" (documented for a twin).
        page: Where.
        remedy: What its caller can do about it, where the meaning alone does not say.
        reason: Of the error, where it proves a refusal.
    """

    code: str
    meaning: str
    proves: Delivery = Delivery.REJECTED
    act: Act = Act.FAIL
    source: Literal["doc", "code", "inferred"] = "doc"
    page: str = ""
    remedy: str = ""
    reason: Reason = Reason.SERVICE_CODE


CodeTable = Mapping[str, Code]


def code_table(codes: Iterable[Code], *, page: str = "") -> CodeTable:
    """Index codes by their text; `page` fills in where a code names none."""
    return {code.code: code if code.page else evolve(code, page=page) for code in codes}
