"""Create a click-to-dial call, over real sockets."""

from __future__ import annotations

import pytest

from aiocc import (
    TLS,
    AuthenticationError,
    Client,
    Delivery,
    DeliveryUnknownError,
    DialReceipt,
    MediaAbility,
    RejectedError,
    Service,
)
from aiocc.auth import CookieToken
from aiocc.simulator import ClickToDialCall, Simulator

from .conftest import common_headers, effects, refusal, refused_argument, told

PATH = "/service-cloud/rest/webadapter/v1/webadapterfacade/createClickToCall"


@pytest.mark.parametrize(("media", "sent"), [(MediaAbility.VOICE, "0"), (MediaAbility.VIDEO, "1"), ("1", "1")])
async def test_a_call_is_dialled_once(aicc: Simulator, media: MediaAbility, sent: str) -> None:
    """A success is a receipt, and one call of this visitor in the ledger."""
    async with _client(aicc, CookieToken(aicc.new_visitor("ada"))) as client:
        receipt = await client.click_to_dial(media)

    assert DialReceipt() == receipt
    assert (ClickToDialCall("ada", sent),) == aicc.dials
    assert 1 == len(aicc.requests)


async def test_what_leaves_is_what_the_page_says(aicc: Simulator, aicc_client: Client) -> None:
    """Method, path, every header and the body's bytes are those of the page."""
    await aicc_client.click_to_dial(MediaAbility.VIDEO)

    (seen,) = aicc.requests
    assert ("POST", PATH) == (seen.method, seen.target)
    assert [
        ("Host", aicc.url("webadapter").removeprefix("https://")),
        *common_headers("application/json; charset=UTF-8"),
        ("Content-Length", "20"),
        ("Cookie", f"ccmessaging-token={aicc.environment['AIOCC_WEBADAPTER_TOKEN']}"),
    ] == list(seen.headers)
    assert b'{"mediaAbility":"1"}' == seen.body


@pytest.mark.parametrize(
    ("code", "error_class", "delivery", "meaning"),
    [
        ("7", RejectedError, Delivery.REJECTED, "The channel has no click-to-dial."),
        ("12", RejectedError, Delivery.REJECTED, "Outside working hours."),
        (
            "13",
            DeliveryUnknownError,
            Delivery.UNKNOWN,
            "Exception: connecting failed, or no agent is free.",
        ),
        ("4711", DeliveryUnknownError, Delivery.UNKNOWN, None),
    ],
)
async def test_each_failure_code_is_its_error(
    aicc: Simulator,
    aicc_client: Client,
    *,
    code: str,
    error_class: type[Exception],
    delivery: Delivery,
    meaning: str | None,
) -> None:
    """A failure code is an error with its delivery, meaning and text, and is never repeated."""
    aicc.answer_with("click_to_dial", code=code, description="why not")

    error = await refusal(aicc_client.click_to_dial(MediaAbility.VOICE))

    assert (error_class, delivery, code, meaning, "why not") == told(error)
    assert (0, 1) == (effects(aicc), len(aicc.requests))


async def test_a_channel_that_is_not_configured_is_refused(aicc: Simulator, aicc_client: Client) -> None:
    """A channel without click-to-dial is a rejection: nobody was dialled."""
    aicc.channel_configured = False

    error = await refusal(aicc_client.click_to_dial(MediaAbility.VOICE))

    assert (RejectedError, "7", 0) == (type(error), error.code, effects(aicc))


async def test_a_wrong_token_is_refused_once(aicc: Simulator) -> None:
    """A token that the service does not know is an AuthenticationError after one request."""
    async with _client(aicc, CookieToken("not-the-token")) as client:
        error = await refusal(client.click_to_dial(MediaAbility.VOICE))

    assert (AuthenticationError, Delivery.REJECTED) == (type(error), error.delivery)
    assert (0, 1) == (effects(aicc), len(aicc.requests))


async def test_an_expired_token_is_asked_for_again_once(aicc: Simulator) -> None:
    """A supplier is asked once more after a 401, and the call is dialled once."""
    given: list[str] = []

    async def supplier() -> str:
        given.append(aicc.new_visitor("ada"))
        if len(given) == 1:
            aicc.expire_visitor(given[0])
        return given[-1]

    async with _client(aicc, CookieToken(supplier)) as client:
        await client.click_to_dial(MediaAbility.VOICE)

    assert (ClickToDialCall("ada", "0"),) == aicc.dials
    assert [401, 200] == [request.status for request in aicc.requests]
    assert 2 == len(given)


@pytest.mark.parametrize(
    ("media", "given"),
    [("2", "text of 1 characters"), ("", "empty text"), (1, "1"), (True, "a bool"), (None, "None")],
)
async def test_an_argument_past_its_limit_is_never_sent(
    aicc: Simulator, aicc_client: Client, media: MediaAbility, given: str
) -> None:
    """Anything but voice and video names field, limit and what was given, and nothing is sent."""
    said = await refused_argument(lambda: aicc_client.click_to_dial(media))

    assert f"media must be MediaAbility.VOICE ('0') or MediaAbility.VIDEO ('1'), not {given}" == said
    assert () == aicc.requests


def _client(aicc: Simulator, auth: CookieToken) -> Client:
    return Client(webadapter=Service(aicc.url("webadapter"), auth=auth, tls=TLS(ca_file=aicc.ca_file)))
