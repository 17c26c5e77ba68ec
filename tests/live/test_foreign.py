"""An httpx transport of the user's in place of the pool: a mock, an ASGI application, httpx's own."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from typing import Any

import httpx
import pytest

from aiocc import (
    BadAnswerError,
    CallError,
    ClickToDial,
    Client,
    ConfigurationError,
    ConnectFailedError,
    ConnectionLostError,
    DeadlineUnknownError,
    Delivery,
    DeliveryUnknownError,
    DnsError,
    MediaAbility,
    PoolLimits,
    QueueTimeoutError,
    Reason,
    Service,
    TLSError,
)
from aiocc.auth import AppKey, CookieToken
from aiocc.simulator import Simulator
from aiocc.transport.tls import TLS

from .conftest import EFFECTS, QUICK, SAMPLES, Sample, effects, named, refusal
from .scripted import SUCCESS, TOKEN, answer, client_of, close, scripted

Respond = Callable[[httpx.Request], httpx.Response]


class Watched(httpx.MockTransport):
    """Counts what reaches it, and whether it was closed."""

    closed = 0

    def __init__(self, respond: Respond) -> None:
        self.seen: list[httpx.Request] = []
        super().__init__(lambda request: self.seen.append(request) or respond(request))

    async def aclose(self) -> None:
        self.closed += 1


def respond(request: httpx.Request) -> httpx.Response:
    """Answer every operation as its service does."""
    if request.url.path.endswith("tokenByAkSk"):
        return httpx.Response(200, json=TOKEN)
    endings = ("doLeaveMessage", "createClickToCall", "sendnoteletex", "queryOBSResultCode", "createcall")
    name = next(name for name, end in zip(SUCCESS, endings, strict=True) if request.url.path.endswith(end))
    return httpx.Response(200, json=SUCCESS[name])


def failing(error: Exception) -> Respond:
    """Raise this for whatever is sent."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    return fail


def over(transport: httpx.AsyncBaseTransport, url: str = "https://aicc.example.com") -> Client:
    """Make a client of this transport."""
    return client_of(url, transport=transport, retry=QUICK)


@pytest.mark.parametrize(**named(SAMPLES))
async def test_a_mock_serves_every_operation(sample: Sample) -> None:
    """Each operation works over a mock, which is not closed with the client."""
    mock = Watched(respond)
    async with over(mock) as client:
        await sample.perform(client)

    assert 0 == mock.closed
    assert "aicc.example.com" == mock.seen[-1].headers["host"]
    assert sample.request.operation.method == mock.seen[-1].method


