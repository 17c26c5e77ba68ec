"""Each strategy's details over real sockets: one origin, cookies of a sign-in, stores, turns in a plain client."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from aiocc import Client, ConfigurationError, CreateCall, CredentialError, Delivery, RetryPolicy, SendNote, Service
from aiocc.auth import (
    AgentGuid,
    AppKey,
    Credential,
    CredentialStore,
    MemoryStore,
    Secret,
    StoredCredential,
    WebToken,
)
from aiocc.protocol.messages import Origin, WireRequest
from aiocc.simulator import Simulator
from tests.auth.conftest import Fetched, answer, sent

from .conftest import PATIENT, app_key, fabric_client, relay, sent_with

TOKEN = {"AccessToken": "t0ken-1", "ApplyType": "Bearer", "Expires": "600"}
HERE, ELSEWHERE = Origin("https", "one.example", 443), Origin("https", "other.example", 443)


class FetchedAt(Fetched):
    """A strategy's I/O at an address."""

    def __init__(self, origin: Origin, *answers: Any) -> None:
        super().__init__(*answers)
        self.origin = origin


# One origin


async def test_a_secret_goes_to_the_first_origin_alone() -> None:
    """An AppKey without `token_url` that would send its secret to a second origin says so, and names the remedy."""
    auth = AppKey("key", "s3cret-of-the-app")
    one, other = FetchedAt(HERE, answer(200, TOKEN)), FetchedAt(ELSEWHERE, answer(200, TOKEN))
    first = await auth.credential(one)

    with pytest.raises(
        ConfigurationError, match=r"at https://one\.e.* https://other\.example as well: give token_url="
    ):
        await auth.credential(other, rejected=first)
    assert [] == other.asked


async def test_a_token_goes_to_the_first_origin_alone() -> None:
    """Nor does it show its token to a second origin."""
    auth = AppKey("key", "s3cret")
    first = await auth.credential(FetchedAt(HERE, answer(200, TOKEN)))
    sent(auth, first, origin=Origin("https", "one.example", 443))

    with pytest.raises(ConfigurationError, match="token_url="):
        sent(auth, first, origin=ELSEWHERE)


async def test_with_token_url_it_serves_several_services() -> None:
    """Where `token_url` says where the secret goes, the token may be shown to several services."""
    auth = AppKey("key", "s3cret", token_url="https://tokens.example")
    fetched = FetchedAt(HERE, answer(200, TOKEN), answer(200, TOKEN))
    first = await auth.credential(fetched)
    second = await auth.credential(FetchedAt(ELSEWHERE, answer(200, TOKEN)), rejected=first)
    for origin in (HERE, ELSEWHERE):
        sent(auth, second, origin=origin)

    assert ["tokens.example"] == [request.origin.host for request in fetched.asked]


async def test_one_app_key_in_two_services_needs_token_url(centre: Simulator) -> None:
    """A client that uses one AppKey at two addresses is told before the second sees anything."""
    auth = app_key(centre)
    async with relay(centre) as front:
        client = Client(
            fabric=Service(centre.url("fabric"), auth=auth, timeouts=PATIENT),
            webadapter=Service(centre.url("webadapter")),
        )
        visitor = client.visitor(WebToken(auth, url=front.url, channel_id="c", user_id="u", user_name="Ada"))
        async with client:
            await client.create_call(called="1")
            with pytest.raises(ConfigurationError, match="token_url="):
                await visitor.leave_message(phone_no="1", content="x")

        assert [] == front.seen


async def test_a_plain_client_at_two_hosts_needs_token_url() -> None:
    """In a plain httpx client too, the second host sees neither secret nor token."""
    seen: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(200, json=TOKEN)

    async with httpx.AsyncClient(transport=httpx.MockTransport(reply), auth=AppKey("key", "s3cret")) as http:
        await http.get("https://one.example/x")
        with pytest.raises(ConfigurationError, match="token_url="):
            await http.get("https://other.example/x")

    assert ["one.example", "one.example"] == seen


# Forms of the token's answer


