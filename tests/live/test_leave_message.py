"""Leave a message, over real sockets."""

from __future__ import annotations

import pytest

from aiocc import (
    TLS,
    AuthenticationError,
    Client,
    Delivery,
    DeliveryUnknownError,
    LeaveMessage,
    MessageReceipt,
    RejectedError,
    Service,
)
from aiocc.auth import AppKey, CookieToken, WebToken
from aiocc.simulator import LeftMessage, Simulator

from .conftest import common_headers, effects, refusal, refused_argument, told

PATH = "/service-cloud/rest/webadapter/v1/webadapterfacade/doLeaveMessage"


async def test_a_message_is_left_once(aicc: Simulator) -> None:
    """A success is a receipt, and one message of this visitor in the ledger."""
    async with _client(aicc, CookieToken(aicc.new_visitor("ada"))) as client:
        receipt = await client.leave_message(phone_no="123456", content="12122331")

    assert MessageReceipt() == receipt
    assert (LeftMessage("ada", "123456", "12122331"),) == aicc.messages
    assert 1 == len(aicc.requests)


async def test_what_leaves_is_what_the_page_says(aicc: Simulator, aicc_client: Client) -> None:
    """Method, path, every header and the body's bytes are those of the page."""
    await aicc_client.leave_message(phone_no="123456", content="请回电")

    (seen,) = aicc.requests
    body = '{"phoneNo":"123456","leaveMessage":"请回电"}'.encode()
    assert ("POST", PATH) == (seen.method, seen.target)
    assert [
        ("Host", aicc.url("webadapter").removeprefix("https://")),
        *common_headers("application/json; charset=UTF-8"),
        ("Content-Length", str(len(body))),
        ("Cookie", f"ccmessaging-token={aicc.environment['AIOCC_WEBADAPTER_TOKEN']}"),
    ] == list(seen.headers)
    assert body == seen.body


@pytest.mark.parametrize(
    ("code", "given", "expected"),
    [
        (
            "3",
            None,
            (
                RejectedError,
                Delivery.REJECTED,
                "3",
                "A parameter is wrong.",
                "the leaveMessageParams is error.",
            ),
        ),
        (
            "13",
            "no such channel",
            (
                DeliveryUnknownError,
                Delivery.UNKNOWN,
                "13",
                "Exception, or the message could not be saved; documented for the operation's twin at API Fabric.",
                "no such channel",
            ),
        ),
        ("4711", "odd", (DeliveryUnknownError, Delivery.UNKNOWN, "4711", None, "odd")),
    ],
)
async def test_each_failure_code_is_its_error(
    aicc: Simulator, aicc_client: Client, code: str, given: str | None, expected: tuple[object, ...]
) -> None:
    """A failure code is an error with its delivery, meaning and text, and is never repeated."""
    aicc.answer_with("leave_message", code=code, description=given)

    error = await refusal(aicc_client.leave_message(phone_no="1", content="x"))

    assert expected == told(error)
    assert (0, 1) == (effects(aicc), len(aicc.requests))


@pytest.mark.parametrize("beside", ["0", "3"])
async def test_the_first_failing_code_brings_its_own_text(aicc: Simulator, aicc_client: Client, beside: str) -> None:
    """`code` is the first failing one and `description` the text that belongs to it, whatever stands beside."""
    aicc.answer_with(
        "leave_message",
        body={"resultCode": beside, "resultDesc": "of resultCode", "returnCode": "3", "description": "of returnCode"},
    )

    error = await refusal(aicc_client.leave_message(phone_no="1", content="x"))

    assert ("3", "of returnCode" if beside == "0" else "of resultCode") == (error.code, error.description)


@pytest.mark.parametrize(
    ("body", "delivery"),
    [
        ({"resultCode": "0"}, Delivery.ACCEPTED),
        ({"resultCode": 0, "returnCode": 0}, Delivery.ACCEPTED),
        ({"resultCode": "0", "returnCode": None}, Delivery.ACCEPTED),
        ({"returnCode": "0"}, Delivery.UNKNOWN),
        ({"resultCode": None, "returnCode": "0"}, Delivery.UNKNOWN),
        ({"resultCode": True, "returnCode": "0"}, Delivery.UNKNOWN),
    ],
)
async def test_resultcode_is_required_and_returncode_is_not(
    aicc: Simulator, aicc_client: Client, body: object, delivery: Delivery
) -> None:
    """`resultCode` must be there and be "0"; `returnCode` may be absent."""
    aicc.answer_with("leave_message", body=body)

    outcome = await aicc_client.send(LeaveMessage(phone_no="1", content="x"))

    assert delivery is outcome.delivery


async def test_a_channel_that_is_not_configured_leaves_its_fate_open(aicc: Simulator, aicc_client: Client) -> None:
    """Without the page's prerequisite the service answers with an exception, and nothing was left."""
    aicc.channel_configured = False

    error = await refusal(aicc_client.leave_message(phone_no="1", content="x"))

    assert (Delivery.UNKNOWN, "13", 0) == (error.delivery, error.code, effects(aicc))


