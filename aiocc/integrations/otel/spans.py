"""A span for each call, and one below it for each attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define
from opentelemetry import context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_tracer, set_span_in_context

from aiocc.hooks import AttemptEnded, AttemptStarted, CallFinished, CallStarted, Event, RepeatPlanned
from aiocc.integrations.otel.attributes import Attributes, of_attempt, of_call, of_request
from aiocc.version import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider


@define(eq=False)
class _Open:
    """The spans of a call that goes on."""

    started: CallStarted
    span: Span
    token: Any
    attempt: Span | None = None


class Spans:
    """Makes the spans.

    Args:
        provider: In place of the global one.
    """

    def __init__(self, provider: TracerProvider | None) -> None:
        self._tracer = get_tracer("aiocc", __version__, provider)
        self._open: dict[str, _Open] = {}

    def tell(self, event: Event) -> None:
        """Take an event."""
        match event:
            case CallStarted():
                self._begin(event)
            case AttemptStarted():
                self._begin_attempt(event)
            case AttemptEnded():
                self._end_attempt(event)
            case RepeatPlanned():
                self._plan(event)
            case CallFinished():
                self._end(event)

    def _begin(self, event: CallStarted) -> None:
        attributes: Attributes = {**of_call(event), "aiocc.call_id": event.call_id, "aiocc.lane": event.lane}
        span = self._tracer.start_span(event.operation, kind=SpanKind.INTERNAL, attributes=attributes)
        # Current until the call ends, in the task of the call: what a foreign transport tells belongs below it.
        token = context.attach(set_span_in_context(span))
        self._open[event.call_id] = _Open(event, span, token)

    def _begin_attempt(self, event: AttemptStarted) -> None:
        call = self._open[event.call_id]
        attributes = {**of_call(event), **of_request(call.started)}
        if event.number > 1:
            attributes["http.request.resend_count"] = event.number - 1
        name = f"{call.started.method} {call.started.url_template}"
        parent = set_span_in_context(call.span)
        call.attempt = self._tracer.start_span(name, parent, kind=SpanKind.CLIENT, attributes=attributes)

    def _end_attempt(self, event: AttemptEnded) -> None:
        call, attempt = self._open[event.call_id], event.attempt
        span, call.attempt = call.attempt, None
        assert span is not None
        attributes = of_attempt(event.operation, attempt)
        attributes["aiocc.phase"] = attempt.phase.value
        attributes["aiocc.credential_wait"], attributes["aiocc.queue_wait"] = event.credential_wait, event.queue_wait
        if attempt.connection is not None:
            attributes["aiocc.connection"] = attempt.connection
        span.set_attributes(attributes)
        if attempt.reason is not None:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def _plan(self, event: RepeatPlanned) -> None:
        attributes: Attributes = {
            "http.request.resend_count": event.number - 1,
            "aiocc.reason": event.reason.value,
            "aiocc.delivery": event.delivery.value,
            "aiocc.wait": event.wait,
            "aiocc.renewed": event.renewed,
        }
        self._open[event.call_id].span.add_event("repeat planned", attributes)

    def _end(self, event: CallFinished) -> None:
        call = self._open.pop(event.call_id)
        span = call.span
        span.set_attribute("aiocc.delivery", event.delivery.value)
        span.set_attribute("aiocc.attempts", len(event.attempts))
        span.set_attribute("aiocc.maybe_repeated", event.maybe_repeated)
        if event.reason is not None:
            span.set_attribute("aiocc.reason", event.reason.value)
        if event.error is not None:
            span.set_attribute("error.type", event.error)
            span.set_status(Status(StatusCode.ERROR))
        context.detach(call.token)
        span.end()
