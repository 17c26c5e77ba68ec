"""The attributes that spans and metrics share; the names are those of the semantic conventions, or ours."""

from __future__ import annotations

from functools import cache

from aiocc.delivery import Attempt, Phase
from aiocc.hooks import CallEvent, CallStarted
from aiocc.protocol.operation import Operation, Request

Value = str | int | float | bool
Attributes = dict[str, Value]

BEFORE_THE_EXCHANGE = (Phase.CREDENTIAL, Phase.QUEUE)
"""How far an attempt came that made no HTTP request."""


def of_call(event: CallEvent) -> Attributes:
    """Give what all that is told of a call has."""
    return {"aiocc.operation": event.operation, "aiocc.service": event.service}


def of_request(started: CallStarted) -> Attributes:
    """Give where a call's requests go."""
    host = f"[{started.server_address}]" if ":" in started.server_address else started.server_address
    return {
        "http.request.method": started.method,
        "server.address": started.server_address,
        "server.port": started.server_port,
        "url.scheme": started.scheme,
        "url.template": started.url_template,
        "url.full": f"{started.scheme}://{host}:{started.server_port}{started.url_template}",
        "network.protocol.name": "http",
    }


def of_attempt(operation: str, attempt: Attempt) -> Attributes:
    """Give what an attempt has shown."""
    found: Attributes = {"aiocc.delivery": attempt.delivery.value}
    if attempt.status is not None:
        found["http.response.status_code"] = attempt.status
    if attempt.reason is not None:
        failed = attempt.status is not None and attempt.status >= 400
        found["error.type"] = str(attempt.status) if failed else attempt.reason.name.lower()
        found["aiocc.reason"] = attempt.reason.value
    # Any text may stand where a code is expected; only what its page names is known to be one.
    if attempt.code is not None and attempt.code in _codes(operation):
        found["aiocc.code"] = attempt.code
    return found


@cache
def _codes(operation: str) -> frozenset[str]:
    """Give an operation's documented codes; one without a module of its own has none."""
    found = (getattr(model, "operation", None) for model in Request.__subclasses__())
    return frozenset(
        code for one in found if isinstance(one, Operation) and one.name == operation for code in one.codes
    )
