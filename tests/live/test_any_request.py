"""Any other operation: `client.request` and `agent.request`, over real sockets."""

from __future__ import annotations

import math
from typing import Any

import pytest

from aiocc import (
    Client,
    ConfigurationError,
    DeliveryUnknownError,
    InvalidRequestError,
    RejectedError,
)
from aiocc.simulator import Simulator

from .conftest import effects, refusal
from .scripted import SUCCESS, answer, client_of, close, scripted

OBS_PATH = "/rest/isales/v1/openapi/campaigns/{vdn_id}/queryOBSResultCode"
OBS_QUERY = {"pageSize": 2, "pageNum": 1}


async def test_any_operation_is_performed_with_its_service_s_credential(aicc: Simulator, aicc_client: Client) -> None:
    """`client.request` goes through the service's authentication and envelope, and gives the whole object."""
    obs = await aicc_client.request("isales", "GET", OBS_PATH, path_params={"vdn_id": 1}, query=OBS_QUERY)
    call = await aicc_client.request(
        "fabric", "POST", "/apiaccess/ccmessaging/v1/mobileagent/createcall", json={"called": "88884432"}
    )
    message = await aicc_client.request(
        "webadapter",
        "POST",
        "/service-cloud/rest/webadapter/v1/webadapterfacade/doLeaveMessage",
        json={"phoneNo": "1", "leaveMessage": "x"},
        headers={"X-Trace": "abc"},
    )

    assert (120, 2) == (obs["totalCount"], len(obs["obsCodes"]))
    assert "10.137.203.215:5063" == call["resultData"]["sipServiceAddress"]
    assert "Save leaveMessage success!" == message["resultDesc"]
    assert ("abc", "application/json; charset=UTF-8") == (
        aicc.requests[-1].header("x-trace"),
        aicc.requests[-1].header("content-type"),
    )
    assert 2 == effects(aicc)


async def test_any_operation_of_an_agent_is_performed_with_its_guid(aicc: Simulator, aicc_client: Client) -> None:
    """`agent.request` knows its prefix and fills in the agent."""
    answered = await aicc_client.agent().request(
        "POST", "onlineagent/{agent_id}/sendnoteletex", json={"agentIds": [31002], "content": "hello"}
    )

    assert {"result": None, "message": "success", "retcode": "0"} == answered
    assert "/agentgateway/resource/onlineagent/101/sendnoteletex" == aicc.requests[0].target
    assert ["hello"] == [note.content for note in aicc.inbox(31002)]


async def test_a_failure_code_of_any_operation_is_an_error(aicc: Simulator, aicc_client: Client) -> None:
    """A code that refuses is REJECTED; one that is in no table settles nothing for what is not a GET."""
    aicc.answer_with("send_note", code="100-001")
    aicc.answer_with("obs_result_codes", code="4711")
    aicc.answer_with("create_call", code="4711")

    refused = await refusal(aicc_client.agent().request("POST", "onlineagent/{agent_id}/sendnoteletex", json={}))
    read = await refusal(aicc_client.request("isales", "GET", OBS_PATH, path_params={"vdn_id": 1}, query=OBS_QUERY))
    changed = await refusal(
        aicc_client.request("fabric", "POST", "/apiaccess/ccmessaging/v1/mobileagent/createcall", json={"called": "1"})
    )

    assert (RejectedError, "100-001", "A parameter is empty or invalid.") == (
        type(refused),
        refused.code,
        refused.meaning,
    )
    assert (RejectedError, "4711", "gateway.request", "sendnoteletex") == (
        type(read),
        read.code,
        refused.operation,
        refused.log_name,
    )
    assert (DeliveryUnknownError, "4711") == (type(changed), changed.code)


@pytest.mark.parametrize(("repeatable", "requests"), [(False, 1), (True, 3)])
async def test_any_operation_is_repeated_only_where_it_says_so(repeatable: bool, requests: int) -> None:
    """What is not a GET is treated as a dialled call unless it is said to do no harm."""
    async with scripted([close]) as server, client_of(server.url) as client:
        await refusal(client.request("isales", "PUT", "/x", json={}, repeatable=repeatable))

    assert requests == len(server.received)


PATHS = [
    "",
    "x",
    "//evil/x",
    "https://evil/x",
    "/a/../b",
    "/a/./b",
    "/..",
    "/a?b=1",
    "/a#b",
    "/a%2Fb",
    "/a\\b",
    "/a b",
    "/ä",
]


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_that_leads_elsewhere_is_refused(aicc: Simulator, aicc_client: Client, path: str) -> None:
    """A path with a host, dots, a query or an encoding never becomes a request."""
    with pytest.raises(ConfigurationError, match="path must"):
        await aicc_client.request("isales", "GET", path)
    assert () == aicc.requests


