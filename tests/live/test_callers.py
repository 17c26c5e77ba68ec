"""Visitors and agents: callers with a credential of their own, over real sockets."""

from __future__ import annotations

import anyio
import pytest

from aiocc import (
    AuthenticationError,
    Client,
    InvalidRequestError,
    LeaveMessage,
    MediaAbility,
    RejectedError,
    SendNote,
)
from aiocc.auth import CookieToken
from aiocc.simulator import Simulator

from .conftest import REQUESTS, refusal


async def test_visitors_and_agents_never_share_a_credential(aicc: Simulator, aicc_client: Client) -> None:
    """However many visitors and agents are on their way at once, each request carries its own credential alone."""
    tokens = {f"visitor-{number}": aicc.new_visitor(f"visitor-{number}") for number in range(10)}
    guids = {number: aicc.sign_in(number) for number in range(31010, 31020)}

    async with anyio.create_task_group() as group:
        for name, token in tokens.items():
            visitor = aicc_client.visitor(CookieToken(token))
            group.start_soon(lambda v=visitor, n=name: v.leave_message(phone_no="1", content=n))  # type: ignore[misc]
            group.start_soon(visitor.click_to_dial, MediaAbility.VOICE)
        for number, guid in guids.items():
            agent = aicc_client.agent(number, guid=guid)
            group.start_soon(agent.send_note, [31002], str(number))
        group.start_soon(lambda: aicc_client.leave_message(phone_no="1", content="own"))

    own = aicc.environment["AIOCC_WEBADAPTER_TOKEN"]
    assert {*tokens} == {message.visitor for message in aicc.messages if message.content == message.visitor}
    assert sorted(tokens) == sorted(dial.visitor for dial in aicc.dials)
    assert {number: str(number) for number in guids} == {note.sender: note.content for note in aicc.notes}
    for request in aicc.requests:
        if request.service == "gateway":
            assert (guids[int(request.target.split("/")[4])], None) == (
                request.header("guid"),
                request.header("cookie"),
            )
        else:
            assert None is request.header("guid")
            assert request.header("cookie") in {f"ccmessaging-token={token}" for token in [*tokens.values(), own]}


async def test_a_visitor_with_a_wrong_token_harms_no_other(aicc: Simulator, aicc_client: Client) -> None:
    """One visitor's refusal changes nothing for the client's own visitor."""
    error = await refusal(aicc_client.visitor(CookieToken("wrong")).click_to_dial(MediaAbility.VOICE))
    await aicc_client.click_to_dial(MediaAbility.VOICE)

    assert (AuthenticationError, 1) == (type(error), len(aicc.dials))


async def test_a_token_the_service_renews_stays_with_its_visitor(aicc: Simulator, aicc_client: Client) -> None:
    """A renewed token replaces that of its own visitor alone."""
    aicc.configure(renew_visitor_tokens=True)
    token = aicc.new_visitor("ada")
    aicc.expire_visitor(token)
    ada = aicc_client.visitor(CookieToken(token))

    await ada.leave_message(phone_no="1", content="first")
    await ada.leave_message(phone_no="1", content="second")
    await aicc_client.leave_message(phone_no="1", content="own")

    first, second, own = (request.header("cookie") for request in aicc.requests)
    assert first != second
    assert f"ccmessaging-token={aicc.environment['AIOCC_WEBADAPTER_TOKEN']}" == own
    assert ["ada", "ada"] == [message.visitor for message in aicc.messages[:2]]


async def test_an_agent_twice_is_one_guid(aicc: Simulator, aicc_client: Client) -> None:
    """What an answer to one of them brings, the other knows, and `on_guid` is told it once."""
    heard: list[str] = []
    one = aicc_client.agent(31010, guid=aicc.sign_in(31010), on_guid=heard.append)
    other = aicc_client.agent(31010)
    fresh = aicc.rotate_guid(31010)

    await one.send_note([31002], "first")
    await other.send_note([31002], "second")

    assert [fresh] == heard
    assert fresh == aicc.requests[-1].header("guid")


async def test_a_guid_is_followed_from_rotation_to_rotation(aicc: Simulator, aicc_client: Client) -> None:
    """Each announced GUID replaces the one before, through any operation of the agent's."""
    heard: list[str] = []
    agent = aicc_client.agent(on_guid=heard.append)
    rotated = []
    for number in range(3):
        rotated.append(aicc.rotate_guid(101))
        await agent.send_note([31002], str(number))

    assert rotated == heard
    assert [aicc.environment["AIOCC_AGENT_GUID"], *rotated[:-1]] == [r.header("guid") for r in aicc.requests]


@pytest.mark.parametrize(
    ("caller", "request_of"),
    [("visitor", "create_call"), ("visitor", "send_note"), ("agent", "leave_message"), ("agent", "obs_result_codes")],
)
async def test_a_caller_refuses_another_service_s_request(
    aicc: Simulator, aicc_client: Client, caller: str, request_of: str
) -> None:
    """A visitor and an agent perform their own service's operations alone."""
    who = aicc_client.visitor(CookieToken("token")) if caller == "visitor" else aicc_client.agent()

    with pytest.raises(InvalidRequestError, match=f"{request_of} is no operation of an? {caller}"):
        await who.send(REQUESTS[request_of])
    assert () == aicc.requests


async def test_an_agent_sends_no_other_agent_s_note(aicc: Simulator, aicc_client: Client) -> None:
    """A note that names another sender is refused."""
    with pytest.raises(InvalidRequestError, match="agent_id must be 101, this agent's, not 102"):
        await aicc_client.agent().send(SendNote([31002], "x", agent_id=102))
    assert () == aicc.requests


async def test_send_gives_what_a_method_would_raise_as_a_value(aicc: Simulator, aicc_client: Client) -> None:
    """An outcome holds the result, or the error that the method raises."""
    aicc.answer_with("leave_message", code="3")
    request = LeaveMessage(phone_no="1", content="x")

    failed, done = await aicc_client.send(request), await aicc_client.send(request)

    assert ("rejected", None, "accepted") == (failed.delivery, failed.result, done.delivery)
    with pytest.raises(RejectedError) as caught:
        failed.unwrap()
    assert failed.error is caught.value
    assert failed.call_id != done.call_id
