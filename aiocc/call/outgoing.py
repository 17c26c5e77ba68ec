"""The request as it is sent: what all attempts share, and what each one adds."""

from __future__ import annotations

from typing import Any

from aiocc.auth.strategy import Credential, Strategy
from aiocc.call.line import CallOptions, Target
from aiocc.protocol.codec import encode_json
from aiocc.protocol.messages import WireRequest
from aiocc.protocol.operation import Request, fill_path


def build(request: Request[Any], target: Target, options: CallOptions) -> WireRequest:
    """Make the request as it will be sent, but for its credential."""
    operation = request.operation
    path, head = target.head(operation)
    headers = [*head, *request.headers(), *options.headers]
    payload = request.payload()
    body = None
    if payload is not None:
        body = encode_json(payload)
        headers.append(("Content-Length", str(len(body))))
    path = fill_path(path, request.path_params())
    return WireRequest(operation.method, path, request.query(), headers, body, target.origin, hidden=request.secrets())


def sealed(base: WireRequest, strategy: Strategy | None, credential: Credential | None) -> WireRequest:
    """Give the request of one attempt, with its credential: signed anew each time."""
    sent = WireRequest(
        base.method, base.path, base.query, base.headers.copy(), base.body, base.origin, credential, base.hidden
    )
    if strategy is not None and credential is not None:
        strategy.apply(sent, credential)
    return sent
