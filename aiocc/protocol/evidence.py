"""What the evidence proves, where no envelope does."""

from __future__ import annotations

from aiocc.delivery import Delivery, Reason
from aiocc.protocol.operation import Effect

_BY_STATUS_ALONE = frozenset({401, 407, 429})
_REFUSED = frozenset({400, 404, 405, 413, 414, 415, 431})
_FRONT_ENDS = frozenset({502, 503, 504})


def decided_by_status(status: int) -> bool:
    """Whether the status alone decides, whatever the body says: authentication, throttling, redirects."""
    return status in _BY_STATUS_ALONE or 300 <= status < 400 or not 100 <= status < 600


def by_status(status: int, *, is_object: bool, effect: Effect) -> tuple[Delivery, Reason]:
    """Say what an HTTP status proves where no result code does.

    Args:
        status: Of the answer.
        is_object: Whether the body is a JSON object, so that the service itself is likely to have spoken.
        effect: Of the operation.
    """
    if status in (401, 407):
        return Delivery.REJECTED, Reason.UNAUTHORIZED
    if status == 429:
        return Delivery.REJECTED, Reason.RATE_LIMITED
    if status in (403, 418):
        # A firewall's page says nothing about what stands behind it; for a dialled call that is not enough.
        settled = is_object or not effect.grave
        return (Delivery.REJECTED if settled else Delivery.UNKNOWN), Reason.FORBIDDEN
    if status in _REFUSED:
        return Delivery.REJECTED, Reason.CLIENT_STATUS
    if 300 <= status < 400:
        return (Delivery.REJECTED if status in (307, 308) else Delivery.UNKNOWN), Reason.REDIRECTED
    if not 100 <= status < 600:
        return Delivery.UNKNOWN, Reason.BAD_STATUS
    if status in _FRONT_ENDS or (status >= 500 and not is_object):
        return Delivery.UNKNOWN, Reason.FRONT_END
    return Delivery.UNKNOWN, Reason.SERVER_STATUS if status >= 500 else Reason.STATUS


def without_answer(reason: Reason, *, left: bool) -> Delivery:
    """Say what an exchange proves that brought no answer.

    Args:
        reason: Why it brought none.
        left: Whether a byte of the request may have left.
    """
    if not left:
        return Delivery.NOT_SENT
    # Under TLS 1.3 the request is written before the host refuses the certificate, without having read it.
    return Delivery.REJECTED if reason is Reason.CLIENT_CERTIFICATE_REFUSED else Delivery.UNKNOWN
