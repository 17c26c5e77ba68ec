"""Every strategy serves a plain httpx client, against the simulator and against functions that answer."""

import json
import re

import anyio
import anyio.lowlevel
import httpx
import pytest

from aiocc.auth import AgentGuid, AkSk, AppKey, CookieToken, Credential, Secret, Strategy, WebToken, sign_c2
from aiocc.errors import CredentialError

JSON = {"Content-Type": "application/json; charset=UTF-8"}
ADAPTER = "/service-cloud/rest/webadapter/v1/webadapterfacade/doLeaveMessage"
NOTE = "/agentgateway/resource/onlineagent/101/sendnoteletex"
OBS = "/rest/isales/v1/openapi/campaigns/1/queryOBSResultCode?pageSize=50&pageNum=1"
CALL = "/apiaccess/ccmessaging/v1/mobileagent/createcall"
MESSAGE = {"phoneNo": "123456", "leaveMessage": "call back"}
TOKEN = {"AccessToken": "t0ken-1", "ApplyType": "Bearer", "Expires": "600"}


def app_key(aicc, **options):
    """Authenticate at the simulator's API Fabric."""
    return AppKey(aicc.environment["AIOCC_FABRIC_APP_KEY"], aicc.environment["AIOCC_FABRIC_APP_SECRET"], **options)


def web_token(aicc):
    """Apply for a visitor's token at the simulator."""
    return WebToken(
        app_key(aicc), url=aicc.url("fabric"), channel_id="c1", user_id="u1", user_name="Ada", locale="zh_CN"
    )


def supplied(aicc):
    """Have a visitor's token from the application, which takes its time."""

    async def supply():
        await anyio.sleep(0.001)
        return aicc.new_visitor("u2")

    return CookieToken(supply)


OPERATIONS = {
    "cookie": ("webadapter", "POST", ADAPTER, MESSAGE, lambda s: CookieToken(s.environment["AIOCC_WEBADAPTER_TOKEN"])),
    "supplier": ("webadapter", "POST", ADAPTER, MESSAGE, supplied),
    "web token": ("webadapter", "POST", ADAPTER, MESSAGE, web_token),
    "guid": (
        "gateway",
        "POST",
        NOTE,
        {"agentIds": [31002], "content": "hello"},
        lambda s: AgentGuid(s.environment["AIOCC_AGENT_GUID"]),
    ),
    "aksk": (
        "isales",
        "GET",
        OBS,
        None,
        lambda s: AkSk(s.environment["AIOCC_ISALES_ACCESS_KEY"], s.environment["AIOCC_ISALES_SECRET_KEY"]),
    ),
    "app key": ("fabric", "POST", CALL, {"called": "88884432"}, app_key),
    "app key elsewhere": (
        "fabric",
        "POST",
        CALL,
        {"called": "88884432"},
        lambda s: app_key(s, token_url=s.url("fabric")),
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_strategy_serves_httpx(aicc, http, name):
    """A plain httpx client with the strategy performs the operation, twice with one credential."""
    service, method, path, body, make = OPERATIONS[name]
    auth = make(aicc)

    for _ in range(2):
        response = await http.request(method, aicc.url(service) + path, json=body, headers=JSON, auth=auth)

        code = response.json().get("resultCode", response.json().get("retcode"))
        assert (200, "", []) == (response.status_code, code.strip("02"), response.history)
    operations = [request.operation for request in aicc.requests]
    assert len(set(operations)) + 1 == len(operations)


@pytest.mark.parametrize(
    ("name", "spoil", "seen"),
    [
        ("app key", lambda s: s.expire_tokens(), ["create_call", "token", "create_call"]),
        ("supplier", lambda s: s.new_visitor("u2"), ["leave_message", "leave_message"]),
        ("web token", lambda s: s.new_visitor("u1"), ["leave_message", "apply_token", "leave_message"]),
        (
            "web token",
            lambda s: (s.new_visitor("u1"), s.expire_tokens()),
            ["leave_message", "apply_token", "token", "apply_token", "leave_message"],
        ),
    ],
)
async def test_refused_credential_is_renewed(aicc, http, name, spoil, seen):
    """Row 54: a refused credential is renewed once and the same request sent again with the new one alone."""
    service, method, path, body, make = OPERATIONS[name]
    auth = make(aicc)
    url = aicc.url(service) + path
    await http.request(method, url, json=body, headers=JSON, auth=auth)
    before = len(aicc.requests)
    spoil(aicc)

    response = await http.request(method, url, json=body, headers=JSON, auth=auth)

    after = aicc.requests[before:]
    names = [name.lower() for name, _ in after[-1].headers]
    assert (200, seen) == (response.status_code, [request.operation for request in after])
    assert (after[0].body, len(set(names))) == (after[-1].body, len(names))


async def test_new_guid_is_used(aicc, http):
    """A GUID that an answer brings is sent from then on, and the application is told."""
    told = []
    auth = AgentGuid(aicc.environment["AIOCC_AGENT_GUID"], on_guid=told.append)
    new = aicc.rotate_guid(101)

    codes = []
    for _ in range(2):
        body = {"agentIds": [31002], "content": "hello"}
        response = await http.post(aicc.url("gateway") + NOTE, json=body, headers=JSON, auth=auth)
        codes.append(response.json()["retcode"])

    assert (["0", "0"], [new], new) == (codes, told, aicc.requests[-1].header("guid"))


class Service:
    """A service that answers from a table by the end of the path, and keeps what it was asked."""

    def __init__(self, **answers: list[httpx.Response]) -> None:
        self.answers = answers
        self.asked: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        await anyio.lowlevel.checkpoint()
        self.asked.append(httpx.Request(request.method, request.url, headers=request.headers, content=request.content))
        answers = self.answers[request.url.path.rpartition("/")[2]]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)

    def client(self, auth: httpx.Auth) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self), auth=auth)


