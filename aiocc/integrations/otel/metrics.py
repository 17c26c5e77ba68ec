"""Figures of calls, attempts, queues, connections and credentials."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakSet

from opentelemetry.metrics import CallbackOptions, Histogram, Observation, get_meter

from aiocc.call.stats import ServiceStats
from aiocc.client import Client
from aiocc.delivery import Delivery, Phase
from aiocc.hooks import AttemptEnded, CallFinished, CallStarted, CredentialRenewed, Event
from aiocc.integrations.otel.attributes import BEFORE_THE_EXCHANGE, Attributes, of_attempt, of_call, of_request
from aiocc.version import __version__

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The boundaries that the conventions advise for durations."""

ATTEMPTS = (1.0, 2.0, 3.0, 4.0, 5.0)

_OF_REQUESTS = ("http.request.method", "server.address", "server.port", "url.scheme", "url.template")
_OF_ATTEMPTS = ("http.response.status_code", "error.type", "aiocc.delivery")


class Metrics:
    """Makes the instruments, and records.

    Args:
        provider: In place of the global one.
    """

    def __init__(self, provider: MeterProvider | None) -> None:
        meter = get_meter("aiocc", __version__, provider)
        self._started: dict[str, CallStarted] = {}
        self._renewed: dict[tuple[str, str], float] = {}
        self._clients: WeakSet[Client] = WeakSet()

        def seconds(name: str, description: str) -> Histogram:
            return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=SECONDS)

        self._requests = seconds("http.client.request.duration", "Duration of HTTP client requests.")
        self._calls = seconds("aiocc.call.duration", "Duration of calls, over all attempts.")
        self._waits = seconds("aiocc.queue.wait", "Time that an attempt waited for its turn.")
        self._renewals = seconds("aiocc.credential.duration", "Time that it took to fetch a credential.")
        self._attempts = meter.create_histogram(
            "aiocc.call.attempts", "{attempt}", "Attempts of a call.", explicit_bucket_boundaries_advisory=ATTEMPTS
        )
        self._active = meter.create_up_down_counter("aiocc.call.active", "{call}", "Calls that go on.")
        self._unknown = meter.create_counter("aiocc.call.unknown", "{call}", "Calls whose fate is unknown.")
        meter.create_observable_gauge("aiocc.credential.age", [self._ages], "s", "Time since a credential was fetched.")
        meter.create_observable_up_down_counter(
            "aiocc.queue.length", [self._queues], "{call}", "Calls that wait for their turn."
        )
        meter.create_observable_up_down_counter(
            "http.client.open_connections", [self._connections], "{connection}", "Open connections by state."
        )

    def watch(self, client: Client) -> None:
        """Observe a client's connections and queues from now on."""
        self._clients.add(client)

    def tell(self, event: Event) -> None:
        """Take an event."""
        match event:
            case CallStarted():
                self._started[event.call_id] = event
                self._active.add(1, of_call(event))
            case AttemptEnded():
                self._end_attempt(event)
            case CallFinished():
                self._end(event)
            case CredentialRenewed():
                self._renewed[event.service, event.strategy] = time.monotonic()
                self._renewals.record(event.elapsed, _of_credential(event.service, event.strategy))

    def _end_attempt(self, event: AttemptEnded) -> None:
        attempt = event.attempt
        if attempt.phase is not Phase.CREDENTIAL:
            self._waits.record(event.queue_wait, {"aiocc.service": event.service})
        if attempt.phase in BEFORE_THE_EXCHANGE:
            return
        found = of_request(self._started[event.call_id]) | of_attempt(event.operation, attempt)
        took = attempt.elapsed - event.credential_wait - event.queue_wait
        self._requests.record(
            max(took, 0.0), {name: found[name] for name in (*_OF_REQUESTS, *_OF_ATTEMPTS) if name in found}
        )

    def _end(self, event: CallFinished) -> None:
        del self._started[event.call_id]
        call = of_call(event)
        self._active.add(-1, call)
        ended = {**call, "aiocc.delivery": event.delivery.value}
        self._attempts.record(len(event.attempts), ended)
        self._calls.record(event.elapsed, ended if event.error is None else {**ended, "error.type": event.error})
        if event.delivery is Delivery.UNKNOWN and event.reason is not None:
            self._unknown.add(1, {**call, "aiocc.reason": event.reason.value})

    # Asked when metrics are read, in whatever thread.

    def _ages(self, _: CallbackOptions) -> Iterable[Observation]:
        now = time.monotonic()
        for (service, strategy), moment in self._renewed.copy().items():
            yield Observation(now - moment, _of_credential(service, strategy))

    def _queues(self, _: CallbackOptions) -> Iterable[Observation]:
        waiting: dict[str, int] = {}
        for service, stats in self._stats():
            waiting[service] = waiting.get(service, 0) + stats.calls.waiting + stats.calls.bulk_waiting
        return [Observation(count, {"aiocc.service": service}) for service, count in waiting.items()]

    def _connections(self, _: CallbackOptions) -> Iterable[Observation]:
        counts: dict[tuple[str, str], int] = {}
        for _service, stats in self._stats():
            for origin, pool in stats.pools.items():
                for state, count in (("active", pool.active), ("idle", pool.idle)):
                    counts[origin, state] = counts.get((origin, state), 0) + count
        return [Observation(count, _of_origin(origin, state)) for (origin, state), count in counts.items()]

    def _stats(self) -> Iterator[tuple[str, ServiceStats]]:
        for client in tuple(self._clients):
            try:
                found = client.stats()
            except RuntimeError:  # its loop changed something in this very moment: the next reading has it
                continue
            yield from found.items()


def _of_credential(service: str, strategy: str) -> Attributes:
    return {"aiocc.service": service, "aiocc.strategy": strategy}


def _of_origin(origin: str, state: str) -> Attributes:
    parts = urlsplit(origin)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {
        "server.address": parts.hostname or "",
        "server.port": port,
        "url.scheme": parts.scheme,
        "http.connection.state": state,
    }
