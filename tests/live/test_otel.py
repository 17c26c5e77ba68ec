"""What OpenTelemetry is told of real calls."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from aiocc import Client, CreateCall, Delivery, LeaveMessage, RetryPolicy, SendNote
from aiocc.integrations.otel import Telemetry
from aiocc.simulator import Simulator

from .conftest import QUICK, REQUESTS, SAMPLES, SECRETS, Sample, named
from .scripted import SUCCESS, answer, client_of, close, scripted, silent

pytest.importorskip("opentelemetry.sdk", reason="these tests need opentelemetry-sdk, of the extra dev")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

PHONE = "13812345678"

WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
from aiocc import Client
from aiocc.integrations.otel import Telemetry
telemetry = Telemetry()
client = Client.from_env({"AIOCC_GATEWAY_URL": "https://10.10.10.3"}, hooks=[telemetry])
telemetry.watch(client)
print(telemetry.active)
"""


class Collected:
    """What was exported, from providers of this test's own."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.tracer = tracers.get_tracer("application")
        self._meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.telemetry = Telemetry(tracers, self._meters)

    @property
    def spans(self) -> dict[str, list[ReadableSpan]]:
        """Finished spans by name, in the order of their ends."""
        found: dict[str, list[ReadableSpan]] = {}
        for span in self._spans.get_finished_spans():
            found.setdefault(span.name, []).append(span)
        return found

    def metrics(self) -> dict[str, list[Any]]:
        """The data points by name of the metric."""
        data = self._reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return {metric.name: list(metric.data.data_points) for scope in scopes for metric in scope.metrics}

    def text(self) -> str:
        """All of it, as an exporter would write it."""
        spans = [span.to_json() for span in self._spans.get_finished_spans()]
        data = self._reader.get_metrics_data()
        return "\n".join([*spans, data.to_json() if data else ""])

    def close(self) -> None:
        """End the provider's reader."""
        self._meters.shutdown()


@pytest.fixture
def collected() -> Iterator[Collected]:
    """Fresh exporters."""
    found = Collected()
    yield found
    found.close()


def attributes(span: Any) -> dict[str, Any]:
    """Give a span's, or a data point's, attributes."""
    return dict(span.attributes or {})


@pytest.mark.parametrize(**named(SAMPLES))
async def test_a_call_is_a_span_and_each_attempt_one_below(sample: Sample, collected: Collected) -> None:
    """An accepted call is one INTERNAL span below the caller's, its attempt a CLIENT span by the conventions."""
    operation = sample.request.operation
    async with scripted([answer(SUCCESS[sample.name])]) as server, client_of(server.url) as client:
        port = server.listener.getsockname()[1]
        with collected.tracer.start_as_current_span("web request") as above:
            outcome = await client.with_options(hooks=[collected.telemetry]).send(sample.request)

    (call,) = collected.spans[operation.name]
    (attempt,) = collected.spans[f"{operation.method} {operation.path}"]
    assert (SpanKind.INTERNAL, SpanKind.CLIENT) == (call.kind, attempt.kind)
    assert call.parent is not None
    assert attempt.parent is not None
    assert (above.get_span_context().span_id, call.context.span_id) == (call.parent.span_id, attempt.parent.span_id)
    assert (StatusCode.UNSET, StatusCode.UNSET) == (call.status.status_code, attempt.status.status_code)
    assert {
        "aiocc.operation": operation.name,
        "aiocc.service": operation.service,
        "aiocc.call_id": outcome.call_id,
        "aiocc.lane": "call",
        "aiocc.delivery": "accepted",
        "aiocc.attempts": 1,
        "aiocc.maybe_repeated": False,
    } == attributes(call)
    assert {
        "http.request.method": operation.method,
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": port,
        "url.scheme": "http",
        "url.template": operation.path,
        "url.full": f"http://127.0.0.1:{port}{operation.path}",
        "network.protocol.name": "http",
    }.items() <= attributes(attempt).items()


async def test_a_repeat_is_a_span_of_its_own(collected: Collected) -> None:
    """The second attempt counts itself as a resend, the first one's error is its reason."""
    good = answer(SUCCESS["obs_result_codes"])
    async with scripted([close, good]) as server, client_of(server.url, retry=QUICK) as client:
        await client.with_options(hooks=[collected.telemetry]).send(REQUESTS["obs_result_codes"])

    operation = REQUESTS["obs_result_codes"].operation
    first, second = collected.spans[f"GET {operation.path}"]
    assert ("connection_closed", "unknown") == (
        attributes(first)["error.type"],
        attributes(first)["aiocc.delivery"],
    )
    assert "http.request.resend_count" not in attributes(first)
    assert (1, "accepted") == (
        attributes(second)["http.request.resend_count"],
        attributes(second)["aiocc.delivery"],
    )
    (call,) = collected.spans["obs_result_codes"]
    assert ["repeat planned"] == [event.name for event in call.events]
    assert 2 == attributes(call)["aiocc.attempts"]


@pytest.mark.parametrize(
    ("status", "body", "errors", "kind"),
    [
        (200, {"resultCode": "30010000001", "resultDesc": "no"}, ("RejectedError", "service_code"), "rejected"),
        (502, {"message": "bad gateway"}, ("FrontEndError", "502"), "unknown"),
        (429, {"message": "too often"}, ("RateLimitedError", "429"), "rejected"),
    ],
)
async def test_what_went_wrong_is_an_attribute(
    status: int, body: object, errors: tuple[str, str], kind: str, collected: Collected
) -> None:
    """`error.type` and delivery say of call and attempt how they ended; both spans are errors."""
    once = RetryPolicy(max_attempts=1)
    async with scripted([answer(body, status)]) as server, client_of(server.url, retry=once) as client:
        await client.with_options(hooks=[collected.telemetry]).send(REQUESTS["create_call"])

    (call,) = collected.spans["create_call"]
    (attempt,) = collected.spans[f"POST {CreateCall.operation.path}"]
    assert (kind, kind) == (attributes(call)["aiocc.delivery"], attributes(attempt)["aiocc.delivery"])
    assert errors == (attributes(call)["error.type"], attributes(attempt)["error.type"])
    assert (StatusCode.ERROR, StatusCode.ERROR) == (call.status.status_code, attempt.status.status_code)
    assert status == attributes(attempt)["http.response.status_code"]


