"""What is refused where it is given: settings and arguments of another kind, by name, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from aiocc import TLS, Client, MediaAbility, Note, PoolLimits, Rate, RetryPolicy, Service, Timeouts
from aiocc.auth import AgentGuid, AkSk, AppKey, CookieToken, MemoryStore, Secret, WebToken, sign_c2
from aiocc.errors import ConfigurationError, InvalidRequestError
from aiocc.protocol.limits import AnswerLimits

S3CRET = "s3cret-text"
APP = AppKey("key", S3CRET)
FIELDS = {"url": "https://fabric.example", "channel_id": "1", "user_id": "u", "user_name": "U"}


async def _guid_hook(_: str) -> None:
    """Nobody would await it."""


SETTINGS: list[tuple[Callable[..., object], dict[str, Any]]] = [
    (TLS, {"insecure_no_verify": "no"}),
    (TLS, {"insecure_no_verify": 1}),
    (TLS, {"server_name": 5}),
    (TLS, {"server_name": ""}),
    (TLS, {"server_name": ".example"}),
    (TLS, {"ca_file": 5}),
    (TLS, {"ca_file": ""}),
    (TLS, {"ca_file": b"ca.pem"}),
    (TLS, {"client_cert": 5}),
    (TLS, {"client_cert": ""}),
    (TLS, {"client_cert": ("cert.pem",)}),
    (TLS, {"client_cert": ("cert.pem", "key.pem", 5)}),
    (TLS, {"client_cert": ["cert.pem", S3CRET]}),
    (AkSk, {"access_key": 5}),
    (AkSk, {"milliseconds": "no"}),
    (AkSk, {"blank_query_line": 1}),
    (AkSk, {"host": 5}),
    (AkSk, {"host": ""}),
    (AkSk, {"host": "a\r\nb"}),
    (AkSk, {"signed_headers": 5}),
    (AkSk, {"signed_headers": ("host", 5)}),
    (AkSk, {"signed_headers": ("host", "a b")}),
    (AkSk, {"signed_headers": ()}),
    (AppKey, {"lifetime": 1.5}),
    (AppKey, {"token_url": 5}),
    (AppKey, {"store": 5}),
    (WebToken, {"app_key": S3CRET}),
    (WebToken, {"url": 5}),
    (WebToken, {"store": {}}),
    (WebToken, {"locale": None}),
    (AgentGuid, {"cookies": 5}),
    (AgentGuid, {"cookies": S3CRET}),
    (AgentGuid, {"on_guid": 5}),
    (AgentGuid, {"on_guid": _guid_hook}),
    (CookieToken, {"send_as": 5}),
    (PoolLimits, {"max_connections": "5"}),
    (PoolLimits, {"max_idle": 0}),
    (PoolLimits, {"idle_expiry": True}),
    (Timeouts, {"read": None}),
    (AnswerLimits, {"depth": 1.5}),
    (RetryPolicy, {"on_unknown": []}),
    (RetryPolicy, {"allow_duplicate_calls": 1}),
    (Rate, {"per_second": "5"}),
    (Rate, {"burst": 0}),
    (Service, {"headers": 5}),
    (Service, {"headers": S3CRET}),
    (Service, {"headers": [5]}),
]
GOOD: dict[Callable[..., object], dict[str, Any]] = {
    AkSk: {"access_key": "ak", "secret_key": S3CRET},
    AppKey: {"app_key": "key", "app_secret": S3CRET},
    WebToken: {"app_key": APP, **FIELDS},
    AgentGuid: {"guid": S3CRET},
    CookieToken: {"value": S3CRET},
    Rate: {"per_second": 5},
    Service: {"url": "https://fabric.example"},
}


@pytest.mark.parametrize(
    ("make", "bad"),
    SETTINGS,
    ids=[f"{number}-{make.__name__}-{next(iter(bad))}" for number, (make, bad) in enumerate(SETTINGS)],
)
def test_a_setting_of_another_kind_is_named(make: Callable[..., object], bad: dict[str, Any]) -> None:
    """A setting that is none is refused when it is given, by its name; what was given is not shown."""
    with pytest.raises(ConfigurationError, match=next(iter(bad))) as caught:
        make(**{**GOOD.get(make, {}), **bad})
    assert S3CRET not in str(caught.value)


def test_settings_are_taken_as_documented() -> None:
    """Paths are files too, a password hides itself, and one header to sign needs no list."""
    tls = TLS(ca_file=Path("ca.pem"), client_cert=("cert.pem", "key.pem", "word"), server_name="h")

    assert ("ca.pem", ("cert.pem", "key.pem", Secret("word"))) == (tls.ca_file, tls.client_cert)
    assert "cert.pem" == TLS(client_cert="cert.pem").client_cert
    assert {"milliseconds": True, "host": "h:1"} == AkSk(
        "ak", "sk", milliseconds=True, host="h:1", signed_headers="Host"
    ).switches
    assert "<WebToken>" == repr(WebToken(APP, **FIELDS, store=MemoryStore()))


def signed(access_key: str | Secret) -> str:
    return sign_c2(
        access_key=access_key, secret_key="sk", method="GET", path="/", headers={"host": "h"}, timestamp="2024"
    )


def test_an_access_key_may_hide_itself() -> None:
    """A `Secret` is signed as the text it holds."""
    assert signed("ak") == signed(Secret("ak"))


@pytest.fixture
def arrived() -> list[httpx.Request]:
    """What was sent by `client`."""
    return []


@pytest.fixture
async def client(arrived: list[httpx.Request]) -> Any:
    """A client whose every request is kept, and answered as accepted."""

    def answer(request: httpx.Request) -> httpx.Response:
        arrived.append(request)
        return httpx.Response(200, json={"resultCode": "0", "retcode": "0"})

    transport = httpx.MockTransport(answer)
    async with Client(
        webadapter=Service("https://web.example", auth=CookieToken("token"), transport=transport),
        gateway=Service("https://gateway.example", transport=transport),
        isales=Service("https://isales.example", auth=AkSk("ak", "sk"), transport=transport),
    ) as client:
        client.agent(101, guid="guid")
        yield client


OPTIONS: list[dict[str, Any]] = [
    {"deadline": float("nan")},
    {"headers": S3CRET},
    {"headers": 5},
    {"hooks": 5},
]


@pytest.mark.parametrize("bad", OPTIONS, ids=str)
async def test_an_option_of_a_view_is_named(client: Client, bad: dict[str, Any]) -> None:
    """An option that cannot work is refused when the view is made."""
    with pytest.raises(ConfigurationError, match=next(iter(bad))) as caught:
        client.with_options(**bad)
    assert S3CRET not in str(caught.value)


REQUESTS: list[dict[str, Any]] = [
    {"path": 5},
    {"path": None},
    {"method": 5},
    {"path_params": 5},
    {"path_params": S3CRET},
    {"query": 5},
    {"json": S3CRET},
    {"envelope": 5},
    {"repeatable": "no"},
]


@pytest.mark.parametrize("bad", REQUESTS, ids=str)
async def test_an_argument_of_any_request_is_named(
    client: Client, arrived: list[httpx.Request], bad: dict[str, Any]
) -> None:
    """What no request can be made of is refused by name, of the client's requests and of an agent's."""
    arguments = {"method": "GET", "path": "/x", **bad}
    for request, more in ((client.request, {"service": "isales"}), (client.agent(101).request, {})):
        with pytest.raises(InvalidRequestError, match=next(iter(bad))) as caught:
            await request(**arguments, **more)
        assert S3CRET not in str(caught.value)

    assert [] == arrived


async def test_headers_of_any_request_are_named(client: Client, arrived: list[httpx.Request]) -> None:
    """So are its headers."""
    with pytest.raises(ConfigurationError, match="headers"):
        await client.request("isales", "GET", "/x", headers=S3CRET)  # type: ignore[arg-type]
    assert [] == arrived


RUNS: list[dict[str, Any]] = [
    {"agents": 101},
    {"agents": "101"},
    {"agents": []},
    {"notes": 5},
    {"concurrency": 0},
    {"rate": 5},
    {"journal": 5},
    {"resend_unknown": "no"},
    {"on_progress": 5},
    {"on_invalid": "no"},
    {"bisect": "no"},
    {"deadline": float("nan")},
]


@pytest.mark.parametrize("bad", RUNS, ids=str)
async def test_an_option_of_a_fan_out_is_named(client: Client, bad: dict[str, Any]) -> None:
    """An option that cannot work is refused when the run is made."""
    arguments: dict[str, Any] = {"notes": [Note([102], "x")], "agents": [101], **bad}
    with pytest.raises(InvalidRequestError, match=next(iter(bad))):
        client.send_notes(**arguments)


@pytest.mark.parametrize("deadline", [0, -1])
async def test_a_budget_that_is_spent_sends_nothing(
    client: Client, arrived: list[httpx.Request], deadline: float
) -> None:
    """No time left, or less than none, is a deadline like another: nothing is sent, and the report says so."""
    report = await client.send_notes([Note([102], "x")], agents=[101], deadline=deadline)

    assert (False, 0) == (report.complete, len(arrived))


async def test_who_is_told_a_guid_is_called_and_not_awaited(client: Client) -> None:
    """`on_guid` is a plain function for an agent that is signed in already, and for one who signs in."""
    for bad in (5, _guid_hook):
        with pytest.raises(ConfigurationError, match="on_guid must be a plain function"):
            client.agent(101, on_guid=bad)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="on_guid must be a plain function"):
            client.sign_in(101, password="word", phone="1", on_guid=bad)  # type: ignore[arg-type]


async def test_a_supplier_of_tokens_must_be_async(client: Client, arrived: list[httpx.Request]) -> None:
    """A plain function that gives the token itself is named as what it is, under our client and under httpx's."""
    plain: Any = CookieToken(lambda: S3CRET)  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigurationError, match="an async function") as caught:
        await client.visitor(plain).click_to_dial(MediaAbility.VOICE)
    assert S3CRET not in str(caught.value)
    transport = httpx.MockTransport(lambda request: httpx.Response(200, request=request))
    async with httpx.AsyncClient(auth=plain, transport=transport) as http:
        with pytest.raises(ConfigurationError, match="an async function"):
            await http.get("https://web.example/x")

    assert [] == arrived