def reply(status: int = 200, data: object = None, **headers: str) -> httpx.Response:
    """Answer with JSON, or with bytes as they are."""
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    return httpx.Response(status, content=content, headers=headers)


async def test_secret_goes_to_one_origin():
    """The app secret goes to the token's address alone, and the token to the service alone."""
    service = Service(tokenByAkSk=[reply(200, TOKEN)], x=[reply(200, {"resultCode": "0"})])
    auth = AppKey("my-app-key", "my-app-secret", token_url="https://tokens.example")

    async with service.client(auth) as client:
        await client.get("https://fabric.example/x")

    assert [("tokens.example", True, False), ("fabric.example", False, True)] == [
        (r.url.host, b"my-app-secret" in r.content, "t0ken-1" in r.headers.get("authorization", ""))
        for r in service.asked
    ]


async def test_refused_for_ever():
    """Row 56: after one replay a refusal stands; the refused answer is in the history, the token's is not."""
    service = Service(tokenByAkSk=[reply(200, TOKEN)], x=[reply(401, {})])

    async with service.client(AppKey("k", "s")) as client:
        response = await client.post("https://fabric.example/x", json={"called": "1"})

    paths = [request.url.path.rpartition("/")[2] for request in service.asked]
    assert (401, [401]) == (response.status_code, [earlier.status_code for earlier in response.history])
    assert ["tokenByAkSk", "x", "tokenByAkSk", "x"] == paths


async def test_no_token_is_our_error():
    """Where no token can be had, the CredentialError comes by itself, and the request is not sent."""
    service = Service(tokenByAkSk=[reply(403, {"errorCode": "0", "exceptionInfo": "unknown my-app-secret"})])

    async with service.client(AppKey("my-app-key", "my-app-secret")) as client:
        with pytest.raises(CredentialError, match=re.escape("HTTP 403: unknown ***")):
            await client.get("https://fabric.example/x")

    assert 1 == len(service.asked)


async def test_request_is_signed_as_it_is_sent():
    """Query, path and body of an httpx request are signed as they go over the wire, a streamed body too."""

    async def stream():
        yield b'{"say": '
        yield b'"Hello world!"}'

    service = Service(ping=[reply(200, {})])

    async with service.client(AkSk("AK", "SK", signed_headers=("host", "x-b"))) as client:
        await client.post(
            "https://h.example:28080/rest/ping?a+b=c%2Bd&z=", content=stream(), headers={"X-B": "1", "Cookie": "c=d"}
        )

    sent = service.asked[0]
    value = sent.headers["authorization"]
    assert value == sign_c2(
        access_key="AK",
        secret_key="SK",
        method="POST",
        path="/rest/ping",
        query={"a b": "c+d", "z": ""},
        headers={"host": "h.example:28080", "x-b": "1"},
        body='{"say": "Hello world!"}',
        timestamp=value.split("/")[2],
    )
    assert "c=d" == sent.headers["cookie"]


async def test_cookie_joins_those_of_the_client():
    """A visitor's token joins the cookies that httpx sends, in one header."""
    service = Service(x=[reply(200, {})])

    async with service.client(CookieToken("abc%3D")) as client:
        await client.get("https://h.example/x", headers={"Cookie": "a=b"})

    assert "a=b; ccmessaging-token=abc%3D" == service.asked[0].headers["cookie"]