async def asgi(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Echo the body's content, as the phone number's service would."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    description = json.loads(body)["leaveMessage"]
    content = json.dumps({"resultCode": "13", "resultDesc": f"{scope['path']}: {description}"}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": content})


async def test_an_asgi_application_serves() -> None:
    """An application in the same process is a service too."""
    async with over(httpx.ASGITransport(asgi)) as client:
        error = await refusal(client.leave_message(phone_no="1", content="hello"))

    expected = "/service-cloud/rest/webadapter/v1/webadapterfacade/doLeaveMessage: hello"
    assert ("13", expected) == (error.code, error.description)


@pytest.mark.parametrize("subclassed", [False, True], ids=["httpx's own", "a subclass"])
async def test_httpx_s_own_transport_serves_over_real_sockets(aicc: Simulator, subclassed: bool) -> None:
    """An AsyncHTTPTransport works over TLS, serves on after its client, and is the caller's to close."""

    class Sub(httpx.AsyncHTTPTransport):
        """Reports its steps as its parent does, which cannot be known."""

    transport = (Sub if subclassed else httpx.AsyncHTTPTransport)(
        verify=ssl.create_default_context(cafile=aicc.ca_file)
    )
    token = CookieToken(aicc.environment["AIOCC_WEBADAPTER_TOKEN"])
    async with transport:
        for _ in range(2):
            async with Client(webadapter=Service(aicc.url("webadapter"), auth=token, transport=transport)) as client:
                await client.leave_message(phone_no="1", content="x")

    assert 2 == effects(aicc)


async def test_an_auth_flow_that_sends_the_request_elsewhere_has_sent_it() -> None:
    """A flow may put a prefix before the path: what its answer says is said of the request, never that none went."""

    class Prefixed(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            url = request.url.copy_with(path=f"/behind{request.url.path}")
            yield httpx.Request(request.method, url, headers=request.headers, content=request.content)

    mock = Watched(respond)
    service = Service("https://10.10.10.2", auth=Prefixed(), transport=mock)
    async with Client(webadapter=service) as client:
        outcome = await client.send(ClickToDial(MediaAbility.VOICE))

    assert (Delivery.ACCEPTED, 1) == (outcome.delivery, len(mock.seen))


async def test_a_token_goes_over_the_given_transport() -> None:
    """A token and a business request of one service go over the same given transport."""
    mock = Watched(respond)
    service = Service("https://aicc.example.com/base/", auth=AppKey("key", "secret-of-the-app"), transport=mock)
    async with Client(fabric=service) as client:
        await client.create_call(called="1")

    assert [
        "/base/apigovernance/api/oauth/tokenByAkSk",
        "/base/apiaccess/ccmessaging/v1/mobileagent/createcall",
    ] == [request.url.path for request in mock.seen]


@pytest.mark.parametrize(
    ("error", "error_class", "reason", "requests"),
    [
        (httpx.ConnectError("no"), ConnectFailedError, Reason.CONNECT_FAILED, 3),
        (httpx.ConnectTimeout("no"), ConnectFailedError, Reason.CONNECT_TIMEOUT, 3),
        (httpx.PoolTimeout("no"), QueueTimeoutError, Reason.QUEUE_TIMEOUT, 1),
        (httpx.UnsupportedProtocol("no"), ConnectFailedError, Reason.CONNECT_FAILED, 3),
    ],
)
async def test_not_sent_is_what_httpx_proves(
    error: Exception, error_class: type[CallError], reason: Reason, requests: int
) -> None:
    """An exception that no connection carried the request is NOT_SENT, whichever transport raises it."""
    mock = Watched(failing(error))
    async with over(mock) as client:
        caught = await refusal(client.leave_message(phone_no="1", content="x"))

    assert (error_class, Delivery.NOT_SENT, reason) == (type(caught), caught.delivery, caught.reason)
    assert requests == len(mock.seen)


@pytest.mark.parametrize(**named(EFFECTS[:3]))
@pytest.mark.parametrize(
    ("error", "error_class"),
    [
        (httpx.ReadError("no"), ConnectionLostError),
        (httpx.WriteError("no"), ConnectionLostError),
        (httpx.CloseError("no"), ConnectionLostError),
        (httpx.ReadTimeout("no"), DeadlineUnknownError),
        (httpx.WriteTimeout("no"), DeadlineUnknownError),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), ConnectionLostError),
        (httpx.RemoteProtocolError("illegal status line"), BadAnswerError),
        (httpx.LocalProtocolError("no"), DeliveryUnknownError),
        (httpx.ProxyError("no"), DeliveryUnknownError),
        (RuntimeError("no"), DeliveryUnknownError),
        (OSError("no"), DeliveryUnknownError),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
async def test_everything_else_is_unknown_and_not_repeated(
    sample: Sample, error: Exception, error_class: type[CallError]
) -> None:
    """What a foreign transport does not prove is UNKNOWN, and an effect reaches it once."""
    mock = Watched(failing(error))
    async with over(mock) as client:
        caught = await refusal(sample.perform(client))

    assert (error_class, Delivery.UNKNOWN) == (type(caught), caught.delivery)
    assert 1 == len(mock.seen)
    assert None is caught.__cause__
    assert None is caught.__context__


async def test_the_text_of_a_foreign_error_is_not_shown() -> None:
    """A transport's own text may hold what was sent: only its class is named."""
    async with over(Watched(failing(RuntimeError("Cookie: cookie-of-the-visitor")))) as client:
        error = await refusal(client.leave_message(phone_no="1", content="x"))

    assert ("RuntimeError", False) == (error.description, "cookie-of-the-visitor" in str(error))


@pytest.mark.parametrize(("listening", "delivery"), [(False, Delivery.NOT_SENT), (True, Delivery.UNKNOWN)])
async def test_httpx_s_own_transport_reports_what_left(listening: bool, delivery: Delivery) -> None:
    """Over an AsyncHTTPTransport a refused port is NOT_SENT, and a closed connection UNKNOWN."""
    async with (
        scripted([close], listening=listening) as server,
        httpx.AsyncHTTPTransport() as transport,
        over(transport, server.url) as client,
    ):
        error = await refusal(client.leave_message(phone_no="1", content="x"))

    assert delivery is error.delivery
    assert (1 if listening else 0) == len(server.received)


async def test_a_foreign_transport_s_tls_error_is_named(aicc: Simulator) -> None:
    """An untrusted certificate is a TLSError over a given transport too."""
    async with (
        httpx.AsyncHTTPTransport(verify=ssl.create_default_context()) as transport,
        over(transport, aicc.url("webadapter")) as client,
    ):
        error = await refusal(client.leave_message(phone_no="1", content="x"))

    assert (TLSError, Reason.CERTIFICATE_UNTRUSTED) == (type(error), error.reason)
    assert () == aicc.requests


async def test_a_foreign_transport_s_dns_error_is_named() -> None:
    """A cause that says what went wrong is read from a ConnectError."""
    error = httpx.ConnectError("no")
    error.__cause__ = socket.gaierror(-2, "Name or service not known")
    async with over(Watched(failing(error))) as client:
        caught = await refusal(client.leave_message(phone_no="1", content="x"))

    assert (DnsError, "Name or service not known") == (type(caught), caught.description)


@pytest.mark.parametrize("location", ["https://evil.example.com/", "/elsewhere"])
async def test_a_redirect_is_not_followed_over_a_mock(location: str) -> None:
    """Neither credential nor body goes anywhere else."""
    mock = Watched(lambda _: httpx.Response(307, headers={"Location": location}))
    async with over(mock) as client:
        error = await refusal(client.leave_message(phone_no="1", content="x"))

    assert (Reason.REDIRECTED, 1) == (error.reason, len(mock.seen))


async def test_no_cookie_is_kept() -> None:
    """A Set-Cookie of one answer is not sent with the next request."""
    headers = {"Set-Cookie": "JSESSIONID=of-somebody; Path=/"}
    async with scripted([answer(SUCCESS["leave_message"], 200, headers)]) as server, client_of(server.url) as client:
        await client.leave_message(phone_no="1", content="x")
        await client.leave_message(phone_no="1", content="x")

    assert ["ccmessaging-token=cookie-of-the-visitor"] * 2 == [arrived.headers["cookie"] for arrived in server.received]


async def test_the_environment_s_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment never sees a request."""
    async with scripted([close]) as proxy, scripted([answer(SUCCESS["leave_message"])]) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with client_of(server.url) as client:
            await client.leave_message(phone_no="1", content="x")

    assert (0, 1) == (proxy.connections, len(server.received))


@pytest.mark.parametrize("option", [{"pool": PoolLimits()}, {"tls": TLS()}], ids=["pool", "tls"])
def test_a_transport_excludes_what_it_brings(option: dict[str, Any]) -> None:
    """A given transport has its own pool and TLS."""
    with pytest.raises(ConfigurationError, match="transport= brings its own pool and TLS"):
        Service("https://aicc.example.com", transport=httpx.MockTransport(respond), **option)
