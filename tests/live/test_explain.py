"""What a request would look like on the wire: shown without sending, and true."""

from __future__ import annotations

from typing import Any

import pytest

from aiocc import (
    Client,
    QueryObsResultCodes,
    RetryPolicy,
)
from aiocc.protocol.operation import Request
from aiocc.simulator import Simulator

from .conftest import REQUESTS, SAMPLES, SECRETS, Sample, named


@pytest.mark.parametrize(
    ("name", "log_name", "service", "line", "credentials", "body"),
    [
        (
            "leave_message",
            "doLeaveMessage",
            "webadapter",
            "POST /service-cloud/rest/webadapter/v1/webadapterfacade/doLeaveMessage",
            ["Cookie"],
            '{"phoneNo":"123456","leaveMessage":"please call back"}',
        ),
        (
            "click_to_dial",
            "createClickToCall",
            "webadapter",
            "POST /service-cloud/rest/webadapter/v1/webadapterfacade/createClickToCall",
            ["Cookie"],
            '{"mediaAbility":"1"}',
        ),
        (
            "send_note",
            "sendNoteletEx",
            "gateway",
            "POST /agentgateway/resource/onlineagent/101/sendnoteletex",
            ["Guid"],
            '{"agentIds":[31002,31003],"content":"hello"}',
        ),
        (
            "obs_result_codes",
            "queryOBSResultCode",
            "isales",
            "GET /rest/isales/v1/openapi/campaigns/1/queryOBSResultCode?pageSize=50&pageNum=1",
            ["Authorization"],
            None,
        ),
        (
            "create_call",
            "createcall",
            "fabric",
            "POST /apiaccess/ccmessaging/v1/mobileagent/createcall",
            ["X-APP-Key", "Authorization"],
            '{"called":"88884432","callData":"1","callerPresent":"95599"}',
        ),
    ],
)
def test_an_explanation_shows_all_but_the_credential(
    aicc: Simulator,
    *,
    name: str,
    log_name: str,
    service: str,
    line: str,
    credentials: list[str],
    body: str | None,
) -> None:
    """What would be sent is shown without an event loop, the credential's header hidden, and nothing is sent."""
    environ = aicc.environment

    shown = Client.from_env(environ).explain(REQUESTS[name])

    method, target = line.split(" ")
    assert (name, log_name, service) == (shown.operation, shown.log_name, shown.service)
    assert (method, aicc.url(service) + target, body) == (shown.method, shown.url, shown.body)
    assert [(header, "***") for header in credentials] == list(shown.headers[-len(credentials) :])
    content_type = "application/json" if name == "create_call" else "application/json; charset=UTF-8"
    assert content_type == dict(shown.headers)["Content-Type"]
    for secret in SECRETS:
        assert environ[secret] not in str(shown) + repr(shown)
    assert shown.page in str(shown)
    assert () == aicc.requests


@pytest.mark.parametrize(**named(SAMPLES))
async def test_what_is_explained_is_what_is_sent(aicc: Simulator, aicc_client: Client, sample: Sample) -> None:
    """The explanation has the names and order of the headers that really leave, and the same body."""
    shown = aicc_client.explain(sample.request)
    await sample.perform(aicc_client)

    seen = aicc.requests[-1]
    hidden = dict(shown.headers)
    assert [header for header, _ in seen.headers] == [header for header, _ in shown.headers]
    assert all(hidden[header] in (value, "***") for header, value in seen.headers)
    assert seen.body.decode() == (shown.body or "")
    assert seen.target == shown.url.removeprefix(aicc.url(sample.service))


def test_an_explanation_says_what_is_repeated(aicc: Simulator) -> None:
    """The effect and the policy are told in words."""
    client = Client.from_env(aicc.environment)
    once = client.with_options(retry=RetryPolicy(max_attempts=1))
    twice = client.with_options(retry=RetryPolicy(on_unknown="resend"))

    def repeats(view: Client, request: Request[Any]) -> str:
        return view.explain(request).repeats

    call, note = REQUESTS["create_call"], REQUESTS["send_note"]
    careful = (
        "Up to 3 attempts while not one byte has left or it is refused as too early (429), "
        "and one more with a renewed credential; never when its fate is unknown."
    )
    assert (careful, careful) == (repeats(client, call), repeats(client, note))
    assert (careful, True) == (repeats(twice, call), "it may be done twice" in repeats(twice, note))
    assert "Never repeated by itself, but once with a renewed credential." == repeats(once, note)
    assert "Up to 3 attempts." == repeats(client, QueryObsResultCodes(1))