@pytest.mark.parametrize(
    ("data", "headers", "codes"),
    [
        ({"retcode": "100-006"}, {}, 2),
        ('{"retcode":"100-006","message":"座席"}'.encode("gbk"), {"Content-Type": "application/json;charset=GBK"}, 2),
        ({"retcode": "0"}, {}, 1),
        (b"<html>", {}, 1),
        (b"[]", {}, 1),
        (b"", {}, 1),
        (b"[" * 200_000, {}, 1),
        (b'{"retcode":"100-006","retcode":"0"}', {}, 1),
    ],
    ids=lambda value: None if not isinstance(value, bytes) else f"{len(value)} bytes",
)
async def test_code_of_the_envelope_is_read(data, headers, codes):
    """A GUID that changed meanwhile is sent once more after 100-006 with HTTP 200; what cannot be read is passed on."""
    auth = AgentGuid("old.AgentGateway1")
    answers = [reply(200, data, **headers), reply(200, {"retcode": "0"})]

    async def answer(request: httpx.Request) -> httpx.Response:
        await anyio.lowlevel.checkpoint()
        seen.append(request.headers["guid"])
        auth.learn("new.AgentGateway1")
        return answers.pop(0)

    seen: list[str] = []
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=auth) as client:
        response = await client.post("https://h.example/x", json={})

    assert (200, ["old.AgentGateway1", "new.AgentGateway1"][:codes]) == (response.status_code, seen)


@pytest.mark.parametrize(
    ("auth", "header", "expected"),
    [
        (AkSk("AK", "SK"), "authorization", "auth-v2/AK/"),
        (CookieToken("abc"), "cookie", "ccmessaging-token=abc"),
        (AgentGuid("abc"), "guid", "abc"),
    ],
)
def test_synchronous_face(auth, header, expected):
    """A strategy that needs no I/O serves a synchronous client too, and is final there after one replay."""
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers[header])
        return httpx.Response(401, json={})

    with httpx.Client(transport=httpx.MockTransport(answer), auth=auth) as client:
        response = client.post("https://h.example/x", json={})

    assert (401, [True]) == (response.status_code, [value.startswith(expected) for value in seen])


@pytest.mark.parametrize("name", ["cookie", "guid", "aksk"])
def test_strategy_serves_synchronous_httpx(aicc, trust, name):
    """A plain synchronous client performs the operations whose credential needs no I/O."""
    service, method, path, body, make = OPERATIONS[name]
    with httpx.Client(auth=make(aicc), verify=trust, trust_env=False) as client:
        responses = [client.request(method, aicc.url(service) + path, json=body, headers=JSON) for _ in range(2)]

    codes = [response.json().get("resultCode", response.json().get("retcode")) for response in responses]
    assert ([200, 200], ["", ""]) == ([response.status_code for response in responses], [c.strip("02") for c in codes])
    assert 2 == len(aicc.requests)


def test_synchronous_replay():
    """A GUID that changed meanwhile is sent once more by a synchronous client."""
    auth = AgentGuid("old")
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["guid"])
        auth.learn(f"new-{len(seen)}")
        return httpx.Response(200, json={"retcode": "100-006"})

    with httpx.Client(transport=httpx.MockTransport(answer), auth=auth) as client:
        client.post("https://h.example/x", json={})

    assert ["old", "new-1"] == seen


class Pause:
    """An await that only an event loop can end."""

    def __await__(self):
        yield "wake me"


class Surprising(Strategy):
    """A strategy of a user's that forgot to say that it does I/O."""

    async def credential(self, fetch, /, *, rejected=None):
        await Pause()
        return Credential(Secret("s"))

    def apply(self, head, credential, /):
        head.headers.append(("X", "y"))


async def supply() -> str:
    """Supply a token."""
    return "abc"


APP_KEY = AppKey("k", "s")


@pytest.mark.parametrize(
    "auth",
    [
        APP_KEY,
        WebToken(APP_KEY, url="https://h.example", channel_id="c", user_id="u", user_name="n"),
        CookieToken(supply),
        Surprising(),
    ],
    ids=lambda auth: type(auth).__name__,
)
def test_synchronous_face_is_refused(auth):
    """A strategy that needs I/O says so to a synchronous client, which sends nothing."""
    seen = []

    with (
        httpx.Client(transport=httpx.MockTransport(seen.append), auth=auth) as client,
        pytest.raises(RuntimeError, match=f"{type(auth).__name__} needs I/O: use it in an httpx.AsyncClient"),
    ):
        client.get("https://h.example/x")

    assert [] == seen


async def test_error_of_a_supplier_passes():
    """What a user's supplier raises comes out as it is, and nothing is sent."""

    async def fail() -> str:
        await anyio.lowlevel.checkpoint()
        raise LookupError("no visitor")

    service = Service(x=[reply(200, {})])

    async with service.client(CookieToken(fail)) as client:
        with pytest.raises(LookupError, match="no visitor"):
            await client.get("https://h.example/x")

    assert [] == service.asked


