"""Canary secrets in every place of a credential, and none of them in anything that is logged, shown, or reported."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from rich.pretty import pretty_repr

import aiocc
from aiocc import (
    TLS,
    CallError,
    ClickToDial,
    Client,
    ConfigurationError,
    CreateCall,
    LeaveMessage,
    MediaAbility,
    Note,
    Outcome,
    PoolLimits,
    QueryObsResultCodes,
    SendNote,
    Service,
    Timeouts,
)
from aiocc.auth import (
    AgentGuid,
    AkSk,
    AppKey,
    CookieToken,
    Credential,
    MemoryStore,
    Secret,
    StoredCredential,
    Strategy,
    WebToken,
    sign_c2,
)
from aiocc.call.line import CallOptions
from aiocc.endpoints.agent_events import PollAgentEvents
from aiocc.endpoints.dial_events import DropDial, GetDialEvents
from aiocc.endpoints.generic import service_request
from aiocc.endpoints.sign_in import ForceSignIn, SignIn, SignOut
from aiocc.environment import agent_from, services_from
from aiocc.protocol.messages import Answer, AnswerHead, WireRequest
from aiocc.protocol.operation import Request
from aiocc.scopes.notes import NoteRequest
from tests.live.scripted import SUCCESS, Act, Arrived, answer, close, reset, scripted, send, silent

from .conftest import QUICK
from .exposure import leaks

VISITOR = "c4nary-visitor-token%3D%3D"
APPLIED = "c4nary-applied-token%3D"
RENEWED = "c4nary-renewed-token%3D"
GUID = "c4nary-guid.AgentGateway1"
NEXT_GUID = "c4nary-next-guid.AgentGateway1"
STICKY = "c4nary-sticky-cookie"
ACCESS_KEY = "c4nary-access-key"
SECRET_KEY = "c4nary-secret-key"
APP_KEY = "c4nary-app-key"
APP_SECRET = "c4nary-app-secret"
BEARER = "c4nary-bearer-token"
HEADER = "c4nary-header-of-the-service"
OPTION = "c4nary-header-of-a-view"
PASSWORD = "c4nary-password"
CANARY = "c4nary"
"""Is in all of them."""

PHONE = "13800138000"
TEXT = "p3rsonal-text"
"""Both are a person's: no credential, and shown as little."""

TOKEN = {"AccessToken": BEARER, "ApplyType": "Bearer", "Expires": "3600"}
HEADERS = {"Set-GUID": f"JSESSIONID={NEXT_GUID}", "ccmessaging-token": RENEWED, "Set-Cookie": f"SLB={STICKY}"}
REQUESTS: dict[str, Request[Any]] = {
    "leave_message": LeaveMessage(phone_no=PHONE, content="call back"),
    "click_to_dial": ClickToDial(MediaAbility.VIDEO),
    "send_note": SendNote([31002], "hello", agent_id=101),
    "obs_result_codes": QueryObsResultCodes(1),
    "create_call": CreateCall(called=PHONE, caller_present=PHONE, call_data="order 7"),
}
PATHS = {
    "doLeaveMessage": "leave_message",
    "createClickToCall": "click_to_dial",
    "sendnoteletex": "send_note",
    "queryOBSResultCode": "obs_result_codes",
    "createcall": "create_call",
}

