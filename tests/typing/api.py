"""The public surface as a type checker sees it; checked by mypy and pyright, run by nobody."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from typing import Any, Literal, TextIO, assert_type

import httpx

from aiocc import (
    TLS,
    Agent,
    AgentEvent,
    AgentSession,
    Call,
    CallError,
    ClickToDial,
    Client,
    CreateCall,
    Delivery,
    DialEvent,
    DialledCall,
    DialReceipt,
    Journal,
    JournalStatus,
    LeaveMessage,
    MediaAbility,
    MessageReceipt,
    Note,
    NoteOutcome,
    NoteReceipt,
    NoteReceived,
    NoteRun,
    ObsResultCode,
    ObsResultCodePage,
    Outcome,
    QueryObsResultCodes,
    Report,
    RetryPolicy,
    Secret,
    SendNote,
    Service,
    Visitor,
    read_journal,
)
from aiocc.auth import (
    AgentGuid,
    AkSk,
    AppKey,
    CookieToken,
    Credential,
    CredentialStore,
    Fetch,
    MemoryStore,
    StoredCredential,
    Strategy,
    WebToken,
    sign_c2,
)
from aiocc.call.explain import Explanation
from aiocc.call.stats import ServiceStats
from aiocc.delivery import Exchange
from aiocc.endpoints.sign_in import SignedIn, SignIn
from aiocc.protocol.messages import Answer, AnswerHead, Origin, WireRequest
from aiocc.protocol.operation import Effect, Request
from aiocc.scopes.notes import Job, Ledger
from aiocc.scopes.notes.journal_status import ReceiverRow


async def scopes(client: Client, visitor: Visitor) -> None:
    async with client.sign_in(101, password="x", phone="1", force="if_signed_in", agent_type=4) as agent:
        assert_type(agent, AgentSession)
        assert_type(agent.guid, Secret)
        assert_type(agent.cookies, dict[str, Secret])
        assert_type(agent.polls + agent.polls_lost, int)
        assert_type(agent.signed_in, SignedIn)
        async with agent.events(buffer=10, on_full="drop_newest") as events:
            async for event in events:
                assert_type(event, AgentEvent)
                if isinstance(event, NoteReceived):
                    assert_type(event.text, str | None)
            assert_type(events.dropped, int)
    async with visitor.dial(MediaAbility.VOICE) as call, client.dial(MediaAbility.VIDEO):
        assert_type(call, DialledCall)
        await call.wait_connected()
        assert_type(call.connected and call.settled, bool)
        async with call.events() as dial_events:
            async for dial_event in dial_events:
                assert_type(dial_event, DialEvent)
                assert_type(dial_event.connected, bool)
    assert_type(SignIn(agent_id=101, password=Secret("x"), phone="1").secrets(), tuple[Secret, ...])


async def methods(client: Client) -> None:
    assert_type(await client.leave_message(phone_no="1", content="x"), MessageReceipt)
    assert_type(await client.click_to_dial(MediaAbility.VOICE), DialReceipt)
    assert_type(await client.create_call(called="1"), Call)
    assert_type(client.stats(), Mapping[str, ServiceStats])
    assert_type(await client.obs_result_codes(1), ObsResultCodePage)
    async for code in client.iter_obs_result_codes(1):
        assert_type(code, ObsResultCode)
    assert_type(await client.request("isales", "GET", "/x", query={"a": 1}), Mapping[str, Any])


async def send(client: Client) -> None:
    assert_type(await client.send(LeaveMessage(phone_no="1", content="x")), Outcome[MessageReceipt])
    assert_type(await client.send(ClickToDial(MediaAbility.VIDEO)), Outcome[DialReceipt])
    assert_type(await client.send(SendNote([101], "x")), Outcome[NoteReceipt])
    assert_type(await client.send(QueryObsResultCodes(1)), Outcome[ObsResultCodePage])
    outcome = await client.send(CreateCall(called="1"))
    assert_type(outcome, Outcome[Call])
    assert_type(outcome.unwrap(), Call)
    assert_type(outcome.error, CallError | None)
    assert_type(outcome.exchange, Exchange | None)
    assert_type(outcome.delivery, Delivery)
    assert_type(outcome.delivery.happened, bool | None)


def note(one: Note) -> None:
    assert_type(one.duplicates, int)
    assert_type(one.groups(), Iterator[tuple[int, ...]])
    one.check()


async def callers(client: Client) -> None:
    visitor = client.visitor(CookieToken("x"))
    assert_type(visitor, Visitor)
    assert_type(await visitor.leave_message(phone_no="1", content="x"), MessageReceipt)
    assert_type(await visitor.click_to_dial(MediaAbility.VOICE), DialReceipt)
    agent = client.agent(101, guid="x")
    assert_type(agent, Agent)
    assert_type(await agent.send_note([102], "x"), NoteReceipt)
    assert_type(agent.polled, bool)
    assert_type(await agent.request("POST", "onlineagent/{agent_id}/saybusy"), Mapping[str, Any])
    run = agent.send_notes([Note([102], "x")])
    assert_type(run, NoteRun)
    assert_type(await run, Report)


async def fan_out(client: Client, agent: Agent, journal: Journal, file: TextIO) -> None:
    assert_type(client.send_notes([Note([102], "x")], agents=[agent, 102], journal=journal, bisect=True), NoteRun)
    assert_type(Note([102], "x").duplicates, int)
    async with agent.send_notes([Note([102], "x")], journal="run.db", resend_unknown=True) as run:
        async for outcome in run:
            assert_type(outcome, NoteOutcome)
        run.pause()
        run.resume()
        run.drain()
        run.cancel()
    assert_type(run.report.unsettled, Sequence[NoteOutcome])
    assert_type(journal.name, str)
    async with journal.open(Job(name="run")) as ledger:
        assert_type(ledger, Ledger)
    status = read_journal("run.db")
    assert_type(status, JournalStatus)
    assert_type(status.rows(unsettled=True), Iterator[ReceiverRow])
    assert_type(status.write_csv(file), int)
    assert_type(status.write_json_lines(file), int)


def options(client: Client) -> None:
    assert_type(client.with_options(deadline=2.0, retry=RetryPolicy(), headers={"X-TenantSpaceID": "1"}), Client)


def strategies() -> tuple[Strategy, ...]:
    app = AppKey("key", "secret")
    web = WebToken(app, url="https://fabric.example", channel_id="1", user_id="u", user_name="U")
    assert_type(AkSk("ak", "sk").switches, Mapping[str, Any])
    return app, web, AkSk("ak", "sk").varied(milliseconds=True), AgentGuid("guid"), CookieToken("token")


def signature() -> str:
    return sign_c2(
        access_key="ak",
        secret_key="sk",
        method="GET",
        path="/x",
        headers={"host": "h"},
        timestamp="2024-10-31T14:06:52Z",
    )


async def life(client: Client) -> None:
    assert_type(Client.from_env({"AIOCC_GATEWAY_URL": "https://gateway.example"}), Client)
    async with client as entered:
        assert_type(entered, Client)
    assert_type(await client.aclose(), None)
    assert_type(client.explain(CreateCall(called="1")), Explanation)


async def sent_by_others(visitor: Visitor, agent: Agent, view: Client) -> None:
    assert_type(await visitor.send(LeaveMessage(phone_no="1", content="x")), Outcome[MessageReceipt])
    assert_type(await agent.send(SendNote([101], "x")), Outcome[NoteReceipt])
    assert_type(agent.own(SendNote([101], "x")), Request[NoteReceipt])
    assert_type((await view.with_options(retry=RetryPolicy(max_attempts=1)).create_call(called="1")), Call)
    assert_type(view.with_options().visitor(CookieToken("x")), Visitor)


def values(outcome: Outcome[Call], error: CallError, report: Report, run: NoteRun, service: Service) -> None:
    assert_type(outcome.delivery.safe_to_repeat, bool)
    assert_type(outcome.result, Call | None)
    assert_type(error.delivery, Delivery)
    assert_type(report.accepted, int)
    assert_type(report.why, str | None)
    assert_type(run.report, Report)
    assert_type(service.headers, tuple[tuple[str, Secret], ...])
    assert_type(service.server_name, str | None)
    assert_type(Secret("x").reveal(), str)
    assert_type(Note([101], "x").requests(), list[SendNote])
    assert_type(RetryPolicy().allowed_for(Effect.CALL), bool)
    assert_type(RetryPolicy().may_resend(Effect.CALL), bool)


def wrong() -> None:
    """What a checker has to refuse: each `ignore` that is not needed is an error too."""
    ClickToDial(5)  # type: ignore[arg-type]
    Note(5, "x")  # type: ignore[arg-type]
    Note("102", "x")  # type: ignore[arg-type]
    SendNote(5, "x")  # type: ignore[arg-type]
    SignIn(agent_id=101, password=5, phone="1")  # type: ignore[arg-type]
    TLS(ca_file=5)  # type: ignore[arg-type]
    TLS(client_cert=5)  # type: ignore[arg-type]
    TLS(insecure_no_verify="no")  # type: ignore[arg-type]
    AkSk("ak", "sk", milliseconds="no")  # type: ignore[arg-type]
    CookieToken(lambda: "token")  # type: ignore[arg-type, return-value]
    CreateCall(called=5)  # type: ignore[arg-type]
    LeaveMessage(phone_no=5, content="x")  # type: ignore[arg-type]
    assert_type((ClickToDial("0").media, Note(iter([102]), "x").to), tuple[MediaAbility, tuple[int, ...]])
    assert_type(SignIn(agent_id=101, password="x", phone="1").password, Secret)


def requests(request: CreateCall) -> None:
    assert_type(request.path_params(), Mapping[str, str])
    assert_type(request.query(), tuple[tuple[str, str], ...])
    assert_type(request.headers(), tuple[tuple[str, str], ...])
    assert_type(request.payload(), Mapping[str, Any])
    assert_type(request.trace(), str)
    assert_type(request.lookup(), str | None)


async def four_methods(strategy: Strategy, fetch: Fetch, head: WireRequest, answer: Answer) -> None:
    credential = await strategy.credential(fetch, rejected=None)
    assert_type(credential, Credential)
    assert_type((credential.expired, credential.due), tuple[bool, bool])
    assert_type(strategy.held(), Credential | None)
    assert_type(strategy.apply(head, credential), None)
    assert_type(strategy.observe(head, AnswerHead(200, [])), None)
    assert_type(strategy.verdict(head, answer), Literal["ok", "renew", "denied"])
    assert_type(await fetch(head), Answer)
    assert_type(fetch.origin, Origin | None)


def faces(strategy: Strategy, request: httpx.Request) -> None:
    assert_type(strategy.async_auth_flow(request), AsyncGenerator[httpx.Request, httpx.Response])
    assert_type(strategy.sync_auth_flow(request), Generator[httpx.Request, httpx.Response, None])


async def stores(store: CredentialStore) -> None:
    assert_type(await store.get("key"), StoredCredential | None)
    assert_type(await store.lease("key", 1.0), bool)
    assert_type(await store.put("key", None), None)
    stored = StoredCredential(Secret("x"))
    assert_type(StoredCredential.from_json(stored.to_json()), StoredCredential)
    shared: CredentialStore = MemoryStore()
    app = AppKey("key", "secret", store=shared)
    assert_type(app.store_key("x"), str)
    WebToken(app, url="https://fabric.example", channel_id="1", user_id="u", user_name="U", store=shared)


def agents(client: Client) -> None:
    guid = AgentGuid(Secret("guid"), cookies={"SLB": "x"}, on_guid=print)
    assert_type(guid.polled, bool)
    assert_type(guid.learn("another", cookies=[("SLB", Secret("y"))]), bool)
    assert_type(guid.current, Secret)
    assert_type(client.agent(101, guid="x", cookies={"SLB": "x"}, on_guid=print), Agent)


class OwnStrategy(Strategy):
    """A user's own, which overrides two of the four."""

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        return Credential(Secret("x"))

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        head.headers.append(("X-Key", credential.secret.reveal()))


def configured(auth: httpx.Auth) -> tuple[Service, ...]:
    return Service("https://x.example", auth=auth), Service("https://x.example", auth=OwnStrategy())