async def test_a_wrong_token_is_refused_once(aicc: Simulator) -> None:
    """A token that the service does not know is an AuthenticationError after one request."""
    async with Client.from_env({**aicc.environment, "AIOCC_WEBADAPTER_TOKEN": "not-the-token"}) as client:
        error = await refusal(client.leave_message(phone_no="1", content="x"))

    assert (AuthenticationError, Delivery.REJECTED) == (type(error), error.delivery)
    assert (0, 1) == (effects(aicc), len(aicc.requests))


async def test_an_expired_token_that_cannot_be_renewed_is_refused_once(aicc: Simulator, aicc_client: Client) -> None:
    """A given token that has expired is an AuthenticationError after one request: there is no other."""
    aicc.expire_visitor()

    error = await refusal(aicc_client.leave_message(phone_no="1", content="x"))

    assert (AuthenticationError, 0, 1) == (type(error), effects(aicc), len(aicc.requests))


async def test_an_expired_token_is_asked_for_again_once(aicc: Simulator) -> None:
    """A supplier is asked once more after a 401, and the message is left once."""
    tokens = [aicc.new_visitor("ada")]
    asked = 0

    async def supplier() -> str:
        nonlocal asked
        asked += 1
        return tokens[-1]

    async with _client(aicc, CookieToken(supplier)) as client:
        await client.leave_message(phone_no="1", content="first")
        aicc.expire_visitor(tokens[0])
        tokens.append(aicc.new_visitor("ada"))
        await client.leave_message(phone_no="1", content="second")

    assert 2 == asked
    assert ["first", "second"] == [message.content for message in aicc.messages]
    assert [200, 401, 200] == [request.status for request in aicc.requests]


async def test_a_token_that_the_service_renews_is_followed(aicc: Simulator, aicc_client: Client) -> None:
    """The token that an answer brings takes the place of the old one."""
    aicc.configure(renew_visitor_tokens=True)
    aicc.expire_visitor()

    await aicc_client.leave_message(phone_no="1", content="first")
    await aicc_client.leave_message(phone_no="1", content="second")

    first, second = (request.header("cookie") for request in aicc.requests)
    assert first != second
    assert ["first", "second"] == [message.content for message in aicc.messages]


async def test_an_applied_for_token_is_renewed_once(aicc: Simulator) -> None:
    """A `WebToken` is applied for, and once more when it was refused; each message is left once."""
    env = aicc.environment
    web_token = WebToken(
        AppKey(env["AIOCC_FABRIC_APP_KEY"], env["AIOCC_FABRIC_APP_SECRET"]),
        url=aicc.url("fabric"),
        channel_id="2404010101",
        user_id="ada",
        user_name="Ada",
    )
    async with _client(aicc, web_token) as client:
        await client.leave_message(phone_no="1", content="first")
        aicc.new_visitor("ada")  # the one token of this visitor is another now
        await client.leave_message(phone_no="1", content="second")

    assert ["first", "second"] == [message.content for message in aicc.messages]
    assert ["token", "apply_token", "leave_message", "leave_message", "apply_token", "leave_message"] == [
        request.operation for request in aicc.requests
    ]


@pytest.mark.parametrize(("phone_no", "content"), [("1", "x"), ("1" * 4000, "字" * 4000)])
async def test_an_argument_at_its_limit_is_sent_whole(
    aicc: Simulator, aicc_client: Client, phone_no: str, content: str
) -> None:
    """One character is enough, and the page names no longest text."""
    await aicc_client.leave_message(phone_no=phone_no, content=content)

    assert [(phone_no, content)] == [(message.phone_no, message.content) for message in aicc.messages]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phone_no": ""}, "phone_no must be text of at least 1 characters, not empty text"),
        ({"content": ""}, "content must be text of at least 1 characters, not empty text"),
        ({"phone_no": None}, "phone_no must be text of at least 1 characters, not None"),
        ({"phone_no": 123456}, "phone_no must be text of at least 1 characters, not a number: give text"),
        ({"content": b"x"}, "content must be text of at least 1 characters, not a bytes"),
        ({"content": True}, "content must be text of at least 1 characters, not a bool"),
        ({"content": "\ud800"}, "content must be text that UTF-8 can encode, not text with a lone surrogate"),
    ],
)
async def test_an_argument_past_its_limit_is_never_sent(
    aicc: Simulator, aicc_client: Client, change: dict[str, object], message: str
) -> None:
    """An argument past its limit names field, limit and what was given, and nothing is sent."""
    arguments = {"phone_no": "1", "content": "x", **change}

    said = await refused_argument(lambda: aicc_client.leave_message(**arguments))  # type: ignore[arg-type]  # on purpose

    assert message == said
    assert () == aicc.requests


def _client(aicc: Simulator, auth: CookieToken | WebToken) -> Client:
    return Client(webadapter=Service(aicc.url("webadapter"), auth=auth, tls=TLS(ca_file=aicc.ca_file)))
