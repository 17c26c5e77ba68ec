"""The public surface as a type checker sees it; checked by mypy and pyright, run by nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

from aiocc import (
    Agent,
    Call,
    CallError,
    ClickToDial,
    Client,
    CreateCall,
    Delivery,
    DialReceipt,
    LeaveMessage,
    MediaAbility,
    MessageReceipt,
    Note,
    NoteReceipt,
    NoteRun,
    ObsResultCode,
    ObsResultCodePage,
    Outcome,
    QueryObsResultCodes,
    Report,
    RetryPolicy,
    SendNote,
    Visitor,
)
from aiocc.auth import AgentGuid, AkSk, AppKey, CookieToken, Strategy, WebToken, sign_c2


async def methods(client: Client) -> None:
    assert_type(await client.leave_message(phone_no="1", content="x"), MessageReceipt)
    assert_type(await client.click_to_dial(MediaAbility.VOICE), DialReceipt)
    assert_type(await client.create_call(called="1"), Call)
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
    assert_type(outcome.delivery, Delivery)
    assert_type(outcome.delivery.happened, bool | None)


async def callers(client: Client) -> None:
    visitor = client.visitor(CookieToken("x"))
    assert_type(visitor, Visitor)
    assert_type(await visitor.leave_message(phone_no="1", content="x"), MessageReceipt)
    assert_type(await visitor.click_to_dial(MediaAbility.VOICE), DialReceipt)
    agent = client.agent(101, guid="x")
    assert_type(agent, Agent)
    assert_type(await agent.send_note([102], "x"), NoteReceipt)
    assert_type(await agent.request("POST", "onlineagent/{agent_id}/saybusy"), Mapping[str, Any])
    run = agent.send_notes([Note([102], "x")])
    assert_type(run, NoteRun)
    assert_type(await run, Report)


def options(client: Client) -> None:
    assert_type(client.with_options(deadline=2.0, retry=RetryPolicy(), headers={"X-TenantSpaceID": "1"}), Client)


def strategies() -> tuple[Strategy, ...]:
    app = AppKey("key", "secret")
    web = WebToken(app, url="https://fabric.example", channel_id="1", user_id="u", user_name="U")
    return app, web, AkSk("ak", "sk"), AgentGuid("guid"), CookieToken("token")


def signature() -> str:
    return sign_c2(
        access_key="ak",
        secret_key="sk",
        method="GET",
        path="/x",
        headers={"host": "h"},
        timestamp="2024-10-31T14:06:52Z",
    )
