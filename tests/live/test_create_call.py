"""Create an outbound call, over real sockets."""

from __future__ import annotations

import json

import anyio
import pytest

from aiocc import (
    AuthenticationError,
    BadAnswerError,
    Call,
    CallError,
    Client,
    CreateCall,
    Delivery,
    DeliveryUnknownError,
    RejectedError,
    UnavailableError,
)
from aiocc.simulator import Simulator

from .conftest import arrived, common_headers, effects, refusal, refused_argument, told

PATH = "/apiaccess/ccmessaging/v1/mobileagent/createcall"
CODES = [
    ("30010000001", Delivery.REJECTED, "The feature is not enabled."),
    ("30010000002", Delivery.REJECTED, "There is no SIP server information."),
    ("30010000003", Delivery.REJECTED, "A parameter was refused."),
    ("30010009999", Delivery.UNKNOWN, "Another exception of Chat."),
    ("30010010001", Delivery.REJECTED, "The outbound task could not be added."),
    ("30010010002", Delivery.REJECTED, "The VDN is not available."),
    ("30010010003", Delivery.REJECTED, "The VDN is configured wrongly: no recording path can be made."),
    ("30010019999", Delivery.UNKNOWN, "Another exception of CCM."),
    ("30011010001", Delivery.UNKNOWN, "No event told of the call's set-up."),
    ("30011019999", Delivery.UNKNOWN, "Another exception of CCUCS."),
    ("4711", Delivery.UNKNOWN, None),
]
NUMBER = {"called": "88884432"}


@pytest.mark.parametrize("serial", [True, False])
async def test_a_call_is_placed_once(aicc: Simulator, aicc_client: Client, serial: bool) -> None:
    """A success gives the call's addresses, with or without its serial number, and one call in the ledger."""
    aicc.configure(send_call_serial_no=serial)

    call = await aicc_client.create_call(called="88884432", caller_present="95599", call_data="1")

    (placed,) = aicc.calls
    expected = Call("10.137.203.215:5063", "179080000000000", placed.call_serial_no if serial else None)
    assert expected == call
    assert ("88884432", "95599", "1") == (placed.called, placed.caller_present, placed.call_data)
    assert ["token", "create_call"] == [request.operation for request in aicc.requests]


async def test_what_leaves_is_what_the_page_says(aicc: Simulator, aicc_client: Client) -> None:
    """Method, path, every header and the body's bytes are those of the page."""
    await aicc_client.create_call(called="88884432", caller_present="95599", call_data="1")

    _, seen = aicc.requests
    body = b'{"called":"88884432","callData":"1","callerPresent":"95599"}'
    *headers, (name, bearer) = seen.headers
    assert ("POST", PATH) == (seen.method, seen.target)
    assert [
        ("Host", aicc.url("fabric").removeprefix("https://")),
        *common_headers("application/json"),
        ("Content-Length", str(len(body))),
        ("X-APP-Key", aicc.environment["AIOCC_FABRIC_APP_KEY"]),
    ] == headers
    assert ("Authorization", "Bearer") == (name, bearer.partition(" ")[0])
    assert body == seen.body


async def test_the_token_is_asked_for_as_its_page_says(aicc: Simulator, aicc_client: Client) -> None:
    """The token request has the documented path, headers and body, and no credential in a header."""
    await aicc_client.create_call(**NUMBER)

    seen = aicc.requests[0]
    keys = ("AIOCC_FABRIC_APP_KEY", "AIOCC_FABRIC_APP_SECRET")
    app_key, app_secret = (aicc.environment[key] for key in keys)
    body = f'{{"app_key":"{app_key}","app_secret":"{app_secret}"}}'.encode()
    assert ("POST", "/apigovernance/api/oauth/tokenByAkSk") == (seen.method, seen.target)
    assert [
        ("Host", aicc.url("fabric").removeprefix("https://")),
        *common_headers("application/json"),
        ("X-Token-Expire", "3600"),
        ("Content-Length", str(len(body))),
    ] == list(seen.headers)
    assert body == seen.body


@pytest.mark.parametrize(("code", "delivery", "meaning"), CODES)
async def test_each_failure_code_is_its_error(
    aicc: Simulator, aicc_client: Client, code: str, delivery: Delivery, meaning: str | None
) -> None:
    """A failure code is an error with its delivery, meaning and text, and is never repeated."""
    aicc.answer_with("create_call", code=code, description="why not")

    error = await refusal(aicc_client.create_call(**NUMBER))

    expected_class = RejectedError if delivery is Delivery.REJECTED else DeliveryUnknownError
    assert (expected_class, delivery, code, meaning, "why not") == told(error)
    assert (0, 1) == (effects(aicc), arrived(aicc, "create_call"))