NATIVE, HTTPX = "native", "httpx"
TRANSPORTS = pytest.mark.parametrize("transport", [NATIVE, HTTPX])


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that any library logs at DEBUG; no test here may leave a canary or a phone number in it."""
    with caplog.at_level(logging.DEBUG):
        yield caplog
    written = [record.getMessage() + str(record.exc_text) + repr(record.args) for record in caplog.get_records("call")]
    assert [] == [text for text in written if CANARY in text or PHONE in text]


def client_of(url: str, transport: str, *, connections: int = 10, **options: Any) -> Client:
    """Make a client with a canary wherever a credential can be, all services at one address."""
    return Client(
        webadapter=_service(url, transport, connections, auth=CookieToken(VISITOR), **options),
        gateway=_service(url, transport, connections, **options),
        isales=_service(url, transport, connections, auth=AkSk(ACCESS_KEY, SECRET_KEY), **options),
        fabric=_service(url, transport, connections, auth=AppKey(APP_KEY, APP_SECRET), **options),
    ).with_options(headers={"X-Option": OPTION})


def _service(url: str, transport: str, connections: int, **options: Any) -> Service:
    if transport == NATIVE:
        options["pool"] = PoolLimits(max_connections=connections)
    else:
        options["transport"] = httpx.AsyncHTTPTransport(verify=False, trust_env=False)
    return Service(url, headers={"X-Canary": HEADER}, **{"retry": QUICK, **options})


@asynccontextmanager
async def opened(client: Client) -> AsyncIterator[Client]:
    """Use a view's client, and close all of it, with the transports that stay their maker's."""
    client.agent(101, guid=GUID, cookies={"SLB": STICKY})
    try:
        yield client
    finally:
        await client._desk.aclose()
        for service in client._services.values():
            if service.transport is not None:
                await service.transport.aclose()


async def perform(client: Client, request: Request[Any], seen: list[BaseException | Outcome[Any]]) -> None:
    """Perform a request both ways, and keep what came of it."""
    outcome = await client.send(request)
    seen.append(outcome)
    try:
        outcome.unwrap()
    except CallError as error:
        seen.append(error)


def operation_of(arrived: Arrived) -> str:
    """Name the operation that was requested."""
    return next(name for path, name in PATHS.items() if path in arrived.target)


# Faults


def echoed(arrived: Arrived) -> Act:
    """Refuse, with everything that came in the vendor's text."""
    text = f"bad {arrived.headers} {arrived.target}"
    body = {
        "resultCode": "9",
        "returnCode": "9",
        "retcode": "9",
        "resultDesc": text,
        "description": text,
        "message": text,
    }
    return answer({**body, "exceptionInfo": text}, headers=HEADERS)


def echoed_with(status: int) -> Callable[[Arrived], Act]:
    """Fail with a status, and everything that came."""
    return lambda arrived: answer({"errorCode": "0", "exceptionInfo": f"{arrived.headers}"}, status, HEADERS)


def echoed_page(arrived: Arrived) -> Act:
    """Answer with a page that shows everything that came."""
    return answer(f"<html>{arrived.headers}</html>", 502, {"Content-Type": "text/html"})


def echoed_code(arrived: Arrived) -> Act:
    """Put what came into the code."""
    text = str(arrived.headers.get("cookie") or arrived.headers.get("authorization") or arrived.headers.get("guid"))
    return answer(dict.fromkeys(("resultCode", "returnCode", "retcode", "errorCode"), text))


def unreadable(arrived: Arrived) -> Act:
    """Accept, with a payload that cannot be read."""
    return answer({**SUCCESS[operation_of(arrived)], "resultData": 7, "obsCodes": RENEWED, "totalCount": "x"})


def success(arrived: Arrived) -> Act:
    """Accept, with new credentials in the head."""
    return answer(SUCCESS[operation_of(arrived)], headers=HEADERS)


def always(act: Act) -> Callable[[Arrived], Act]:
    return lambda _: act