@pytest.mark.parametrize("lifetime", [1, 600, 3600])
@pytest.mark.parametrize("form", [str, int])
async def test_life_time_is_asked_for_and_read(lifetime: int, form: Callable[[int], object]) -> None:
    """`X-Token-Expire` goes up to 3600, and the answer's figures are read as text and as numbers."""
    fetched = Fetched(answer(200, {**TOKEN, "Expires": form(lifetime), "CreateTime": form(1545650171)}))

    credential = await AppKey("key", "s3cret", lifetime=lifetime).credential(fetched)

    left = (credential.expires_at or 0) - time.monotonic()
    ahead = (credential.expires_at or 0) - (credential.renew_at or 0)
    assert str(lifetime) == fetched.asked[0].header("x-token-expire")
    assert 0.8 * lifetime < left < lifetime
    assert pytest.approx(min(60, lifetime / 5)) == ahead


@pytest.mark.parametrize("status", [401, 403])
async def test_both_documented_refusals_renew(centre: Simulator, status: int) -> None:
    """401, and 403 whose text says that the token is illegal or expired, are each renewed once and repeated once."""
    centre.configure(expired_token_status=status)
    async with fabric_client(centre) as client:
        await client.create_call(called="0")
        centre.expire_tokens()
        outcome = await client.send(CreateCall(called="1"))

    assert [(Delivery.REJECTED, status), (Delivery.ACCEPTED, 200)] == [(a.delivery, a.status) for a in outcome.attempts]
    assert (2, 2) == (centre.token_requests, centre.calls_placed)


async def test_a_subclass_with_a_face_of_its_own_is_driven_by_it(centre: Simulator) -> None:
    """A strategy whose httpx flow is overridden is used by that flow, in a Service as in a plain client."""

    class Marked(AppKey):
        async def async_auth_flow(self, request: httpx.Request) -> Any:
            request.headers["X-Marked"] = "yes"
            flow = super().async_auth_flow(request)
            response = None
            try:
                while True:
                    response = yield await flow.asend(response)
            except StopAsyncIteration:
                return

    env = centre.environment
    auth = Marked(env["AIOCC_FABRIC_APP_KEY"], env["AIOCC_FABRIC_APP_SECRET"])
    async with fabric_client(centre, auth=auth) as client:
        await client.create_call(called="1")
        await client.create_call(called="2")
        with pytest.raises(ConfigurationError, match="without a flow of its own"):
            Client(webadapter=Service(centre.url("webadapter"))).visitor(auth)

    assert (["yes", "yes"], 1) == (sent_with(centre, "create_call", "x-marked"), centre.token_requests)


# The agent


async def test_cookies_of_a_sign_in_are_replayed(centre: Simulator) -> None:
    """Each request of an agent carries the cookies of its own sign-in, and no other's; no answer changes them."""
    client = Client(gateway=Service(centre.url("gateway")))
    one = client.agent(31010, guid=centre.sign_in(31010), cookies={"SLB": Secret("node-1"), "JSESSIONID": '"a.b"'})
    two = client.agent(31011, guid=centre.sign_in(31011), cookies=[("SLB", "node-2")])
    bare = client.agent(31012, guid=centre.sign_in(31012))
    async with client:
        for _ in range(2):
            for agent in (one, two, bare):
                centre.answer_with("send_note", code="0", headers={"Set-Cookie": "SLB=evil"})
                await agent.send_note([31002], "x")

    expected = ['SLB=node-1; JSESSIONID="a.b"', "SLB=node-2", None] * 2
    assert expected == sent_with(centre, "send_note", "cookie")


async def test_cookies_belong_to_the_agents_cell(centre: Simulator) -> None:
    """A new session brings new cookies; a new GUID alone keeps those that there are."""
    client = Client(gateway=Service(centre.url("gateway")))
    agent = client.agent(31010, guid=centre.sign_in(31010), cookies={"SLB": "1"})
    async with client:
        await agent.send_note([31002], "x")
        client.agent(31010, guid=centre.rotate_guid(31010, announce=False))
        await agent.send_note([31002], "x")
        client.agent(31010, cookies={"SLB": "2"})
        await agent.send_note([31002], "x")

    assert ["SLB=1", "SLB=1", "SLB=2"] == sent_with(centre, "send_note", "cookie")


def test_cookies_join_those_of_the_request() -> None:
    """In a plain httpx client they join the Cookie header that is there."""
    auth = AgentGuid("guid-1", cookies={"a": "1", "b": "2"})
    held = auth.held()
    assert held is not None

    assert [("cookie", "x=y; a=1; b=2"), ("Guid", "guid-1")] == sent(auth, held, headers=[("cookie", "x=y")]).headers


