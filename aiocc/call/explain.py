"""What would be sent, with credentials hidden; sends nothing."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from aiocc.auth.strategy import Credential, Strategy
from aiocc.call.line import CallOptions, Target
from aiocc.call.outgoing import build
from aiocc.protocol.codec import encode_json
from aiocc.protocol.messages import WireRequest, shown_headers
from aiocc.protocol.operation import Effect, Request
from aiocc.protocol.retry import RetryPolicy
from aiocc.secret import HIDDEN, Secret


@frozen(kw_only=True)
class Explanation:
    """What a request would look like on the wire.

    Attributes:
        operation: Ours.
        log_name: The vendor's name, as its logs have it.
        service: Which of the four.
        method: The HTTP method.
        url: Where it would go.
        headers: In order, credentials hidden.
        body: Text, None for a request without one.
        effect: What doing it twice would mean.
        repeats: What is repeated by itself.
        page: The vendor's page.
    """

    operation: str
    log_name: str
    service: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str | None
    effect: str
    repeats: str
    page: str

    def __str__(self) -> str:
        head = [f"{self.operation} ({self.log_name}) at {self.service}", f"{self.method} {self.url}"]
        head += [f"{name}: {value}" for name, value in self.headers]
        if self.body is not None:
            head += ["", self.body]
        return "\n".join([*head, "", f"Effect: {self.effect}. {self.repeats}", *([self.page] if self.page else [])])


def explain(
    request: Request[Any], target: Target, strategy: Strategy | None, options: CallOptions, policy: RetryPolicy
) -> Explanation:
    """Show a request as it would be sent."""
    operation = request.operation
    sent = build(request, target, options)
    added: list[tuple[str, str]] = []
    if strategy is not None:
        known = len(sent.headers)
        headers = _with_placeholder(sent, strategy)
        added = [(name, HIDDEN) for name, _ in headers[known:]]
    return Explanation(
        operation=operation.name,
        log_name=operation.log_name,
        service=operation.service,
        method=sent.method,
        url=f"{sent.origin}{sent.target}",
        headers=(*shown_headers(sent.headers), *added),
        body=_shown_body(sent),
        effect=operation.effect.value,
        repeats=_repeats(operation.effect, options.retry or policy),
        page=operation.page,
    )


def _with_placeholder(sent: WireRequest, strategy: Strategy) -> list[tuple[str, str]]:
    """Let the strategy complete a copy with a stand-in for its credential."""
    copy = WireRequest(sent.method, sent.path, sent.query, sent.headers.copy(), sent.body, sent.origin)
    strategy.apply(copy, Credential(Secret(HIDDEN)))
    return copy.headers


def _shown_body(sent: WireRequest) -> str | None:
    """Give the body as text, with each secret hidden that is a value in it, however short."""
    if sent.body is None:
        return None
    text = sent.body.decode()
    for secret in sent.hidden:
        text = text.replace(encode_json(secret.reveal()).decode(), f'"{HIDDEN}"')
    return text


def _repeats(effect: Effect, policy: RetryPolicy) -> str:
    if policy.max_attempts == 1:
        return "Never repeated by itself, but once with a renewed credential."
    if effect.harmless:
        return f"Up to {policy.max_attempts} attempts."
    if policy.may_resend(effect):
        return f"Up to {policy.max_attempts} attempts, also when its fate is unknown: it may be done twice."
    return (
        f"Up to {policy.max_attempts} attempts while not one byte has left or it is refused as too early (429), "
        "and one more with a renewed credential; never when its fate is unknown."
    )
