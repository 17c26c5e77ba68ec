"""What is known of whether a thing happened: the values that errors, outcomes and hooks share."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


class Delivery(StrEnum):
    """What is known of whether the service did what was asked."""

    NOT_SENT = "not_sent"
    """Not one byte of the request was handed to the socket."""

    REJECTED = "rejected"
    """The service answered that it refused this request."""

    ACCEPTED = "accepted"
    """The service took the request. Not "the phone rang"."""

    UNKNOWN = "unknown"
    """Bytes left, and no answer settles what became of them."""

    @property
    def happened(self) -> bool | None:
        """True, False, or None where it cannot be known."""
        if self is Delivery.ACCEPTED:
            return True
        return None if self is Delivery.UNKNOWN else False

    @property
    def safe_to_repeat(self) -> bool:
        """Whether sending the same request again cannot do the thing twice."""
        return self in (Delivery.NOT_SENT, Delivery.REJECTED)


def fold(deliveries: Iterable[Delivery]) -> Delivery:
    """Say what is known after several attempts at one thing.

    Any ACCEPTED, else any UNKNOWN, else any REJECTED, else NOT_SENT (also for no attempt at all).
    """
    seen = set(deliveries)
    for delivery in (Delivery.ACCEPTED, Delivery.UNKNOWN, Delivery.REJECTED):
        if delivery in seen:
            return delivery
    return Delivery.NOT_SENT


class Phase(StrEnum):
    """How far an attempt came."""

    CREDENTIAL = "credential"
    QUEUE = "queue"
    CONNECT = "connect"
    TLS = "tls"
    WRITE = "write"
    AWAIT_ANSWER = "await answer"
    READ_ANSWER = "read answer"
    DONE = "done"


class Reason(StrEnum):
    """Why an attempt did not simply succeed; a member for each kind of fault."""

    # Before the request leaves.
    CONNECTION_REFUSED = "connection refused"
    CONNECT_FAILED = "connection could not be opened"
    CONNECT_TIMEOUT = "connecting took too long"
    DNS_FAILURE = "host name could not be resolved"
    CERTIFICATE_UNTRUSTED = "certificate is not signed by a trusted authority"
    CERTIFICATE_EXPIRED = "certificate has expired or is not valid yet"
    CERTIFICATE_HOST_MISMATCH = "certificate names another host"
    CLIENT_CERTIFICATE_REFUSED = "client certificate refused"
    TLS_VERSION = "no common TLS version"
    TLS_FAILED = "TLS handshake failed"
    QUEUE_TIMEOUT = "waited too long for a free slot"
    QUEUE_FULL = "too many calls are waiting already"
    CREDENTIAL_UNAVAILABLE = "no credential could be had"
    CREDENTIAL_REFUSED = "no credential was given for this key"
    UNAVAILABLE = "host keeps refusing connections"
    CLIENT_CLOSED = "client was closed"
    DEADLINE = "deadline reached"
    CANCELLED = "cancelled by the caller"
    INTERNAL = "the transport failed in an unexpected way"

    # After bytes may have left.
    CONNECTION_RESET = "connection reset"
    CONNECTION_CLOSED = "connection closed before the answer was complete"
    STALE_CONNECTION = "kept-alive connection ended before any answer"
    READ_TIMEOUT = "no answer in time"
    WRITE_TIMEOUT = "request could not be written in time"
    NOT_HTTP = "answer is not valid HTTP"
    HEAD_TOO_LARGE = "answer's head is too large"
    TOO_MANY_INTERIM_ANSWERS = "too many interim answers"
    BAD_STATUS = "status code outside HTTP"

    # The answer's body.
    BODY_TOO_LARGE = "answer's body is over the limit"
    TOO_MANY_CODINGS = "more than one content coding, or an unknown one"
    BROKEN_CODING = "content coding is broken"
    TRUNCATED_CODING = "compressed body ends too early"
    TOO_DEEP = "JSON is nested too deeply"
    TOO_MANY_VALUES = "JSON holds too many values"
    BAD_CHARSET = "text is not valid in its charset"
    NOT_JSON = "answer is not JSON"
    BAD_NUMBER = "JSON holds a number that is not finite or far too long"
    DUPLICATE_KEY = "JSON object holds one key twice"
    NOT_AN_OBJECT = "JSON is not an object"
    EMPTY_BODY = "answer has no body"
    CODE_MISSING = "result code is missing"
    BAD_CODE = "result code is neither text nor a whole number"
    PAYLOAD_UNREADABLE = "payload could not be read"

    # What the service, or a front end, said.
    SERVICE_CODE = "service answered with a failure code"
    OPEN_CODE = "service answered with a code that leaves open what happened"
    UNKNOWN_CODE = "service answered with a code that is not documented"
    UNAUTHORIZED = "credential refused"
    AGENT_SIGNED_OUT = "agent is not signed in, or its GUID is no longer valid"
    RATE_LIMITED = "called too often"
    REDIRECTED = "redirect, which is never followed"
    CLIENT_STATUS = "refused by HTTP status"
    FORBIDDEN = "forbidden, perhaps by a firewall in front"
    FRONT_END = "a front end answered in place of the service"
    SERVER_STATUS = "service failed"
    SUCCESS_CODE_ON_FAILURE_STATUS = "success code under a failure status"
    STATUS = "unexpected status"


@frozen(kw_only=True)
class Exchange:
    """What was sent and what came back, made for being shown: secrets and numbers are taken out before it is made.

    Attributes:
        request: Method, path and the names in its query.
        request_headers: In order; values that are, or may be, a credential are hidden.
        request_size: Bytes of the body.
        status: Of the answer; None where none came, or none that was whole.
        answer_headers: In order, hidden likewise.
        answer_size: Bytes of its body, without its content coding.
        excerpt: The beginning of that body, on one line, without what was sent as a secret and without long numbers;
            of an answer that does not speak of a failure only its shape.
    """

    request: str
    request_headers: tuple[tuple[str, str], ...]
    request_size: int
    status: int | None = None
    answer_headers: tuple[tuple[str, str], ...] = ()
    answer_size: int | None = None
    excerpt: str = ""

    def __str__(self) -> str:
        lines = [f"> {self.request}", *(f"> {name}: {value}" for name, value in self.request_headers)]
        lines.append(f"> ({self.request_size} bytes)")
        if self.status is None:
            return "\n".join([*lines, "< (no whole answer)"])
        lines += [f"< {self.status}", *(f"< {name}: {value}" for name, value in self.answer_headers)]
        return "\n".join([*lines, f"< ({self.answer_size} bytes) {self.excerpt}"])


@frozen(kw_only=True, slots=False)  # as Outcome, which says why
class Attempt:
    """One try at a request.

    Attributes:
        number: 1 for the first.
        delivery: What this try alone proves.
        reason: Why it did not simply succeed; None when it did.
        phase: How far it came.
        connection: "fresh", "reused", or None when it never had one or none can be told.
        started: When, in UTC.
        elapsed: Seconds.
        code: The code in the answer's envelope, as sent; None without one.
        status: The HTTP status, None without an answer.
        exchange: What was sent and what came; None where nothing was sent, and for an accepted one, unless
            `client.with_options(exchanges=True)` asked for it.
    """

    number: int
    delivery: Delivery
    reason: Reason | None
    phase: Phase
    connection: Literal["fresh", "reused"] | None
    started: datetime
    elapsed: float
    code: str | None = None
    status: int | None = None
    exchange: Exchange | None = field(default=None, repr=False)