@pytest.mark.parametrize(
    "cookies",
    [{"a b": "c4nary"}, {"a": "c4nary;"}, {"a": "c4nary\r\n"}, {"a": "c4nary ü"}, {"": "c4nary"}, {"a": 7}, {7: "x"}],
)
def test_cookies_that_cannot_travel_are_refused(cookies: Any) -> None:
    """Row 11: a cookie that no header can carry is refused when it is given, unseen."""
    with pytest.raises(ConfigurationError, match="cookies: ") as caught:
        AgentGuid("guid", cookies=cookies)
    locals_shown = [repr(entry.frame.f_locals) for entry in caught.traceback if "/aiocc/" in str(entry.path)]
    assert [] == [shown for shown in [str(caught.value), *locals_shown] if "c4nary" in shown]


@pytest.mark.parametrize("foreign", [False, True], ids=["pool", "httpx"])
@pytest.mark.parametrize("raised", [LookupError, asyncio.CancelledError, SystemExit, GeneratorExit])
async def test_on_guid_that_raises_harms_no_call(
    centre: Simulator, caplog: pytest.LogCaptureFixture, raised: type[BaseException], foreign: bool
) -> None:
    """What the application's callback raises is logged by its class, and the call and the GUID are what they are."""

    def raising(guid: str) -> None:
        raise raised(guid)

    caplog.set_level(logging.WARNING, "aiocc")
    transport = httpx.AsyncHTTPTransport() if foreign else None
    client = Client(gateway=Service(centre.url("gateway"), transport=transport))
    agent = client.agent(31010, guid=centre.sign_in(31010), on_guid=raising)
    fresh = centre.rotate_guid(31010)
    async with client:
        outcome = await agent.send(SendNote([31002], "first"))
        await agent.send_note([31002], "second")
    if transport is not None:
        await transport.aclose()

    assert (Delivery.ACCEPTED, fresh) == (outcome.delivery, sent_with(centre, "send_note", "guid")[-1])
    assert [f"on_guid raised {raised.__name__}; the new GUID is in use all the same"] == [
        r.getMessage() for r in caplog.records if r.name == "aiocc"
    ]
    assert fresh not in caplog.text


async def test_of_many_answers_at_once_one_brings_the_guid(centre: Simulator) -> None:
    """Requests that are on their way with one GUID change it once; what they bring later changes nothing."""
    heard: list[str] = []
    client = Client(gateway=Service(centre.url("gateway"), timeouts=PATIENT))
    agent = client.agent(31010, guid=centre.sign_in(31010), on_guid=heard.append)
    async with client:
        fresh = centre.rotate_guid(31010)
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(agent.send_note, [31002], "x")
        await agent.send_note([31002], "last")

    assert ([fresh], fresh) == (heard, sent_with(centre, "send_note", "guid")[-1])


# The store