FAULTS: dict[str, Callable[[Arrived], Act]] = {
    "success": success,
    "echo in a text": echoed,
    "echo in a page": echoed_page,
    "echo in a code": echoed_code,
    "unreadable payload": unreadable,
    "reset": always(reset),
    "closed": always(close),
    "no http": always(send(b"SSH-2.0-OpenSSH_9.2\r\n")),
    "cut short": always(send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")),
    "silence": always(silent),
    "stall in the body": always(send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")),
    "no json": always(answer("{", headers=HEADERS)),
    "large": always(answer("[" * 5000, headers=HEADERS)),
    "large head": always(answer({}, headers={"X-Long": "x" * 70_000})),
    "broken gzip": always(answer("x", headers={"Content-Encoding": "gzip"})),
    **{f"status {status}": echoed_with(status) for status in (301, 400, 401, 403, 404, 429, 500, 503)},
}


@TRANSPORTS
@pytest.mark.parametrize("fault", [*FAULTS])
async def test_no_fault_shows_a_secret(transport: str, fault: str) -> None:
    """Whatever comes of a call, its outcome and its error with all variables of its trace show no secret."""
    seen: list[BaseException | Outcome[Any]] = []
    limit = 0.02 if fault in ("silence", "stall in the body") else 5.0
    async with scripted(success) as server:
        server.token_act = answer(TOKEN)
        async with opened(client_of(server.url, transport)) as client:
            await client.send(REQUESTS["create_call"])
            server.script = FAULTS[fault]
            view = client.with_options(deadline=limit)
            for request in REQUESTS.values():
                await perform(view, request, seen)

    assert len(REQUESTS) <= len(seen)
    assert [] == [found for one in seen for found in leaks(one, [CANARY])]


UNREACHABLE: dict[str, Callable[[int], str]] = {
    "refused": lambda port: f"http://127.0.0.1:{port}",
    "no tls": lambda port: f"https://127.0.0.1:{port}",
    "no such host": lambda _: "https://no-such-host.invalid",
}


@pytest.mark.filterwarnings("ignore:.*unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@TRANSPORTS
@pytest.mark.parametrize("fault", [*UNREACHABLE])
async def test_no_fault_of_connecting_shows_a_secret(transport: str, fault: str) -> None:
    """Nor does what goes wrong before anything is sent (where a handshake is slow, httpcore leaves a socket open)."""
    seen: list[BaseException | Outcome[Any]] = []
    async with scripted(always(close), listening=fault == "no tls") as server:
        url = UNREACHABLE[fault](server.listener.getsockname()[1])
        async with opened(client_of(url, transport, timeouts=Timeouts(connect=0.05, token=0.1, total=0.2))) as client:
            for request in REQUESTS.values():
                await perform(client, request, seen)

    assert 2 * len(REQUESTS) == len(seen)
    assert [] == [found for one in seen for found in leaks(one, [CANARY])]


TOKEN_FAULTS: dict[str, Act] = {
    "echo": answer({"errorCode": "0", "exceptionInfo": f"{APP_KEY}/{APP_SECRET} of {PHONE}"}, 403, HEADERS),
    "no token": answer({"AccessToken": None, "was": APP_SECRET}),
    "token that cannot travel": answer({**TOKEN, "AccessToken": f"{BEARER}\r\nX-Evil: 1"}),
    "token outside ASCII": answer({**TOKEN, "AccessToken": f"{BEARER}ü"}),
    "no json": answer(BEARER),
    "reset": reset,
    "closed": close,
    "silence": silent,
}


@TRANSPORTS
@pytest.mark.parametrize("fault", [*TOKEN_FAULTS])
async def test_no_fault_of_a_token_shows_a_secret(transport: str, fault: str) -> None:
    """Nor does what goes wrong where a token is had, for the app and for the visitor who builds upon it."""
    seen: list[BaseException | Outcome[Any]] = []
    async with scripted(success) as server:
        server.token_act = TOKEN_FAULTS[fault]
        times = Timeouts(token=0.05 if fault == "silence" else 5.0)
        async with opened(client_of(server.url, transport, timeouts=times)) as client:
            await perform(client, REQUESTS["create_call"], seen)
            web = WebToken(AppKey(APP_KEY, APP_SECRET), url=server.url, channel_id="c", user_id="u", user_name="n")
            outcome = await client.visitor(web).send(REQUESTS["leave_message"])
            seen += [outcome, outcome.error or KeyError()]

    assert 4 == len(seen)
    assert [] == [found for one in seen for found in leaks(one, [CANARY])]


class Raising(Strategy):
    """A user's strategy in which something goes wrong, at each of its four steps."""

    def __init__(self, step: str) -> None:
        self.step = step
        self._held = Credential(Secret(VISITOR))

    async def credential(self, fetch: Any, /, *, rejected: Credential | None = None) -> Credential:
        self._fail("credential")
        return self._held

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        self._fail("apply")
        end = "\r\nX-Evil: 1" if self.step == "line break" else ""
        head.headers.append(("Authorization", credential.secret.reveal() + end))

    def observe(self, sent: WireRequest, head: AnswerHead, /) -> None:
        self._fail("observe")

    def verdict(self, sent: WireRequest, answer: Answer, /) -> Any:
        self._fail("verdict")
        return "ok"

    def _fail(self, step: str) -> None:
        if step == self.step:
            raise LookupError(step)


@TRANSPORTS
@pytest.mark.parametrize("step", ["credential", "apply", "line break", "observe", "verdict"])
async def test_a_fault_of_a_users_strategy_shows_no_secret(transport: str, step: str) -> None:
    """Where a user's own strategy fails, whatever is raised shows what its code says and no credential."""
    seen: list[BaseException | Outcome[Any]] = []
    async with scripted(success) as server, opened(client_of(server.url, transport)) as client:
        try:
            await perform(client.visitor(Raising(step)), REQUESTS["leave_message"], seen)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - the user's own may come through
            seen.append(error)

    assert [] == [found for one in seen for found in leaks(one, [CANARY])]


# Cancellations


def gone(kind: str) -> Any:
    """Give the scope that ends a call in a moment."""
    return asyncio.timeout(0.02) if kind == "asyncio.timeout" else anyio.fail_after(0.02)


async def cut_short(kind: str, call: Callable[[], Awaitable[object]], seen: list[BaseException]) -> None:
    """End a call in the middle, and keep both what passes through it and what the caller gets."""

    async def kept() -> None:
        try:
            await call()
        except CallError as error:
            seen.append(error)
        except BaseException as error:
            seen.append(error)
            raise

    if kind == "cancelled":
        async with anyio.create_task_group() as group:
            group.start_soon(kept)
            await anyio.sleep(0.01)
            group.cancel_scope.cancel()
    elif kind == "task.cancel":
        task = asyncio.ensure_future(kept())
        await asyncio.sleep(0.01)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            seen.append(error)
    else:
        try:
            async with _entered(gone(kind)):
                await kept()
        except TimeoutError as error:
            seen.append(error)


@asynccontextmanager
async def _entered(scope: Any) -> AsyncIterator[None]:
    if hasattr(scope, "__aenter__"):
        async with scope:
            yield
    else:
        with scope:
            yield


async def awaiting_an_answer(client: Client, server: Any) -> None:
    """The request has left."""
    await client.send(REQUESTS["create_call"])
    server.script = always(silent)


async def reading_a_body(client: Client, server: Any) -> None:
    """The answer has begun."""

    async def begin(connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nSet-GUID: JSESSIONID=" + NEXT_GUID.encode())
        connection.sendall(b"\r\nContent-Length: 99\r\n\r\n{")
        return await silent(connection)

    await client.send(REQUESTS["create_call"])
    server.script = always(begin)


async def waiting_for_a_token(client: Client, server: Any) -> None:
    """The token has not come."""
    server.token_act = silent
    server.script = always(silent)


async def backing_off(client: Client, server: Any) -> None:
    """An attempt has failed, with an echo of what was sent, and another is to follow."""
    await client.send(REQUESTS["create_call"])
    server.script = lambda arrived: answer(
        {"retcode": "000-004", "message": str(arrived.headers)}, 429, {"Retry-After": "1"}
    )


STAGES = [awaiting_an_answer, reading_a_body, waiting_for_a_token, backing_off]
KINDS = ["cancelled", "fail_after", "asyncio.timeout", "task.cancel"]


@TRANSPORTS
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stage", STAGES)
async def test_no_cancellation_shows_a_secret(
    transport: str, stage: Any, kind: str, anyio_backend: tuple[str, Any]
) -> None:
    """Wherever a call is when it is cancelled or out of time, no variable of any frame shows a secret."""
    if anyio_backend[0] == "trio" and kind in ("asyncio.timeout", "task.cancel"):
        pytest.skip("trio has no such thing")
    seen: list[BaseException] = []
    async with scripted(success) as server:
        server.token_act = answer(TOKEN)
        async with opened(client_of(server.url, transport)) as client:
            await stage(client, server)
            async with anyio.create_task_group() as group:
                for request in REQUESTS.values():
                    group.start_soon(_tolerant, kind, client, request, seen)

    assert (True, []) == (len(seen) > 0, [found for one in seen for found in leaks(one, [CANARY])])


async def _tolerant(kind: str, client: Client, request: Request[Any], seen: list[BaseException]) -> None:
    async def call() -> None:
        (await client.send(request)).unwrap()

    await cut_short(kind, call, seen)


@TRANSPORTS
async def test_no_cancellation_in_the_queue_shows_a_secret(transport: str) -> None:
    """A call that is cancelled while it waits for a slot holds its credential already, unseen."""
    seen: list[BaseException] = []
    async with scripted(success) as server:
        server.token_act = answer(TOKEN)
        async with opened(client_of(server.url, transport, connections=1, concurrency=1)) as client:
            await awaiting_an_answer(client, server)
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    for request in REQUESTS.values():
                        group.start_soon(_tolerant, "cancelled", client, request, seen)

    assert (15, []) == (len(seen), [found for one in seen for found in leaks(one, [CANARY])])


@TRANSPORTS
@pytest.mark.parametrize("kind", ["cancelled", "fail_after"])
async def test_no_cancellation_of_a_write_shows_a_secret(transport: str, kind: str) -> None:
    """A call that is cancelled while the socket takes no more of it shows no part of what was to be sent."""
    seen: list[BaseException] = []
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        async with opened(client_of(f"http://127.0.0.1:{deaf.getsockname()[1]}", transport)) as client:
            large = LeaveMessage(phone_no=PHONE, content="x" * 20_000_000)
            await _tolerant(kind, client, large, seen)

    assert (True, []) == (len(seen) > 0, [found for one in seen for found in leaks(one, [CANARY])])


# Values


def holders() -> dict[str, object]:
    """Make everything public that holds a secret, and what is made of it inside."""
    app = AppKey(APP_KEY, APP_SECRET)
    web = WebToken(app, url="https://fabric.example", channel_id="c", user_id="u", user_name="n", store=MemoryStore())
    credential = Credential(Secret(BEARER), scheme="Bearer")
    guid = AgentGuid(GUID, cookies={"SLB": STICKY})
    aksk = AkSk(ACCESS_KEY, SECRET_KEY)
    tls = TLS(client_cert=("cert.pem", "key.pem", PASSWORD))
    service = Service("https://fabric.example", auth=app, headers={"X-Canary": HEADER}, tls=tls)
    client = Client(fabric=service, webadapter=service, gateway=service)
    request = WireRequest("POST", "/x", headers=[("Cookie", VISITOR)], credential=credential, body=APP_SECRET.encode())
    environment = {
        "AIOCC_AGENT_ID": "101",
        "AIOCC_AGENT_GUID": GUID,
        "AIOCC_AGENT_PASSWORD": PASSWORD,
        "AIOCC_AGENT_PHONE": PHONE,
    }
    return {
        "secret": Secret(BEARER),
        "credential": credential,
        "stored": StoredCredential(Secret(BEARER), 1.0),
        "app key": app,
        "web token": web,
        "guid": guid,
        "aksk": aksk,
        "cookie": CookieToken(VISITOR),
        "tls": tls,
        "service": service,
        "client": client,
        "view": client.with_options(headers={"X-Option": OPTION}),
        "visitor": client.visitor(CookieToken(VISITOR)),
        "agent": client.agent(101, guid=GUID),
        "agent's settings": agent_from(environment),
        "options": CallOptions(headers=(("X-Option", OPTION),)),
        "request": request,
        "head": AnswerHead(200, [("set-guid", NEXT_GUID)]),
        "answer": Answer(AnswerHead(200, [("set-guid", NEXT_GUID)]), BEARER.encode()),
        "explanation": client.explain(REQUESTS["create_call"]),
    }


INSIDE = {"options", "request", "head", "answer", "view"}
"""Not public, or no attrs class: they hide themselves where they are shown, and nobody takes them apart."""


@pytest.mark.parametrize("name", [*holders()])
def test_whatever_holds_a_secret_hides_it(name: str) -> None:
    """str, repr, format, pickle, attrs.asdict, cattrs, JSON and vars show no secret that a value holds."""
    value = holders()[name]
    apart = ("asdict", "astuple", "cattrs", "json", "our converter", "vars", "pickle")

    found = [one for one in leaks(value, [CANARY]) if name not in INSIDE or not one.startswith(apart)]
    assert [] == found


# What is a person's


def requests() -> dict[str, Any]:
    """Make each model of a request, with a number or a text of a person's wherever one can be."""
    note = Note([31002], TEXT, "first")
    session = {"agent_id": 101, "password": PASSWORD, "phone": PHONE, "vc_phone_number": PHONE}
    made: list[Any] = [
        LeaveMessage(phone_no=PHONE, content=TEXT),
        ClickToDial(MediaAbility.VIDEO),
        SendNote([31002], TEXT, agent_id=101),
        QueryObsResultCodes(1),
        CreateCall(called=PHONE, caller_present=PHONE, call_data=TEXT),
        SignIn(**session),  # type: ignore[arg-type]
        ForceSignIn(**session),  # type: ignore[arg-type]
        SignOut(agent_id=101),
        PollAgentEvents(agent_id=101),
        GetDialEvents(),
        DropDial(),
        service_request(
            "isales",
            "POST",
            "/{who}",
            path_params={"who": PHONE},
            query={"to": PHONE},
            json={"x": [PHONE, TEXT]},
            headers=(("X-Canary", HEADER),),
        ),
        note,
        NoteRequest(job="job", number=0, note=0, key="first", sender=101, receivers=(31002,), content=TEXT),
        agent_from({"AIOCC_AGENT_ID": "101", "AIOCC_AGENT_PASSWORD": PASSWORD, "AIOCC_AGENT_PHONE": PHONE}),
    ]
    return {type(one).__name__: one for one in made}


def request_models(base: type = Request) -> set[str]:
    """Name every model of a request that this package has."""
    found = {cls for cls in base.__subclasses__() if cls.__module__.startswith("aiocc.")}
    return {cls.__name__ for cls in found}.union(*map(request_models, found))


def test_every_model_of_a_request_is_looked_at() -> None:
    """A new model has to be among those that are looked at, with a person's data in it."""
    assert request_models() <= set(requests())


@pytest.mark.parametrize("name", [*requests()])
def test_no_request_shows_what_is_a_persons(name: str) -> None:
    """Printed, formatted, logged or laid out, a request shows no number and no text, but may say how long they are."""
    request = requests()[name]
    shown = [repr(request), str(request), f"{request} {request!r}", f"{[request]}", pretty_repr(request)]

    assert [] == [text for text in shown if PHONE in text or TEXT in text or CANARY in text]


def calls(client: Client) -> dict[str, Callable[[], Awaitable[object]]]:
    """Give the methods to which a person's data are given, for who calls them."""
    agent = client.agent(101)
    any_request: dict[str, Any] = {"query": {"to": PHONE}, "json": {"text": TEXT}}
    return {
        "leave_message": lambda: client.leave_message(phone_no=PHONE, content=TEXT),
        "click_to_dial": lambda: client.click_to_dial(MediaAbility.VIDEO),
        "send_note": lambda: agent.send_note([31002], TEXT),
        "obs_result_codes": lambda: client.obs_result_codes(1),
        "create_call": lambda: client.create_call(called=PHONE, caller_present=PHONE, call_data="order 7"),
        "request": lambda: client.request("isales", "POST", "/x", **any_request),
        "an agent's request": lambda: agent.request("POST", "x", **any_request),
    }


PERSONAL_FAULTS = ["echo in a text", "reset", "cut short", "silence", "no json", "status 401", "status 500"]


@TRANSPORTS
@pytest.mark.parametrize("fault", PERSONAL_FAULTS)
async def test_no_variable_of_a_failing_call_is_a_persons(transport: str, fault: str) -> None:
    """Where a call fails, no variable of any frame of the error, as reports of errors show them, has number or text."""
    errors: dict[str, CallError] = {}
    async with scripted(success) as server:
        server.token_act = answer(TOKEN)
        async with opened(client_of(server.url, transport)) as client:
            await client.send(REQUESTS["create_call"])
            server.script = FAULTS[fault]
            for name, call in calls(client.with_options(deadline=0.02 if fault == "silence" else 5.0)).items():
                try:
                    await call()
                except CallError as error:
                    errors[name] = error

    assert {"leave_message", "click_to_dial", "send_note", "obs_result_codes", "create_call"} <= set(errors)
    assert [] == [found for name in errors for found in leaks(errors[name], [PHONE, TEXT])]


async def test_no_variable_of_a_refused_request_is_a_persons() -> None:
    """What no request can be made of is not shown either by the frames of `request`."""
    seen: list[BaseException] = []
    client = client_of("https://x.example", NATIVE)
    for bad in (
        {"query": 5},
        {"json": {"text": {TEXT}}},
        {"path_params": {"to": PHONE}},
        {"headers": [("X-To", f"{PHONE}\n")]},
    ):
        given: dict[str, Any] = {"query": {"to": PHONE}, "json": {"text": TEXT}, **bad}
        with pytest.raises((ConfigurationError, ValueError)) as caught:
            await client.request("isales", "POST", "/x", **given)
        seen.append(caught.value)

    assert [] == [found for one in seen for found in leaks(one, [PHONE, TEXT])]


@pytest.mark.parametrize("broken", ["progress", "a note", "the input"])
async def test_no_variable_of_a_fan_out_that_breaks_is_a_persons(broken: str) -> None:
    """What a run raises, for its input or for who is told of it, shows no note's text."""

    def told(_: object) -> None:
        if broken == "progress":
            raise LookupError

    async def given() -> AsyncIterator[Note]:
        yield Note(range(31000, 31300), TEXT)
        if broken == "a note":
            yield Note([5], TEXT)
        raise LookupError

    async with scripted(success) as server, opened(client_of(server.url, NATIVE)) as client:
        with pytest.raises((LookupError, ValueError)) as caught:
            await client.agent(101).send_notes(given(), on_progress=told)

    assert [] == leaks(caught.value, [TEXT])


LONG = PHONE * 4
"""Longer than a number may be."""

REFUSED: dict[str, Callable[[], object]] = {
    "LeaveMessage": lambda: LeaveMessage(phone_no=PHONE, content=b"x"),  # type: ignore[arg-type]
    "SendNote": lambda: SendNote([5], TEXT),
    "CreateCall": lambda: CreateCall(called=LONG, caller_present=PHONE, call_data=TEXT),
    "CreateCall by a number": lambda: CreateCall(called=int(PHONE)),  # type: ignore[arg-type]
    "Note": lambda: Note([5], TEXT * 100),
    "Note by a number": lambda: Note([102], int(PHONE)),  # type: ignore[arg-type]
    "SignIn": lambda: SignIn(agent_id=5, password=PASSWORD, phone=PHONE),
    "ForceSignIn": lambda: ForceSignIn(agent_id=101, password=PASSWORD, phone=LONG),
    "TLS": lambda: TLS(client_cert=("cert.pem", "key.pem", PASSWORD), server_name=5),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", [*REFUSED])
def test_no_variable_of_a_refused_model_is_a_persons(name: str) -> None:
    """A model that refuses to be made shows nothing of what it was given, in no text and in no variable."""
    with pytest.raises((ConfigurationError, ValueError)) as caught:
        REFUSED[name]()

    assert [] == leaks(caught.value, [PHONE, TEXT, CANARY])


async def test_no_variable_of_a_refused_call_is_a_persons() -> None:
    """Nor do the methods that make one."""
    seen: list[BaseException] = []
    client = client_of("https://x.example", NATIVE)
    for call in (
        lambda: client.create_call(called=LONG, caller_present=PHONE, call_data=TEXT),
        lambda: client.leave_message(phone_no="", content=TEXT),
        lambda: client.leave_message(phone_no=PHONE, content=""),
        lambda: client.agent(101, guid=GUID).send_note([5], TEXT),
    ):
        with pytest.raises(ValueError, match="must be") as caught:
            await call()
        seen.append(caught.value)

    assert [] == [found for one in seen for found in leaks(one, [PHONE, TEXT])]


@pytest.mark.parametrize("kind", ["cancelled", "fail_after"])
async def test_no_variable_of_a_cancelled_call_is_a_persons(kind: str) -> None:
    """Nor has one where the call is cancelled."""
    seen: list[BaseException] = []
    async with scripted(success) as server:
        server.token_act = answer(TOKEN)
        async with opened(client_of(server.url, NATIVE)) as client:
            await awaiting_an_answer(client, server)
            for call in calls(client).values():
                await cut_short(kind, call, seen)

    assert (True, []) == (len(seen) > 0, [found for one in seen for found in leaks(one, [PHONE, TEXT])])


async def test_what_was_used_hides_it_too() -> None:
    """After calls over all services, every value still hides what it has learnt."""
    async with scripted(success) as server:
        server.token_act = answer(TOKEN)
        client = client_of(server.url, NATIVE)
        async with opened(client):
            for request in REQUESTS.values():
                (await client.send(request)).unwrap()
            held = [client, client.agent(101), *client._services.values()]
            held += [service.auth for service in client._services.values() if service.auth]
            held += [client._desk.line(name) for name in client._services]
            shown = [repr(one) + str(one) for one in held]

    assert [] == [text for text in shown if CANARY in text]


def _app() -> AppKey:
    return AppKey(APP_KEY, APP_SECRET)


def _signed(secret_key: str, **headers: str) -> str:
    return sign_c2(
        access_key=ACCESS_KEY, secret_key=secret_key, method="GET", path="/", headers=headers, timestamp="2024"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: AppKey(f"{APP_KEY}\n\n", APP_SECRET),
        lambda: AppKey(APP_KEY, APP_SECRET, token_url=f"https://user:{PASSWORD}@x.example"),
        lambda: AppKey(APP_KEY, APP_SECRET, lifetime=APP_SECRET),  # type: ignore[arg-type]
        lambda: AkSk(ACCESS_KEY, SECRET_KEY, signed_headers=()),
        lambda: AkSk(ACCESS_KEY, f"{SECRET_KEY}\x00"),
        lambda: CookieToken(f"{VISITOR};"),
        lambda: AgentGuid(f"{GUID}\r\n\r\n"),
        lambda: AgentGuid(GUID, cookies={"SLB": f"{STICKY};"}),
        lambda: WebToken(
            AppKey(APP_KEY, APP_SECRET), url=f"https://a:{PASSWORD}@x", channel_id="c", user_id="u", user_name="n"
        ),
        lambda: Service("https://x.example", headers={"X-Canary": f"{HEADER}\r\n"}),
        lambda: Service("https://x.example", headers={"X Canary": HEADER}),
        lambda: Service(f"https://user:{PASSWORD}@x.example"),
        lambda: Service("https://x.example", auth=APP_SECRET),  # type: ignore[arg-type]
        lambda: Client().with_options(headers={"X Y": OPTION}),
        lambda: Client(gateway=Service("https://x.example")).agent(101, guid=f"{GUID}\n\n"),
        lambda: Client.from_env({"AIOCC_FABRIC_URL": "https://x.example", "AIOCC_FABRIC_APP_KEY": APP_KEY}),
        lambda: services_from({"AIOCC_WEBADAPTER_TOKEN": VISITOR}),
        lambda: services_from({"AIOCC_WEBADAPTER_URL": "https://x.example", "AIOCC_WEBADAPTER_TOKEN": f"{VISITOR};"}),
        lambda: agent_from({"AIOCC_AGENT_ID": "x", "AIOCC_AGENT_PASSWORD": PASSWORD}),
        lambda: _signed(SECRET_KEY),
        lambda: _signed(f"{SECRET_KEY}\ud800", host="x"),
        lambda: StoredCredential.from_json(f'["{BEARER}"]'),
    ],
)
def test_a_refused_argument_is_not_shown(make: Callable[[], object]) -> None:
    """A credential, or a setting beside one, that is refused when it is given is in no message and in no variable."""
    with pytest.raises((ConfigurationError, ValueError)) as caught:
        make()
    assert [] == leaks(caught.value, [CANARY])


# The logs


async def test_httpx_and_its_libraries_log_no_head(log: pytest.LogCaptureFixture) -> None:
    """At DEBUG httpcore writes each answer's headers: credentials among them are hidden, the rest stays readable."""
    async with scripted(success) as server:
        server.token_act = answer(TOKEN)
        async with opened(client_of(server.url, HTTPX)) as client:
            for request in REQUESTS.values():
                (await client.send(request)).unwrap()
        async with httpx.AsyncClient(auth=CookieToken(VISITOR), trust_env=False) as http:
            await http.post(f"{server.url}/doLeaveMessage", json={"phoneNo": PHONE})

    heads = [text for text in log.messages if text.startswith("receive_response_headers.complete")]
    assert (True, True) == (len(heads) > 5, all("('Set-GUID', '***')" in text for text in heads if "Set-GUID" in text))
    assert all("('Content-Type', 'application/json')" in text for text in heads)


async def test_our_own_log_says_what_happened(log: pytest.LogCaptureFixture) -> None:
    """Our logger tells operation, call id, delivery and time; no number that was dialled."""
    async with scripted(success) as server:
        server.token_act = answer({"errorCode": "0", "exceptionInfo": f"not for {PHONE}"}, 403)
        async with opened(client_of(server.url, NATIVE)) as client:
            done = await client.send(REQUESTS["leave_message"])
            failed = await client.send(REQUESTS["create_call"])

    ours = [record.getMessage() for record in log.records if record.name == "aiocc"]
    assert 3 == len(ours)
    assert ours[0].startswith(f"leave_message {done.call_id} accepted in ")
    assert "fabric: no credential: tokenByAkSk gave no token: HTTP 403: not for ***00" == ours[1]
    assert ours[2].startswith(f"create_call {failed.call_id} not_sent in ")


# The instrument itself


def test_a_leak_would_be_found() -> None:
    """What these tests look with finds a canary in a text, a variable, an attribute and a linked error."""

    class Holder:
        def __init__(self) -> None:
            self.token = BEARER

    error = KeyError("x")
    error.__context__ = ValueError(BEARER)
    hidden = Holder()
    try:
        json.loads(f"{{{BEARER}")
    except ValueError as raised:
        variables = leaks(raised, [CANARY])

    assert ([], True, True) == (leaks("nothing", [CANARY]), bool(leaks(error, [CANARY])), bool(leaks(hidden, [CANARY])))
    assert any("s in decoder.py" in one for one in variables)
    assert aiocc.__version__
