"""Asyncio client SDK for the HTTP services of Huawei's AICC / CEC contact centre.

Make a `Client`, await its operations. Each one gives what the service gave, or raises an error whose class
says what is known of delivery: `NotSentError`, `RejectedError`, `DeliveryUnknownError`.
"""

from aiocc.client import Client
from aiocc.delivery import Attempt, Delivery, Phase, Reason
from aiocc.endpoints.click_to_dial import ClickToDial, DialReceipt, MediaAbility
from aiocc.endpoints.create_call import Call, CreateCall
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
from aiocc.scopes.notes import Note, NoteRun, Report
from aiocc.secret import Secret
from aiocc.transport.tls import TLS
from aiocc.version import __version__

__all__ = [
    "TLS",
    "AcceptedButUnreadableError",
    "Agent",
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
    "DialReceipt",
    "DnsError",
    "FrontEndError",
    "InvalidRequestError",
    "LeaveMessage",
    "MediaAbility",
    "MessageReceipt",
    "NotSentError",
    "Note",
    "NoteReceipt",
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
    "Visitor",
    "__version__",
]