class Leasing(MemoryStore):
    """A store as processes share it: one fetches, and what is kept is text."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.leased: set[str] = set()
        self.refused = 0

    async def get(self, key: str, /) -> StoredCredential | None:
        await anyio.lowlevel.checkpoint()
        text = self.texts.get(key)
        return None if text is None else StoredCredential.from_json(text)

    async def lease(self, key: str, seconds: float, /) -> bool:
        await anyio.lowlevel.checkpoint()
        if key in self.leased:
            self.refused += 1
            return False
        self.leased.add(key)
        return True

    async def put(self, key: str, credential: StoredCredential | None, /) -> None:
        await anyio.lowlevel.checkpoint()
        self.leased.discard(key)
        if credential is not None:
            self.texts[key] = credential.to_json()


async def test_strategies_share_a_token_by_a_store(centre: Simulator) -> None:
    """Of several clients with one store, as in several processes, one fetches, and all use its token."""
    store = Leasing()
    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(_call_once, centre, store, str(number))

    assert (1, 5, 1) == (centre.token_requests, centre.calls_placed, len({*sent_with(centre, "create_call")}))
    assert (set(), True) == (store.leased, store.refused > 0)


async def _call_once(centre: Simulator, store: CredentialStore, called: str) -> None:
    async with fabric_client(centre, auth=app_key(centre, store=store)) as client:
        await client.create_call(called=called)


async def test_a_refused_token_of_a_store_is_replaced_for_all(centre: Simulator) -> None:
    """A token that was refused is not taken from the store again; the next one is."""
    store = Leasing()
    await _call_once(centre, store, "1")
    centre.expire_tokens()
    await _call_once(centre, store, "2")
    await _call_once(centre, store, "3")

    assert (2, 3) == (centre.token_requests, centre.calls_placed)
    one, two, three, four = sent_with(centre, "create_call")
    assert (one == two, two == three, three == four) == (True, False, True)


async def test_a_failed_fetch_ends_its_lease(centre: Simulator) -> None:
    """Whoever could not fetch lets the next one try, and keeps nothing."""
    store = Leasing()
    centre.answer_with("token", status=403, code="0")
    async with fabric_client(centre, auth=app_key(centre, store=store)) as client:
        outcome = await client.send(CreateCall(called="1"))

    assert (Delivery.NOT_SENT, set(), {}) == (outcome.delivery, store.leased, store.texts)


async def test_a_cancelled_fetch_ends_its_lease_in_a_plain_client() -> None:
    """Where a request that fetches is cancelled, its lease is ended all the same."""
    store = Leasing()

    async def never(request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    auth = AppKey("key", "s3cret", store=store)
    async with httpx.AsyncClient(transport=httpx.MockTransport(never), auth=auth) as http:
        with anyio.move_on_after(0.01) as scope:
            await http.get("https://one.example/x")

    assert (True, set()) == (scope.cancelled_caught, store.leased)


async def test_what_a_store_raises_fails_no_call(centre: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    """With a store that is broken the token is fetched without it."""

    class Broken(MemoryStore):
        async def get(self, key: str, /) -> StoredCredential | None:
            raise OSError("redis is away")

        async def lease(self, key: str, seconds: float, /) -> bool:
            raise OSError("redis is away")

        async def put(self, key: str, credential: StoredCredential | None, /) -> None:
            raise OSError("redis is away")

    await _call_once(centre, Broken(), "1")

    assert (1, {"credential store: OSError; going on without it"}) == (
        centre.calls_placed,
        {record.getMessage() for record in caplog.records},
    )


async def test_keys_tell_nothing() -> None:
    """A key is a hash that differs by app, secret and address, and shows none of them."""
    keys = set()
    for app, secret, url in [("a", "s", "1"), ("b", "s", "1"), ("a", "t", "1"), ("a", "s", "2")]:
        store = Leasing()
        auth = AppKey(f"app-{app}", f"s3cret-{secret}", token_url=f"https://{url}.example", store=store)
        await auth.credential(Fetched(answer(200, TOKEN)))
        keys |= store.texts.keys()

    assert (4, []) == (len(keys), [key for key in keys if "app-" in key or "s3cret" in key or "example" in key])


async def test_visitors_share_a_token_by_a_store(centre: Simulator) -> None:
    """Two processes that serve one visitor have one token; without a store the later one would end the earlier's."""
    store, app = Leasing(), app_key(centre)
    client = Client(webadapter=Service(centre.url("webadapter"), timeouts=PATIENT))
    where = {"url": centre.url("fabric"), "channel_id": "c", "user_name": "Ada"}
    async with client:
        for user in ("ada", "ada", "bob"):
            visitor = client.visitor(WebToken(app, user_id=user, store=store, **where))
            await visitor.leave_message(phone_no="1", content="x")

    one, two, three = sent_with(centre, "leave_message", "cookie")
    assert (True, False) == (one == two, two == three)
    assert ["ada", "ada", "bob"] == [message.visitor for message in centre.messages]


def test_what_is_stored_is_plain_text() -> None:
    """A store keeps JSON of its own; what is none is refused, unseen."""
    one = StoredCredential(Secret("s3cret"), 1.5, "Bearer", None)

    assert ["s3cret", 1.5, "Bearer", None] == json.loads(one.to_json())
    assert (one, False) == (StoredCredential.from_json(one.to_json()), "s3cret" in repr(one))
    with pytest.raises(ValueError, match="no stored credential"):
        StoredCredential.from_json('{"AccessToken": "s3cret"}')


