"""Asyncio client SDK for the HTTP services of Huawei's AICC / CEC contact centre.

Make a `Client`, await its operations. Each one gives what the service gave, or raises an error whose class
says what is known of delivery: `NotSentError`, `RejectedError`, `DeliveryUnknownError`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiocc.client import Client
    from aiocc.delivery import Attempt, Delivery, Phase, Reason
    from aiocc.endpoints.agent_events import AgentEvent, NoteReceived, UnknownEvent
    from aiocc.endpoints.click_to_dial import ClickToDial, DialReceipt, MediaAbility
    from aiocc.endpoints.create_call import Call, CreateCall
    from aiocc.endpoints.dial_events import DialEvent
    from aiocc.endpoints.leave_message import LeaveMessage, MessageReceipt
    from aiocc.endpoints.obs_result_codes import ObsResultCode, ObsResultCodePage, QueryObsResultCodes
    from aiocc.endpoints.send_note import NoteReceipt, SendNote
    from aiocc.errors import (
        AcceptedButUnreadableError,
        AgentSignedOutError,
        AioccError,
        AuthenticationError,
        BadAnswerError,
        CallError,
        ClientClosedError,
        ConfigurationError,
        ConnectFailedError,
        ConnectionLostError,
        CredentialError,
        DeadlineNotSentError,
        DeadlineUnknownError,
        DeliveryUnknownError,
        DnsError,
        FrontEndError,
        InvalidRequestError,
        JournalDamagedError,
        JournalError,
        JournalInUseError,
        JournalMismatchError,
        NotSentError,
        QueueTimeoutError,
        RateLimitedError,
        RejectedError,
        TLSError,
        UnavailableError,
    )
    from aiocc.options import Service
    from aiocc.outcome import Outcome
    from aiocc.protocol.limits import AnswerLimits, PoolLimits, Timeouts
    from aiocc.protocol.pace import Rate
    from aiocc.protocol.retry import RetryPolicy
    from aiocc.scopes.callers import Agent, Visitor
    from aiocc.scopes.dial import DialledCall
    from aiocc.scopes.notes import Note, NoteOutcome, NoteRun, Report
    from aiocc.scopes.notes.journal import Journal
    from aiocc.scopes.notes.journal_status import JournalStatus, read_journal
    from aiocc.scopes.session import AgentSession
    from aiocc.secret import Secret
    from aiocc.transport.tls import TLS
    from aiocc.version import __version__

__all__ = [
    "TLS",
    "AcceptedButUnreadableError",
    "Agent",
    "AgentEvent",
    "AgentSession",
    "AgentSignedOutError",
    "AioccError",
    "AnswerLimits",
    "Attempt",
    "AuthenticationError",
    "BadAnswerError",
    "Call",
    "CallError",
    "ClickToDial",
    "Client",
    "ClientClosedError",
    "ConfigurationError",
    "ConnectFailedError",
    "ConnectionLostError",
    "CreateCall",
    "CredentialError",
    "DeadlineNotSentError",
    "DeadlineUnknownError",
    "Delivery",
    "DeliveryUnknownError",
    "DialEvent",
    "DialReceipt",
    "DialledCall",
    "DnsError",
    "FrontEndError",
    "InvalidRequestError",
    "Journal",
    "JournalDamagedError",
    "JournalError",
    "JournalInUseError",
    "JournalMismatchError",
    "JournalStatus",
    "LeaveMessage",
    "MediaAbility",
    "MessageReceipt",
    "NotSentError",
    "Note",
    "NoteOutcome",
    "NoteReceipt",
    "NoteReceived",
    "NoteRun",
    "ObsResultCode",
    "ObsResultCodePage",
    "Outcome",
    "Phase",
    "PoolLimits",
    "QueryObsResultCodes",
    "QueueTimeoutError",
    "Rate",
    "RateLimitedError",
    "Reason",
    "RejectedError",
    "Report",
    "RetryPolicy",
    "Secret",
    "SendNote",
    "Service",
    "TLSError",
    "Timeouts",
    "UnavailableError",
    "UnknownEvent",
    "Visitor",
    "__version__",
    "read_journal",
]

_HOMES: Final = {
    "aiocc.client": ("Client",),
    "aiocc.delivery": (
        "Attempt",
        "Delivery",
        "Phase",
        "Reason",
    ),
    "aiocc.endpoints.agent_events": (
        "AgentEvent",
        "NoteReceived",
        "UnknownEvent",
    ),
    "aiocc.endpoints.click_to_dial": (
        "ClickToDial",
        "DialReceipt",
        "MediaAbility",
    ),
    "aiocc.endpoints.create_call": (
        "Call",
        "CreateCall",
    ),
    "aiocc.endpoints.dial_events": ("DialEvent",),
    "aiocc.endpoints.leave_message": (
        "LeaveMessage",
        "MessageReceipt",
    ),
    "aiocc.endpoints.obs_result_codes": (
        "ObsResultCode",
        "ObsResultCodePage",
        "QueryObsResultCodes",
    ),
    "aiocc.endpoints.send_note": (
        "NoteReceipt",
        "SendNote",
    ),
    "aiocc.errors": (
        "AcceptedButUnreadableError",
        "AgentSignedOutError",
        "AioccError",
        "AuthenticationError",
        "BadAnswerError",
        "CallError",
        "ClientClosedError",
        "ConfigurationError",
        "ConnectFailedError",
        "ConnectionLostError",
        "CredentialError",
        "DeadlineNotSentError",
        "DeadlineUnknownError",
        "DeliveryUnknownError",
        "DnsError",
        "FrontEndError",
        "InvalidRequestError",
        "JournalDamagedError",
        "JournalError",
        "JournalInUseError",
        "JournalMismatchError",
        "NotSentError",
        "QueueTimeoutError",
        "RateLimitedError",
        "RejectedError",
        "TLSError",
        "UnavailableError",
    ),
    "aiocc.options": ("Service",),
    "aiocc.outcome": ("Outcome",),
    "aiocc.protocol.limits": (
        "AnswerLimits",
        "PoolLimits",
        "Timeouts",
    ),
    "aiocc.protocol.pace": ("Rate",),
    "aiocc.protocol.retry": ("RetryPolicy",),
    "aiocc.scopes.callers": (
        "Agent",
        "Visitor",
    ),
    "aiocc.scopes.dial": ("DialledCall",),
    "aiocc.scopes.session": ("AgentSession",),
    "aiocc.scopes.notes": (
        "Note",
        "NoteOutcome",
        "NoteRun",
        "Report",
    ),
    "aiocc.scopes.notes.journal": ("Journal",),
    "aiocc.scopes.notes.journal_status": (
        "JournalStatus",
        "read_journal",
    ),
    "aiocc.secret": ("Secret",),
    "aiocc.transport.tls": ("TLS",),
    "aiocc.version": ("__version__",),
}
"""Which module has which names. Each is imported when it is first asked for, so that `import aiocc` costs next to
nothing, and `from aiocc import Note` no more than a `Note` needs; type checkers read the imports above."""

_HOME: Final = {name: module for module, names in _HOMES.items() for name in names}
_PACKAGES: Final = frozenset({"auth", "errors", "hooks", "transport"})
"""Modules of public names, which are there as `aiocc.auth` after `import aiocc` alone."""


if not TYPE_CHECKING:  # a type checker that saw this would take every name for one of ours

    def __getattr__(name: str) -> object:
        if name in _PACKAGES:
            return importlib.import_module(f"{__name__}.{name}")
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(importlib.import_module(_HOME[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PACKAGES})
