"""Spans and metrics of a client's calls for OpenTelemetry (extra `otel`).

    telemetry = Telemetry()
    client = Client.from_env(hooks=[telemetry])
    telemetry.watch(client)

Where OpenTelemetry is not installed all of it does nothing. No span and no metric holds a credential, a body, a
header or a phone number.

A call is a span of kind INTERNAL, named for the operation; each attempt is one of kind CLIENT below it, by the
semantic conventions for HTTP clients (https://opentelemetry.io/docs/specs/semconv/http/http-spans/). `url.full` and
`url.template` have the path's placeholders in place of its values. No context is sent to the services: no header for
one is documented.

Attributes of our own: `aiocc.operation`, `aiocc.service`, `aiocc.call_id`, `aiocc.lane`, `aiocc.delivery`,
`aiocc.reason`, `aiocc.code` (a documented one), `aiocc.attempts`, `aiocc.maybe_repeated`; of an attempt also
`aiocc.phase`, `aiocc.connection` ("fresh" or "reused"), `aiocc.credential_wait` and `aiocc.queue_wait` in seconds.
`error.type` is the class of a call's error; of an attempt the HTTP status where it is a failure, else the reason.

| metric | kind, unit | attributes |
|---|---|---|
| `http.client.request.duration` | histogram, s | those of the conventions, `aiocc.delivery` |
| `aiocc.call.duration` | histogram, s | operation, service, delivery, `error.type` |
| `aiocc.call.attempts` | histogram, attempts | operation, service, delivery |
| `aiocc.call.active` | up-down counter, calls | operation, service |
| `aiocc.call.unknown` | counter, calls | operation, service, reason |
| `aiocc.queue.wait` | histogram, s | service |
| `aiocc.credential.duration` | histogram, s | service, `aiocc.strategy` |
| `aiocc.credential.age` | gauge, s | service, `aiocc.strategy` |
| `aiocc.queue.length` | up-down counter, calls; of watched clients | service |
| `http.client.open_connections` | up-down counter, connections; of watched clients | server, `http.connection.state` |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aiocc.client import Client
from aiocc.hooks import Event

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["Telemetry"]


class Telemetry:
    """A hook that makes spans and metrics; one may serve several clients.

    Args:
        tracer_provider: In place of the global one.
        meter_provider: In place of the global one.

    Attributes:
        active: Whether OpenTelemetry is installed.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._tell: tuple[Callable[[Event], None], ...] = ()
        self._watch: Callable[[Client], None] | None = None
        try:
            import opentelemetry.metrics
            import opentelemetry.trace  # noqa: F401  # asked for, used by the two modules
        except ModuleNotFoundError:
            return
        from aiocc.integrations.otel.metrics import Metrics
        from aiocc.integrations.otel.spans import Spans

        metrics = Metrics(meter_provider)
        self._tell = (Spans(tracer_provider).tell, metrics.tell)
        self._watch = metrics.watch

    @property
    def active(self) -> bool:
        """Whether OpenTelemetry is installed."""
        return bool(self._tell)

    def __call__(self, event: Event) -> None:
        """Take an event of a client's."""
        for tell in self._tell:
            tell(event)

    def watch(self, client: Client) -> None:
        """Observe a client's connections and queues whenever metrics are read, for as long as it lives."""
        if self._watch is not None:
            self._watch(client)