@pytest.mark.parametrize("path", ["../x", "onlineagent/../../x", "x?y=1", "//evil/x", "x%2Fy"])
async def test_a_path_of_an_agent_s_that_leads_elsewhere_is_refused(
    aicc: Simulator, aicc_client: Client, path: str
) -> None:
    """An agent's path cannot leave its place either."""
    with pytest.raises(ConfigurationError, match="path must"):
        await aicc_client.agent().request("GET", path)
    assert () == aicc.requests


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("1/../../x", "1%2F..%2F..%2Fx"),
        ("a b?c#d", "a%20b%3Fc%23d"),
        ("%2e%2e", "%252e%252e"),
        ("张", "%E5%BC%A0"),
        (7, "7"),
    ],
)
async def test_a_placeholder_s_value_never_leaves_its_place(
    aicc: Simulator, aicc_client: Client, value: str | int, segment: str
) -> None:
    """Values are encoded as one segment of the path."""
    with pytest.raises(RejectedError):
        await aicc_client.request("isales", "GET", "/rest/{name}/x", path_params={"name": value})

    assert f"/rest/{segment}/x" == aicc.requests[0].target


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, r"missing \['vdn_id'\], unused \[\]"),
        ({"vdn_id": 1, "x": 2}, r"missing \[\], unused \['x'\]"),
        ({"vdn_id": ""}, "not '.', '..' or empty text"),
        ({"vdn_id": ".."}, "not '.', '..' or empty text"),
        ({"vdn_id": True}, "must be text or a whole number, not a bool"),
        ({"vdn_id": None}, "must be text or a whole number, not None"),
    ],
)
async def test_placeholders_and_values_must_fit(
    aicc: Simulator, aicc_client: Client, params: dict[str, Any], said: str
) -> None:
    """Each placeholder has one value that can be sent, and each value its placeholder."""
    with pytest.raises(InvalidRequestError, match=said):
        await aicc_client.request("isales", "GET", OBS_PATH, path_params=params)
    assert () == aicc.requests


@pytest.mark.parametrize(
    "arguments",
    [
        {"json": [1]},
        {"json": "text"},
        {"json": {"a": object()}},
        {"json": {"a": math.nan}},
        {"json": {"a": "\ud800"}},
        {"query": {"a": None}},
        {"query": {"a": "\ud800"}},
        {"query": "a=b"},
        {"path_params": {"name": "\ud800"}},
    ],
    ids=["array", "text", "object", "NaN", "surrogate", "None", "query surrogate", "query text", "path surrogate"],
)
async def test_an_argument_that_cannot_be_sent_is_refused(
    aicc: Simulator, aicc_client: Client, arguments: dict[str, Any]
) -> None:
    """What no request can carry is an InvalidRequestError, and nothing is sent."""
    path = "/rest/{name}" if "path_params" in arguments else "/rest/x"

    with pytest.raises(InvalidRequestError):
        await aicc_client.request("isales", "POST", path, **arguments)
    assert () == aicc.requests


async def test_a_query_is_encoded_and_signed_as_it_is_sent() -> None:
    """Raw pairs go out percent-encoded, a blank as %20, in their order."""
    async with scripted([answer(SUCCESS["obs_result_codes"])]) as server, client_of(server.url) as client:
        await client.request("isales", "GET", "/x", query=[("b", "a b&c=d"), ("a", "张"), ("b", 1)])

    assert "/x?b=a%20b%26c%3Dd&a=%E5%BC%A0&b=1" == server.received[0].target


@pytest.mark.parametrize(("service", "method"), [("isales", "get"), ("isales", "PATCH"), ("isales", "GET\r\nX: 1")])
async def test_another_method_is_refused(aicc: Simulator, aicc_client: Client, service: str, method: str) -> None:
    """Only the four methods that the services know are sent."""
    with pytest.raises(InvalidRequestError, match="method must be one of GET, POST, PUT, DELETE"):
        await aicc_client.request(service, method, "/x")
    assert () == aicc.requests


async def test_an_unknown_service_is_refused(aicc_client: Client) -> None:
    """A service's name is one of four."""
    with pytest.raises(ConfigurationError, match="there is no service 'crm'"):
        await aicc_client.request("crm", "GET", "/x")
