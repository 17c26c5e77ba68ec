"""Envelope rules, as data: which codes of an answer count, and what they say when all is well.

Keys are never sniffed: one answer can hold `returnCode`, `resultCode` and an inner `resultCode` of another
meaning, so an operation names what it looks at.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class CodeField:
    """One code of an envelope.

    Attributes:
        key: Where it stands.
        success: Its value when all is well.
        texts: The keys of the text that belongs to it, the first present one counts.
        required: Whether it must be there.
    """

    key: str
    success: str
    texts: tuple[str, ...]
    required: bool = True


@frozen
class EnvelopeRule:
    """How the answers of an operation are opened.

    Attributes:
        codes: In the order in which a failure is looked for.
        fault: The service's own envelope for what its front refuses; its mere presence is a failure.
    """

    codes: tuple[CodeField, ...]
    fault: CodeField | None = None


RESULT_CODE: Final = CodeField("resultCode", "0", ("resultDesc",))

WEBADAPTER: Final = EnvelopeRule((RESULT_CODE,))
"""`resultCode` "0", the text in `resultDesc`."""

RETURN_CODE: Final = EnvelopeRule((CodeField("returnCode", "0", ("description", "returnDesc")),))
"""`returnCode` "0", the text in `description` or `returnDesc`: some neighbours at the web adapter."""

RET_CODE: Final = EnvelopeRule((CodeField("retCode", "0", ("retMsg",)),))
"""`retCode` "0", the text in `retMsg`: other neighbours."""

GATEWAY: Final = EnvelopeRule((CodeField("retcode", "0", ("message", "msg")),))
"""`retcode` "0", the text in `message` or `msg`."""

ISALES: Final = EnvelopeRule(
    (
        CodeField("resultCode", "0200000", ("resultDesc",)),
        CodeField("returnCode", "0200000", ("returnDesc",)),
    )
)
"""`resultCode` and `returnCode` "0200000"."""

FABRIC: Final = EnvelopeRule((RESULT_CODE,), fault=CodeField("errorCode", "", ("exceptionInfo",)))
"""`resultCode` "0"; an `errorCode`, also "0", is a fault of API Fabric itself."""