async def test_a_cancelled_call_ends_its_spans(collected: Collected) -> None:
    """A caller who gives up leaves no span open, and no call counted as going on."""
    async with scripted([silent]) as server, client_of(server.url) as client, anyio.create_task_group() as group:
        group.start_soon(client.with_options(hooks=[collected.telemetry]).send, REQUESTS["create_call"])
        await server.until_received()
        group.cancel_scope.cancel()

    (call,) = collected.spans["create_call"]
    (attempt,) = collected.spans[f"POST {CreateCall.operation.path}"]
    assert ("unknown", "cancelled by the caller") == (
        attributes(call)["aiocc.delivery"],
        attributes(call)["aiocc.reason"],
    )
    assert "cancelled" == attributes(attempt)["error.type"]
    metrics = collected.metrics()
    assert [0] == [point.value for point in metrics["aiocc.call.active"]]
    assert [1] == [point.value for point in metrics["aiocc.call.unknown"]]


async def test_metrics_of_a_call(aicc: Simulator, collected: Collected) -> None:
    """Durations, attempts, waits, connections by state and a token's age are told of a watched client."""
    async with Client.from_env(aicc.environment, hooks=[collected.telemetry]) as client:
        collected.telemetry.watch(client)
        for _ in range(3):
            await client.create_call(called="88884432")
        metrics = collected.metrics()

    assert {
        "http.client.request.duration",
        "http.client.open_connections",
        "aiocc.call.duration",
        "aiocc.call.attempts",
        "aiocc.call.active",
        "aiocc.queue.wait",
        "aiocc.queue.length",
        "aiocc.credential.duration",
        "aiocc.credential.age",
    } == set(metrics)
    (request,) = metrics["http.client.request.duration"]
    assert (3, 200, "accepted") == (
        request.count,
        attributes(request)["http.response.status_code"],
        attributes(request)["aiocc.delivery"],
    )
    assert {"aiocc.operation": "create_call", "aiocc.service": "fabric", "aiocc.delivery": "accepted"} == attributes(
        metrics["aiocc.call.duration"][0]
    )
    assert [3] == [point.sum for point in metrics["aiocc.call.attempts"]]
    assert [3] == [point.count for point in metrics["aiocc.queue.wait"]]
    assert [0] == [point.value for point in metrics["aiocc.queue.length"]]
    states = {attributes(p)["http.connection.state"]: p.value for p in metrics["http.client.open_connections"]}
    assert 0 == states["active"]
    assert 1 <= states["idle"]
    (age,) = metrics["aiocc.credential.age"]
    assert {"aiocc.service": "fabric", "aiocc.strategy": "AppKey"} == attributes(age)
    assert age.value >= 0


async def test_what_never_became_a_request_is_no_request(collected: Collected) -> None:
    """A call without a credential has its span and its figures, and counts as no HTTP request."""
    once = RetryPolicy(max_attempts=1)
    async with scripted([]) as server, client_of(server.url, retry=once) as client:
        server.token_act = answer({}, 500)
        outcome = await client.with_options(hooks=[collected.telemetry]).send(CreateCall(called=PHONE))

    assert Delivery.NOT_SENT is outcome.delivery
    assert "http.client.request.duration" not in collected.metrics()
    assert ["credential_unavailable"] == [
        attributes(span)["error.type"] for span in collected.spans[f"POST {CreateCall.operation.path}"]
    ]


async def test_nothing_told_is_secret(aicc: Simulator, collected: Collected) -> None:
    """Neither a credential nor a phone number is in any span or metric, whatever the answers hold."""
    echo = {"resultCode": PHONE, "returnCode": PHONE, "retcode": PHONE, "resultDesc": PHONE, "message": PHONE}
    async with Client.from_env(aicc.environment, hooks=[collected.telemetry]) as client:
        collected.telemetry.watch(client)
        for operation in ("create_call", "leave_message", "send_note"):
            aicc.answer_with(operation, body=echo)
        await client.send(CreateCall(called=PHONE, call_data=PHONE))
        await client.send(CreateCall(called=PHONE, call_data=PHONE))
        await client.send(LeaveMessage(phone_no=PHONE, content=PHONE))
        await client.agent().send(SendNote([31002], PHONE))
        await client.send(REQUESTS["obs_result_codes"])
        text = collected.text()

    assert "aiocc.call_id" in text
    assert [] == [name for name in SECRETS if aicc.environment[name] in text]
    assert PHONE not in text


async def test_no_call_is_left_behind(collected: Collected) -> None:
    """After its end nothing of a call is kept."""
    async with scripted([answer(SUCCESS["create_call"])]) as server, client_of(server.url) as client:
        await client.with_options(hooks=[collected.telemetry]).send(REQUESTS["create_call"])

    spans, metrics = (tell.__self__ for tell in collected.telemetry._tell)  # type: ignore[attr-defined]
    assert ({}, {}) == (spans._open, metrics._started)


def test_without_opentelemetry_it_does_nothing() -> None:
    """Where OpenTelemetry is absent, the same program runs, and says so when asked."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", WITHOUT], capture_output=True, text=True, timeout=60)

    assert ("False\n", "") == (done.stdout, done.stderr)
