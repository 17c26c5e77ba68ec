"""The errors, as classes by what to do.

A `CallError`'s class fixes its delivery: `NotSentError` and its children are NOT_SENT, and so on, so that
catching a class is deciding what is safe. Each one pickles and copies; `args` is the message alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from aiocc.delivery import Attempt, Delivery, Exchange, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

_E = TypeVar("_E", bound="CallError")


class AioccError(Exception):
    """The root of all errors of this package."""


class ConfigurationError(AioccError):
    """The client was set up in a way that cannot work; nothing was sent."""


class InvalidRequestError(AioccError, ValueError):
    """An argument is outside its documented limit; nothing was sent."""


class ClientClosedError(AioccError):
    """The client was closed before this call; nothing was sent."""


class JournalError(AioccError):
    """The account of a fan-out cannot be kept; nothing leaves without one.

    Where this comes in the middle, as of a disk that fills up, the run's report says what had been sent by then.
    """


class JournalMismatchError(JournalError):
    """A different job was given under this name; nothing that is not the job's own was sent."""


class JournalInUseError(JournalError):
    """Another runner has this job at this moment; nothing is sent here, or nothing more where it was taken over."""


class JournalDamagedError(JournalError):
    """What was kept is torn, was changed, or is no journal: it cannot say what was sent, so nothing is."""


class CredentialError(AioccError):
    """A credential could not be obtained.

    In a `Client` it is the cause of the `NotSentError` that the call ends with; in a plain httpx client it comes
    by itself.

    Attributes:
        reason: What kept the credential from being had.
        remedy: What to do about it, where the reason alone does not say.
        retry_after: Seconds until another try makes sense; None where nothing is known.
    """

    reason: Reason = Reason.CREDENTIAL_UNAVAILABLE
    remedy: str = ""
    retry_after: float | None = None

    def because(self, reason: Reason, remedy: str = "", retry_after: float | None = None) -> Self:
        """Say what kept the credential from being had, and what to do about it."""
        self.reason, self.remedy, self.retry_after = reason, remedy, retry_after
        return self


class CallError(AioccError):
    """A call that did not simply succeed. Never raised itself: always one of its children.

    Attributes:
        operation: Our name of the operation, `create_call`.
        log_name: The name the vendor's logs use, `sendNoteletEx`.
        service: `webadapter`, `gateway`, `isales` or `fabric`.
        call_id: Identifies this call in logs, hooks and notes.
        delivery: What is known of whether it happened; fixed by the class.
        reason: The kind of fault.
        attempts: Every try, in order.
        elapsed: Seconds over all attempts.
        code: The failing code of the envelope, as sent; None without one.
        description: The vendor's text that belongs to the code.
        meaning: What the code means, from its table; None for an unknown one.
        next_step: One line: what to do now.
        retry_after: Seconds that the service asked to wait, or until a token is asked for again; None for neither.
        call_data: Of a created call, whole, so that the call can be looked up; None for other operations.
        exchange: What was sent and what came back in the attempt that decides, with secrets and numbers taken out;
            None where nothing was sent.
    """

    delivery: ClassVar[Delivery]
    retry_after: float | None = None

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        service: str,
        call_id: str,
        reason: Reason,
        log_name: str = "",
        attempts: tuple[Attempt, ...] = (),
        elapsed: float = 0.0,
        code: str | None = None,
        description: str | None = None,
        meaning: str | None = None,
        next_step: str = "",
        call_data: str | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.log_name: str = log_name or operation
        self.service = service
        self.call_id = call_id
        self.reason = reason
        self.attempts = attempts
        self.elapsed = elapsed
        self.code = code
        self.description = description
        self.meaning = meaning
        self.next_step = next_step
        self.call_data = call_data
        self.exchange = exchange

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args), self.__dict__


def _rebuild(cls: type[_E], args: tuple[object, ...]) -> _E:
    error = cls.__new__(cls, *args)
    error.args = args  # TimeoutError, an OSError, would leave them to an __init__
    return error


class NotSentError(CallError):
    """Not one byte of the request left: repeating it is safe."""

    delivery = Delivery.NOT_SENT


class ConnectFailedError(NotSentError):
    """No connection could be opened."""


class DnsError(ConnectFailedError):
    """The host's name could not be resolved."""


class TLSError(ConnectFailedError):
    """The host could not prove who it is, or no common TLS version was found."""


class QueueTimeoutError(NotSentError):
    """No slot came free in time: the service is busy with this client's own calls."""


class UnavailableError(NotSentError):
    """Not tried: the host keeps refusing, or no credential could be had for it."""


class DeadlineNotSentError(NotSentError, TimeoutError):
    """The deadline passed before the request left."""


class RejectedError(CallError):
    """The service answered that it refused this request."""

    delivery = Delivery.REJECTED


class AuthenticationError(RejectedError):
    """The credential was refused, also after it was renewed once where that can be done."""


class RateLimitedError(RejectedError):
    """Called too often; `retry_after` says when to come back, where the service said so."""