async def test_supplier_can_be_cancelled():
    """A cancelled request cancels the supplier it waits for, and the next request asks again."""
    ended = []

    async def hang_once() -> str:
        if not ended:
            try:
                await anyio.sleep_forever()
            finally:
                ended.append("cancelled")
        return "abc"

    service = Service(x=[reply(200, {})])

    async with service.client(CookieToken(hang_once)) as client:
        with anyio.move_on_after(0.005) as scope:
            await client.get("https://h.example/x")
        response = await client.get("https://h.example/x")

    assert (True, ["cancelled"], 200) == (scope.cancelled_caught, ended, response.status_code)


async def test_one_fetch_at_a_time():
    """Rows 55, 57: however many requests wait for it, a token is fetched once, and after its refusal once more."""
    fetched = []
    statuses = []

    async def answer(request: httpx.Request) -> httpx.Response:
        await anyio.lowlevel.checkpoint()
        if request.url.path.endswith("tokenByAkSk"):
            fetched.append(f"t0ken-{len(fetched) + 1}")
            return reply(200, {**TOKEN, "AccessToken": fetched[-1]})
        return reply(401 if request.headers["authorization"].endswith("t0ken-1") else 200, {})

    async def call(client: httpx.AsyncClient) -> None:
        statuses.append((await client.get("https://fabric.example/x")).status_code)

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=AppKey("k", "s")) as client,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(20):
            tasks.start_soon(call, client)

    assert ([200] * 20, ["t0ken-1", "t0ken-2"]) == (statuses, fetched)


async def test_one_fetch_for_many_visitors():
    """Rows 55, 57: visitors who apply for their tokens at once share one fetch of their app key's token."""
    fetched = []

    async def answer(request: httpx.Request) -> httpx.Response:
        await anyio.lowlevel.checkpoint()
        fetched.append(request.url.path.rpartition("/")[2])
        return reply(200, {**TOKEN, "token": "abc"})

    async def call(client: httpx.AsyncClient, auth: WebToken) -> None:
        await client.get("https://adapter.example/x", auth=auth)

    app_key = AppKey("k", "s")
    visitor = {"url": "https://fabric.example", "channel_id": "c", "user_name": "n"}
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client,
        anyio.create_task_group() as tasks,
    ):
        for number in range(5):
            tasks.start_soon(call, client, WebToken(app_key, user_id=f"u{number}", **visitor))

    assert (1, 5, 5) == (fetched.count("tokenByAkSk"), fetched.count("applyToken"), fetched.count("x"))


async def test_next_waiter_takes_over():
    """Row 57: a fetch that its first waiter's cancellation ended is done by the next, never by two at once."""
    at_once = []
    now = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal now
        if not request.url.path.endswith("tokenByAkSk"):
            return reply(200, {})
        now += 1
        at_once.append(now)
        try:
            if len(at_once) == 1:
                await anyio.sleep_forever()
            await anyio.lowlevel.checkpoint()
        finally:
            now -= 1
        return reply(200, TOKEN)

    statuses = []

    async def call(scope: anyio.CancelScope) -> None:
        with scope:
            statuses.append((await client.get("https://fabric.example/x")).status_code)

    first = anyio.CancelScope()
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=AppKey("k", "s")) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(call, first)
        await anyio.wait_all_tasks_blocked()
        for _ in range(5):
            tasks.start_soon(call, anyio.CancelScope())
        await anyio.wait_all_tasks_blocked()
        first.cancel()

    assert ([200] * 5, [1, 1]) == (statuses, at_once)


@pytest.mark.parametrize("order", ["first", "waiter"])
async def test_cancelled_waiter_holds_up_nobody(order):
    """Row 57: a request that is cancelled while it waits its turn, or as it gets it, leaves it to the next."""
    statuses = []
    go_on = anyio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("tokenByAkSk"):
            return reply(200, {})
        await go_on.wait()
        return reply(200, {**TOKEN, "Expires": "0.000001"})

    async def call(scope: anyio.CancelScope) -> None:
        with scope:
            statuses.append((await client.get("https://fabric.example/x")).status_code)

    scopes = [anyio.CancelScope() for _ in range(3)]
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=AppKey("k", "s")) as client,
        anyio.create_task_group() as tasks,
    ):
        for scope in scopes:
            tasks.start_soon(call, scope)
            await anyio.wait_all_tasks_blocked()
        for scope in scopes[:2] if order == "first" else scopes[1::-1]:
            scope.cancel()
        await anyio.wait_all_tasks_blocked()
        go_on.set()

    assert [200] == statuses