@pytest.mark.parametrize("status", [400, 500])
async def test_a_code_decides_whatever_the_status(aicc: Simulator, aicc_client: Client, status: int) -> None:
    """A readable failure code decides, also under a failure status; the page's advice for the status is added."""
    aicc.answer_with("create_call", code="30010010002", status=status)

    error = await refusal(aicc_client.create_call(**NUMBER))

    assert (RejectedError, "30010010002") == (type(error), error.code)
    assert "The service's page: check the " in error.next_step


async def test_a_success_code_under_a_failure_status_is_no_success(aicc: Simulator, aicc_client: Client) -> None:
    """A success code counts only with a 2xx: the call may be ringing."""
    aicc.answer_with("create_call", body={"resultCode": "0", "resultData": {}}, status=500)

    error = await refusal(aicc_client.create_call(**NUMBER))

    assert (Delivery.UNKNOWN, "0") == (error.delivery, error.code)


@pytest.mark.parametrize(
    ("status", "error_class", "delivery", "advice"),
    [
        (400, RejectedError, Delivery.REJECTED, "check the request path and parameters."),
        (
            401,
            AuthenticationError,
            Delivery.REJECTED,
            "check whether the service has been purchased, and ask about the state of the account.",
        ),
        (404, RejectedError, Delivery.REJECTED, "check the request path."),
        (500, DeliveryUnknownError, Delivery.UNKNOWN, "check the values of the parameters in the request."),
    ],
)
async def test_the_advice_of_the_page_is_in_the_next_step(
    aicc: Simulator,
    aicc_client: Client,
    *,
    status: int,
    error_class: type[CallError],
    delivery: Delivery,
    advice: str,
) -> None:
    """For 400, 401, 404 and 500 the error says what the page says to do."""
    aicc.answer_with("create_call", status=status, times=2)

    error = await refusal(aicc_client.create_call(**NUMBER))

    assert isinstance(error, error_class)
    assert (delivery, 0) == (error.delivery, effects(aicc))
    assert error.next_step.endswith(f"The service's page: {advice}")


async def test_an_unknown_fate_names_the_call_data(aicc: Simulator, aicc_client: Client) -> None:
    """Who may have been dialled can be found again by the data of the call."""
    aicc.answer_with("create_call", status=502, after_effect=True)

    error = await refusal(aicc_client.create_call(called="88884432", call_data="order 7"))

    expected = "The call may be ringing. Do not repeat. Look for call_data 'order 7' in the call records."
    assert expected == error.next_step
    assert (Delivery.UNKNOWN, 1) == (error.delivery, aicc.calls_placed)


async def test_a_call_that_was_placed_unread_names_its_call_data(aicc: Simulator, aicc_client: Client) -> None:
    """A call whose answer cannot be read was placed: its error says by what it is found."""
    aicc.answer_with("create_call", body={"resultCode": "0"}, after_effect=True)

    error = await refusal(aicc_client.create_call(called="88884432", call_data="order 7"))

    expected = "It was done. Do not repeat. Only the answer's payload could not be read."
    assert f"{expected} Look for call_data 'order 7' in the call records." == error.next_step
    assert (Delivery.ACCEPTED, 1) == (error.delivery, aicc.calls_placed)


@pytest.mark.parametrize(
    ("body", "delivery"),
    [
        ({"resultCode": "0", "resultData": None}, Delivery.ACCEPTED),
        ({"resultCode": "0", "resultData": {"accesscode": "1"}}, Delivery.ACCEPTED),
        ({"resultCode": "0"}, Delivery.ACCEPTED),
        ({"resultDesc": "Success"}, Delivery.UNKNOWN),
        ({"errorCode": "0", "exceptionInfo": "odd"}, Delivery.UNKNOWN),
    ],
)
async def test_an_answer_that_cannot_be_read_is_an_error_of_its_delivery(
    aicc: Simulator, aicc_client: Client, body: object, delivery: Delivery
) -> None:
    """A success code without its payload was done; an answer without a code settles nothing."""
    aicc.answer_with("create_call", body=body)

    error = await refusal(aicc_client.create_call(**NUMBER))

    assert delivery is error.delivery
    assert 1 == arrived(aicc, "create_call")


async def test_an_html_page_in_place_of_the_answer_is_a_bad_answer(aicc: Simulator, aicc_client: Client) -> None:
    """HTML with 200 settles nothing, and its beginning is shown."""
    aicc.answer_with("create_call", body="<html>busy</html>", headers={"Content-Type": "text/html"})

    error = await refusal(aicc_client.create_call(**NUMBER))

    assert (BadAnswerError, "<html>busy</html>") == (type(error), error.description)


