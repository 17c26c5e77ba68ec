"""What hostile services and careless strategies once could do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from aiocc import (
    Client,
    CreateCall,
    CredentialError,
    Delivery,
    LeaveMessage,
    QueryObsResultCodes,
    Reason,
    Service,
    Timeouts,
)
from aiocc.auth import AkSk, AppKey, CookieToken, WebToken

from .scripted import SUCCESS, Act, answer, client_of, close, scripted

CALL = CreateCall(called="88884432")
MESSAGE = LeaveMessage(phone_no="123456", content="x")


class Copying(httpx.Auth):
    """Yields a signed copy, as httpx allows."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        headers = {**request.headers, "X-Signature": "abcdef"}
        yield httpx.Request(request.method, request.url, headers=headers, content=request.content)


class Insisting(httpx.Auth):
    """Sends again after any failure."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        response = yield request
        if response.status_code >= 400:
            yield request


class Raising(httpx.Auth):
    """Fails on the answer."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        yield request
        raise RuntimeError("could not read the answer")


class Slow(httpx.Auth):
    """Takes its time before the request."""

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await anyio.sleep(30)
        yield request


@pytest.mark.parametrize(
    ("auth", "act", "reason"),
    [
        (Copying(), close, Reason.CONNECTION_CLOSED),
        (Insisting(), answer("oops", 502), Reason.FRONT_END),
        (Raising(), answer({}), Reason.INTERNAL),
    ],
    ids=["copying", "insisting", "raising"],
)
async def test_a_flow_of_the_users_own_dials_once(auth: httpx.Auth, act: Act, reason: Reason) -> None:
    """Whatever an auth flow yields, a dialled call leaves once, and its fate is UNKNOWN when no answer settles it."""
    async with scripted([act]) as server, Client(fabric=Service(server.url, auth=auth)) as client:
        outcome = await client.send(CALL)

    assert (1, Delivery.UNKNOWN) == (len(server.received), outcome.delivery)
    assert outcome.error is not None
    assert reason is outcome.error.reason


class Unfinished(httpx.Auth):
    """Fetches a token, and never sends the request."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        yield httpx.Request("GET", request.url.join("/token"))


async def test_a_tokens_answer_is_not_taken_for_the_calls() -> None:
    """A flow that ends after its own request has sent no call, whatever that request was answered."""
    async with (
        scripted([answer(SUCCESS["create_call"])]) as server,
        Client(fabric=Service(server.url, auth=Unfinished())) as client,
    ):
        outcome = await client.send(CALL)

    assert ["GET"] == [arrived.method for arrived in server.received]
    assert Delivery.NOT_SENT is outcome.delivery


async def test_a_flow_of_the_users_own_obeys_the_deadline() -> None:
    """What an auth flow awaits is inside the deadline, and nothing was sent by then."""
    async with scripted([close]) as server:
        service = Service(server.url, auth=Slow(), timeouts=Timeouts(total=0.05))
        async with Client(fabric=service) as client:
            outcome = await client.send(CALL)

    assert ([], Delivery.NOT_SENT) == (server.received, outcome.delivery)


class OddError(CredentialError):
    """An error whose class wants other arguments."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


async def test_a_supplier_that_fails_oddly_harms_no_other() -> None:
    """A strategy's odd error, or a cancellation that is not its own, ends no renewal but its own."""

    async def odd() -> str:
        raise OddError("no", "token")

    async def cancelled() -> str:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anyio.lowlevel.checkpoint()
        raise OddError("still", "none")

    async def good() -> str:
        await anyio.lowlevel.checkpoint()
        return "token-of-a-visitor"

    async with scripted([answer(SUCCESS["leave_message"])]) as server, client_of(server.url) as client:
        found = [
            (await client.visitor(CookieToken(supplier)).send(MESSAGE)).delivery for supplier in (odd, cancelled, good)
        ]

    assert [Delivery.NOT_SENT, Delivery.NOT_SENT, Delivery.ACCEPTED] == found


TOKEN: dict[str, Any] = {"AccessToken": "token-of-the-app", "ApplyType": "Bearer", "Expires": "600"}


@pytest.mark.parametrize(
    "change",
    [{"ApplyType": "\u0412earer"}, {"Expires": "9" * 351}, {"Expires": "nan"}, {"Expires": -1}, {"ApplyType": None}],
    ids=["cyrillic", "huge", "nan", "negative", "null"],
)
async def test_odd_fields_beside_a_token_do_no_harm(change: dict[str, Any]) -> None:
    """A token whose word or life time is odd is used as a bearer token of the usual life."""
    seen: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("tokenByAkSk"):
            return httpx.Response(200, json=TOKEN | change)
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json=SUCCESS["create_call"])

    service = Service("https://10.10.10.5", auth=AppKey("app-key", "s"), transport=httpx.MockTransport(respond))
    async with Client(fabric=service) as client:
        outcome = await client.send(CALL)

    assert Delivery.ACCEPTED is outcome.delivery
    assert ["Bearer token-of-the-app"] == seen


async def test_a_bearer_that_a_refusal_echoes_is_hidden() -> None:
    """What applyToken says of its refusal is shown without the bearer token it was asked with."""

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("tokenByAkSk"):
            return httpx.Response(200, json=TOKEN)
        return httpx.Response(200, json={"resultCode": "1", "resultDesc": f"bad {request.headers['authorization']}"})

    url = "https://10.10.10.5"
    auth = WebToken(AppKey("app-key", "s"), url=url, channel_id="1", user_id="u", user_name="U")
    async with Client(webadapter=Service(url, auth=auth, transport=httpx.MockTransport(respond))) as client:
        outcome = await client.send(MESSAGE)

    assert Delivery.NOT_SENT is outcome.delivery
    assert "token-of-the-app" not in str(outcome.error) + repr(outcome.error.__cause__ if outcome.error else None)


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"])
async def test_a_mad_clock_is_not_followed(date: str) -> None:
    """A service whose Date is days away is not believed, and later calls are signed by this machine's clock."""
    acts = [answer({}, 401, {"Date": date}), answer(SUCCESS["obs_result_codes"])]
    async with scripted(acts) as server:
        service = Service(server.url, auth=AkSk("access-key", "secret-key"))
        async with Client(isales=service) as client:
            found = [(await client.send(QueryObsResultCodes(1))).delivery for _ in range(2)]

    assert [Delivery.REJECTED, Delivery.ACCEPTED] == found
    assert 2 == len(server.received)