async def test_an_expired_token_of_a_store_is_none() -> None:
    """Times in a store are those of the wall clock: what is over by it is not used."""
    store = MemoryStore()
    auth = AppKey("key", "s3cret", token_url="https://t.example", store=store)
    await auth.credential(Fetched(answer(200, {**TOKEN, "Expires": "0.000001"})))
    again = await AppKey("key", "s3cret", token_url="https://t.example", store=store).credential(
        Fetched(answer(200, {**TOKEN, "AccessToken": "t0ken-2"}))
    )

    assert "t0ken-2" == again.secret.reveal()


async def test_a_memory_store_forgets_what_is_over() -> None:
    """What has ended is not kept for ever."""
    store = MemoryStore()
    for number in range(1000):
        await store.put(str(number), StoredCredential(Secret("x"), time.time() - 1))

    assert (True, None) == (len(store._kept) < 100, await store.get("0"))


# Turns in a plain client


async def test_a_failed_fetch_is_told_to_all_that_wait() -> None:
    """In a plain httpx client a failed fetch is asked for once, and each one that waited has an error of its own."""
    asked: list[str] = []
    errors: list[CredentialError] = []

    async def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        await anyio.sleep(0.005)
        return httpx.Response(403, json={"exceptionInfo": "auth fail"})

    async def call(http: httpx.AsyncClient) -> None:
        try:
            await http.get("https://one.example/x")
        except CredentialError as error:
            errors.append(error)

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(refuse), auth=AppKey("key", "s3cret")) as http,
        anyio.create_task_group() as group,
    ):
        for _ in range(1000):
            group.start_soon(call, http)

    assert (1, 1000) == (len(asked), len({id(error) for error in errors}))
    assert {"tokenByAkSk gave no token: HTTP 403: auth fail"} == {str(error) for error in errors}


async def test_a_thousand_requests_of_a_plain_client_fetch_once(centre: Simulator) -> None:
    """In a plain httpx client a thousand requests that meet an expired token fetch one."""
    auth = app_key(centre)
    statuses: list[int] = []

    async def call(http: httpx.AsyncClient, number: int) -> None:
        url = f"{centre.url('fabric')}/apiaccess/ccmessaging/v1/mobileagent/createcall"
        statuses.append((await http.post(url, json={"called": str(number)})).status_code)

    limits, timeout = httpx.Limits(max_connections=20), httpx.Timeout(60)
    async with httpx.AsyncClient(auth=auth, limits=limits, timeout=timeout, trust_env=False) as http:
        await call(http, 0)
        centre.expire_tokens()
        async with anyio.create_task_group() as group:
            for number in range(1, 101):
                group.start_soon(call, http, number)

    assert ([200] * 101, 2, 101) == (statuses, centre.token_requests, centre.calls_placed)


# A user's own httpx.Auth


class TokenFirst(httpx.Auth):
    """Has its request refused, gets a token, and sends it again."""

    requires_response_body = True

    def __init__(self, token_url: str) -> None:
        self.token_url = token_url

    def auth_flow(self, request: httpx.Request) -> Any:
        response = yield request
        if response.status_code in (200, 401):
            token = yield httpx.Request("POST", self.token_url)
            request.headers["Authorization"] = token.text
            yield request


@pytest.mark.parametrize(("first", "delivery"), [(401, Delivery.NOT_SENT), (200, Delivery.UNKNOWN)])
async def test_a_flow_that_fails_after_an_answer(first: int, delivery: Delivery) -> None:
    """What a flow sends after a refusal stands for itself; after any other answer the first one may have been done."""
    seen: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        if request.url.path == "/token":
            raise httpx.ConnectError("refused")
        return httpx.Response(first, json={})

    auth = TokenFirst("https://fabric.example/token")
    transport = httpx.MockTransport(reply)
    service = Service("https://fabric.example", auth=auth, transport=transport, retry=RetryPolicy(max_attempts=1))
    async with Client(fabric=service) as client:
        outcome = await client.send(CreateCall(called="1"))

    assert (delivery, 1) == (outcome.delivery, sum(path != "/token" for path in seen))


def test_a_strategy_needs_a_fetch_with_an_address(centre: Simulator) -> None:
    """`explain` shows the request of an AppKey without pinning it to an address, and sends nothing."""
    auth = app_key(centre)
    client = fabric_client(centre, auth=auth)
    shown = client.explain(CreateCall(called="1"))
    head = WireRequest("POST", "/x", origin=ELSEWHERE)
    auth.apply(head, Credential(Secret("t")))

    assert ("***", ()) == (dict(shown.headers)["Authorization"], centre.requests)