@pytest.mark.parametrize("variable", ["AIOCC_FABRIC_APP_KEY", "AIOCC_FABRIC_APP_SECRET"])
async def test_a_wrong_key_sends_nothing(aicc: Simulator, variable: str) -> None:
    """A key that gives no token leaves the call NOT_SENT."""
    async with Client.from_env({**aicc.environment, variable: "another-key"}) as client:
        error = await refusal(client.create_call(**NUMBER))

    assert (UnavailableError, Delivery.NOT_SENT) == (type(error), error.delivery)
    assert ["token"] == [request.operation for request in aicc.requests]


@pytest.mark.parametrize("status", [401, 403])
async def test_an_expired_token_is_renewed_once(aicc: Simulator, aicc_client: Client, status: int) -> None:
    """A token that has expired is fetched anew with exactly one request, and the call is placed once."""
    aicc.configure(expired_token_status=status)
    await aicc_client.create_call(called="1")
    aicc.expire_tokens()

    outcome = await aicc_client.send(CreateCall(called="2"))

    assert (2, 2) == (aicc.token_requests, aicc.calls_placed)
    assert [Delivery.REJECTED, Delivery.ACCEPTED] == [attempt.delivery for attempt in outcome.attempts]
    assert False is outcome.maybe_repeated


async def test_a_storm_of_refusals_renews_the_token_once(aicc: Simulator, aicc_client: Client) -> None:
    """However many calls meet the expired token, it is fetched once, and each call is placed once."""
    await aicc_client.create_call(called="0")
    aicc.expire_tokens()

    async with anyio.create_task_group() as group:
        for number in range(1, 21):
            group.start_soon(lambda number=number: aicc_client.create_call(called=str(number)))  # type: ignore[misc]

    assert 2 == aicc.token_requests
    assert sorted(map(str, range(21))) == sorted(call.called for call in aicc.calls)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_token_that_stays_refused_is_renewed_once_only(
    aicc: Simulator, aicc_client: Client, status: int
) -> None:
    """A fresh token that is refused as well ends the call: it never loops."""
    text = "auth fail! illegal or expired token info."
    aicc.answer_with("create_call", body={"errorCode": "0", "exceptionInfo": text}, status=status, times=9)

    error = await refusal(aicc_client.create_call(**NUMBER))

    assert (AuthenticationError, Delivery.REJECTED, text) == (type(error), error.delivery, error.description)
    assert (2, 2, 0) == (aicc.token_requests, arrived(aicc, "create_call"), effects(aicc))


@pytest.mark.parametrize(
    "arguments",
    [
        {"called": "1"},
        {"called": "1" * 32, "caller_present": "2" * 32, "call_data": "字" * 1024},
        {"called": "1", "caller_present": "", "call_data": ""},
    ],
)
async def test_an_argument_at_its_limit_is_sent(
    aicc: Simulator, aicc_client: Client, arguments: dict[str, str]
) -> None:
    """The edges of every limit are allowed, and what is None is left out."""
    await aicc_client.create_call(**arguments)

    names = {"called": "called", "caller_present": "callerPresent", "call_data": "callData"}
    sent = json.loads(aicc.requests[-1].body)
    assert {names[key]: value for key, value in arguments.items()} == sent
    assert 1 == aicc.calls_placed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"called": ""}, "called must be text of 1 to 32 characters, not empty text"),
        ({"called": "1" * 33}, "called must be text of 1 to 32 characters, not text of 33 characters"),
        ({"called": 88884432}, "called must be text of 1 to 32 characters, not a number: give text"),
        ({"called": None}, "called must be text of 1 to 32 characters, not None"),
        (
            {"caller_present": "2" * 33},
            "caller_present must be text of 0 to 32 characters or None, not text of 33 characters",
        ),
        ({"caller_present": True}, "caller_present must be text of 0 to 32 characters or None, not a bool"),
        (
            {"call_data": "x" * 1025},
            "call_data must be text of 0 to 1024 characters or None, not text of 1025 characters",
        ),
        ({"call_data": {}}, "call_data must be text of 0 to 1024 characters or None, not a dict"),
    ],
)
async def test_an_argument_past_its_limit_is_never_sent(
    aicc: Simulator, aicc_client: Client, change: dict[str, object], message: str
) -> None:
    """An argument past its limit names field, limit and what was given, and nothing is sent."""
    arguments = {**NUMBER, **change}

    said = await refused_argument(lambda: aicc_client.create_call(**arguments))  # type: ignore[arg-type]  # on purpose

    assert message == said
    assert () == aicc.requests
