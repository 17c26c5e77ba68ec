"""One line for three in the morning: what to do now."""

from __future__ import annotations

import math

from aiocc.delivery import Delivery, Reason
from aiocc.protocol.operation import Effect

_NOT_SENT = {
    Reason.CONNECTION_REFUSED: "Check that the service runs at this address and port.",
    Reason.CONNECT_FAILED: "Check the address and the network between.",
    Reason.CONNECT_TIMEOUT: "Check the address, the network and its firewalls.",
    Reason.DNS_FAILURE: "Check the host name in the service's URL.",
    Reason.CERTIFICATE_UNTRUSTED: "Give the authority that signed it as TLS(ca_file=...) or AIOCC_CA_FILE.",
    Reason.CERTIFICATE_EXPIRED: "Have the service's certificate renewed, and check this machine's clock.",
    Reason.CERTIFICATE_HOST_MISMATCH: "Use the name in the certificate, or give it as TLS(server_name=...).",
    Reason.TLS_VERSION: "Have the service offer TLS 1.2 or newer.",
    Reason.TLS_FAILED: "Check that the port speaks TLS, and whether it asks for a client certificate.",
    Reason.QUEUE_TIMEOUT: "Send less at once, or raise Service(concurrency=...), PoolLimits(max_connections=...).",
    Reason.QUEUE_FULL: "Send less at once, or raise Service(concurrency=...), PoolLimits(max_connections=...).",
    Reason.CREDENTIAL_UNAVAILABLE: "Mend what kept the credential from being had; the message says what.",
    Reason.CREDENTIAL_REFUSED: "Check the key and its secret, and whether this address is let through.",
    Reason.UNAVAILABLE: "Wait until the host takes connections again.",
    Reason.DEADLINE: "Give the call more time, or find out what is slow.",
    Reason.CANCELLED: "The caller gave up before anything left.",
    Reason.CLIENT_CLOSED: "Make the call before the client is closed.",
    Reason.INTERNAL: "Look at the description: something of the application's own, or of aiocc, failed.",
}

_REDIRECTED = "Redirects are never followed: correct the service's URL."
_CLIENT_CERTIFICATE = "Give a certificate that the host takes as TLS(client_cert=...)."

_REJECTED = {
    Reason.UNAUTHORIZED: "Check the credential and what it is entitled to.",
    Reason.AGENT_SIGNED_OUT: "Sign the agent in again, and use the GUID of that sign-in.",
    Reason.RATE_LIMITED: "Wait, then send it again more slowly.",
    Reason.REDIRECTED: _REDIRECTED,
    Reason.CLIENT_CERTIFICATE_REFUSED: _CLIENT_CERTIFICATE,
    Reason.FORBIDDEN: "Ask the operator whether this address is let through and the credential entitled.",
    Reason.CLIENT_STATUS: "Check the service's URL and the arguments.",
    Reason.SERVICE_CODE: "Correct what the description names, or ask the operator.",
    Reason.UNKNOWN_CODE: "Look the code up with the operator, then decide.",
}

_UNKNOWN = {
    Reason.REDIRECTED: _REDIRECTED,
    Reason.CLIENT_CERTIFICATE_REFUSED: _CLIENT_CERTIFICATE,
    Reason.BODY_TOO_LARGE: "Raise AnswerLimits(body=...) if need be.",
    Reason.HEAD_TOO_LARGE: "Raise AnswerLimits(headers=...) if need be.",
    Reason.TOO_DEEP: "Raise AnswerLimits(depth=...) if need be.",
    Reason.TOO_MANY_VALUES: "Raise AnswerLimits(values=...) if need be.",
}


def next_step(
    *,
    delivery: Delivery,
    reason: Reason,
    effect: Effect,
    trace: str = "",
    advice: str = "",
    remedy: str = "",
    retry_after: float | None = None,
) -> str:
    """Say what to do now.

    Args:
        delivery: What is known.
        reason: Why.
        effect: Of the operation.
        trace: How the application finds the request in the vendor's records.
        advice: What the operation's page says of this status.
        remedy: Of a code that refused it, or of what is nearer at hand, in place of the reason's.
        retry_after: Seconds that the service asked to wait.
    """
    if delivery is Delivery.NOT_SENT:
        line = f"Nothing was sent; repeating is safe. {remedy or _NOT_SENT.get(reason, 'See the reason.')}"
    elif delivery is Delivery.REJECTED:
        if reason is Reason.RATE_LIMITED and retry_after:
            remedy = f"{wait_for(retry_after)}, then send it again more slowly."
        line = f"Nothing was done. {remedy or _REJECTED.get(reason, 'See the description.')}"
    elif delivery is Delivery.ACCEPTED:
        line = "It was done. Do not repeat. Only the answer's payload could not be read."
        line = f"{line} {trace}" if trace and effect is Effect.CALL else line
    else:
        line = " ".join(filter(None, (_unknown(effect, trace), _UNKNOWN.get(reason))))
    return f"{line} The service's page: {advice}" if advice else line


def remedy(reason: Reason, otherwise: str = "See the reason.") -> str:
    """Say what to mend, whatever became of a request."""
    return _NOT_SENT.get(reason) or _REJECTED.get(reason) or _UNKNOWN.get(reason) or otherwise


def wait_for(seconds: float | None) -> str:
    """Say for how long to wait, in whole seconds."""
    return f"Wait {math.ceil(seconds)} s" if seconds else "Wait"


def _unknown(effect: Effect, trace: str) -> str:
    if effect is Effect.READ:
        return "Nothing was changed by it; repeating is safe."
    if effect is Effect.IDEMPOTENT:
        return "It may have been done; repeating is safe, for it changes nothing more."
    if effect is Effect.CALL:
        find = f" {trace}" if trace else " Ask the contact centre before anyone dials again."
        return f"The call may be ringing. Do not repeat.{find}"
    if effect is Effect.CHANGE:
        return f"It may have been done. Do not repeat. {trace or 'Look at the contact centre first.'}"
    find = f" {trace}" if trace else " Check with the receiver before sending it again."
    return f"The message may have arrived; a repeat may bring it twice.{find}"