class AgentSignedOutError(RejectedError):
    """The agent is not signed in, or its GUID is no longer the valid one."""


class DeliveryUnknownError(CallError):
    """Bytes left, and no answer settles whether it happened. Do not simply repeat an effect."""

    delivery = Delivery.UNKNOWN


class ConnectionLostError(DeliveryUnknownError):
    """The connection ended after the request, or a part of it, had left."""


class BadAnswerError(DeliveryUnknownError):
    """An answer came, and it cannot be read as one of this service."""


class FrontEndError(DeliveryUnknownError):
    """A proxy or load balancer answered in place of the service."""


class DeadlineUnknownError(DeliveryUnknownError, TimeoutError):
    """The time for an answer ran out after the request had left."""


class AcceptedButUnreadableError(CallError):
    """The code says yes, and the payload could not be read: it was done."""

    delivery = Delivery.ACCEPTED


def call_error_classes() -> Iterator[type[CallError]]:
    """Walk the tree of call errors, parents first."""
    waiting: list[type[CallError]] = [CallError]
    while waiting:
        cls = waiting.pop(0)
        yield cls
        waiting.extend(cls.__subclasses__())


_BY_REASON: dict[Delivery, dict[Reason, type[CallError]]] = {
    Delivery.NOT_SENT: {
        Reason.CONNECTION_REFUSED: ConnectFailedError,
        Reason.CONNECT_FAILED: ConnectFailedError,
        Reason.CONNECT_TIMEOUT: ConnectFailedError,
        Reason.DNS_FAILURE: DnsError,
        Reason.CERTIFICATE_UNTRUSTED: TLSError,
        Reason.CERTIFICATE_EXPIRED: TLSError,
        Reason.CERTIFICATE_HOST_MISMATCH: TLSError,
        Reason.TLS_VERSION: TLSError,
        Reason.TLS_FAILED: TLSError,
        Reason.QUEUE_TIMEOUT: QueueTimeoutError,
        Reason.QUEUE_FULL: QueueTimeoutError,
        Reason.CREDENTIAL_UNAVAILABLE: UnavailableError,
        Reason.CREDENTIAL_REFUSED: UnavailableError,
        Reason.UNAVAILABLE: UnavailableError,
        Reason.DEADLINE: DeadlineNotSentError,
    },
    Delivery.REJECTED: {
        Reason.UNAUTHORIZED: AuthenticationError,
        Reason.RATE_LIMITED: RateLimitedError,
        Reason.AGENT_SIGNED_OUT: AgentSignedOutError,
    },
    Delivery.UNKNOWN: {
        Reason.CONNECTION_RESET: ConnectionLostError,
        Reason.CONNECTION_CLOSED: ConnectionLostError,
        Reason.STALE_CONNECTION: ConnectionLostError,
        Reason.READ_TIMEOUT: DeadlineUnknownError,
        Reason.WRITE_TIMEOUT: DeadlineUnknownError,
        Reason.DEADLINE: DeadlineUnknownError,
        Reason.FRONT_END: FrontEndError,
        Reason.FORBIDDEN: FrontEndError,
        Reason.REDIRECTED: FrontEndError,
        Reason.NOT_HTTP: BadAnswerError,
        Reason.HEAD_TOO_LARGE: BadAnswerError,
        Reason.TOO_MANY_INTERIM_ANSWERS: BadAnswerError,
        Reason.BAD_STATUS: BadAnswerError,
        Reason.BODY_TOO_LARGE: BadAnswerError,
        Reason.TOO_MANY_CODINGS: BadAnswerError,
        Reason.BROKEN_CODING: BadAnswerError,
        Reason.TRUNCATED_CODING: BadAnswerError,
        Reason.TOO_DEEP: BadAnswerError,
        Reason.TOO_MANY_VALUES: BadAnswerError,
        Reason.BAD_CHARSET: BadAnswerError,
        Reason.NOT_JSON: BadAnswerError,
        Reason.BAD_NUMBER: BadAnswerError,
        Reason.DUPLICATE_KEY: BadAnswerError,
        Reason.NOT_AN_OBJECT: BadAnswerError,
        Reason.EMPTY_BODY: BadAnswerError,
        Reason.CODE_MISSING: BadAnswerError,
        Reason.BAD_CODE: BadAnswerError,
        Reason.PAYLOAD_UNREADABLE: BadAnswerError,
    },
    Delivery.ACCEPTED: {},
}

_PLAIN: dict[Delivery, type[CallError]] = {
    Delivery.NOT_SENT: NotSentError,
    Delivery.REJECTED: RejectedError,
    Delivery.UNKNOWN: DeliveryUnknownError,
    Delivery.ACCEPTED: AcceptedButUnreadableError,
}


def error_class(delivery: Delivery, reason: Reason) -> type[CallError]:
    """Choose the class that says what to do about this reason, never one of another delivery."""
    return _BY_REASON[delivery].get(reason, _PLAIN[delivery])
