"""Send a note from one agent to others, over real sockets."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from aiocc import (
    AgentSignedOutError,
    Client,
    Delivery,
    DeliveryUnknownError,
    NoteReceipt,
    RejectedError,
    SendNote,
)
from aiocc.simulator import DeliveredNote, Simulator

from .conftest import QUICK, common_headers, effects, refusal, refused_argument, told
from .scripted import SUCCESS, Act, Arrived, answer, client_of, scripted

RECEIVERS = "1 to 100 agent ids, each a whole number from 101 to 999999"
CODES = [
    ("000-000", Delivery.UNKNOWN, "Unknown error."),
    ("000-001", Delivery.REJECTED, "Wrong way of fetching events."),
    ("000-002", Delivery.REJECTED, "Wrong URL, parameter or address."),
    ("000-003", Delivery.REJECTED, "No permission, or the authentication is no longer valid."),
    ("000-005", Delivery.REJECTED, "This cannot be done to oneself."),
    ("000-006", Delivery.REJECTED, "Error in the message's parameters."),
    ("000-007", Delivery.UNKNOWN, "Repeated call."),
    ("100-001", Delivery.REJECTED, "A parameter is empty or invalid."),
    ("100-002", Delivery.REJECTED, "The agent is signed in already."),
    ("100-003", Delivery.UNKNOWN, "A resource or provider is not available."),
    ("100-004", Delivery.REJECTED, "Wrong agent or password."),
    ("100-005", Delivery.REJECTED, "Invalid sign-out parameter."),
    ("100-006", Delivery.REJECTED, "The agent is not signed in, or the GUID is not its own."),
    ("100-007", Delivery.UNKNOWN, "Internal exception of the gateway."),
    ("100-008", Delivery.REJECTED, "Signed out already."),
    ("100-009", Delivery.REJECTED, "The agent's state could not be set."),
    ("100-010", Delivery.REJECTED, "The agent's state does not allow signing out."),
    ("100-011", Delivery.REJECTED, "Invalid sign-in parameter."),
    ("100-012", Delivery.REJECTED, "Invalid agent type."),
    ("100-013", Delivery.REJECTED, "The phone number cannot be bound."),
    ("100-014", Delivery.REJECTED, "The phone number is outside the configured range."),
    ("100-015", Delivery.REJECTED, "Signed in elsewhere, and that session cannot be forced out."),
    ("100-016", Delivery.REJECTED, "Invalid IP address at sign-in."),
    ("100-060", Delivery.REJECTED, "Account problem."),
    ("100-061", Delivery.REJECTED, "The account is locked."),
    ("100-062", Delivery.REJECTED, "Wrong password."),
    ("110-016", Delivery.REJECTED, "The account is locked."),
    ("999-999", Delivery.UNKNOWN, None),
]


async def test_a_note_is_delivered_once_to_each_receiver(aicc: Simulator, aicc_client: Client) -> None:
    """A success is a receipt, and one note in each receiver's inbox."""
    receipt = await aicc_client.agent().send_note([31002, 31003], "hello")

    assert NoteReceipt() == receipt
    assert (DeliveredNote(101, 31002, "hello"), DeliveredNote(101, 31003, "hello")) == aicc.notes
    assert 1 == len(aicc.requests)


async def test_what_leaves_is_what_the_page_says(aicc: Simulator, aicc_client: Client) -> None:
    """Method, path, every header and the body's bytes are those of the page."""
    await aicc_client.agent().send_note([31002, 31003], "你好")

    (seen,) = aicc.requests
    body = '{"agentIds":[31002,31003],"content":"你好"}'.encode()
    assert ("POST", "/agentgateway/resource/onlineagent/101/sendnoteletex") == (seen.method, seen.target)
    assert [
        ("Host", aicc.url("gateway").removeprefix("https://")),
        *common_headers("application/json; charset=UTF-8"),
        ("Content-Length", str(len(body))),
        ("Guid", aicc.environment["AIOCC_AGENT_GUID"]),
    ] == list(seen.headers)
    assert body == seen.body


@pytest.mark.parametrize(("code", "delivery", "meaning"), CODES)
async def test_each_failure_code_is_its_error(
    aicc: Simulator, aicc_client: Client, code: str, delivery: Delivery, meaning: str | None
) -> None:
    """A failure code is an error with its delivery, meaning and text, and is not repeated."""
    signed_out = code in ("000-003", "100-006")
    refused = AgentSignedOutError if signed_out else RejectedError
    aicc.answer_with("send_note", code=code, description="why not")

    error = await refusal(aicc_client.agent().send_note([31002], "hello"))

    expected_class = refused if delivery is Delivery.REJECTED else DeliveryUnknownError
    assert (expected_class, delivery, code, meaning, "why not") == told(error)
    assert (0, 1) == (effects(aicc), len(aicc.requests))


async def test_an_agent_who_is_switched_over_is_waited_for(aicc: Simulator, aicc_client: Client) -> None:
    """000-004 refuses the note for a moment: it is sent again, and arrives once."""
    aicc.answer_with("send_note", code="000-004", times=2)

    outcome = await aicc_client.with_options(retry=QUICK).send(SendNote([31002], "hello", agent_id=101))

    assert (Delivery.ACCEPTED, False) == (outcome.delivery, outcome.maybe_repeated)
    assert ["000-004", "000-004", "0"] == [attempt.code for attempt in outcome.attempts]
    assert (DeliveredNote(101, 31002, "hello"),) == aicc.inbox(31002)


async def test_an_agent_who_stays_switched_over_is_refused(aicc: Simulator, aicc_client: Client) -> None:
    """000-004 on every attempt is a RejectedError after as many as the policy allows."""
    aicc.answer_with("send_note", code="000-004", description="switching", times=9)

    error = await refusal(aicc_client.with_options(retry=QUICK).agent().send_note([31002], "hello"))

    expected = (RejectedError, Delivery.REJECTED, "000-004", "The agent is being switched over.", "switching")
    assert expected == told(error)
    assert "Nothing was done. Wait a moment, then send it again." == error.next_step
    assert (0, 3) == (effects(aicc), len(aicc.requests))


async def test_a_wrong_guid_is_refused_once(aicc: Simulator) -> None:
    """A GUID that is not the agent's is an AgentSignedOutError after one request."""
    async with Client.from_env({**aicc.environment, "AIOCC_AGENT_GUID": "another.AgentGateway1"}) as client:
        error = await refusal(client.agent().send_note([31002], "hello"))

    assert (AgentSignedOutError, "100-006") == (type(error), error.code)
    assert (0, 1) == (effects(aicc), len(aicc.requests))


async def test_an_agent_who_was_signed_out_is_told_so(aicc: Simulator, aicc_client: Client) -> None:
    """An agent whose session has ended is an AgentSignedOutError that says to sign in again."""
    aicc.sign_out(101)

    error = await refusal(aicc_client.agent().send_note([31002], "hello"))

    assert (AgentSignedOutError, 0, 1) == (type(error), effects(aicc), len(aicc.requests))
    assert "Nothing was done. Sign the agent in again, and use the GUID of that sign-in." == error.next_step


async def test_a_guid_that_an_answer_brings_is_used_from_then_on(aicc: Simulator, aicc_client: Client) -> None:
    """`Set-GUID` on any answer replaces the GUID, also once the old one is good for nothing."""
    aicc.configure(guid_grace=60.0)
    fresh = aicc.rotate_guid(101)
    agent = aicc_client.agent()

    await agent.send_note([31002], "with the old one")
    aicc.advance(61)
    await agent.send_note([31002], "with the new one")

    assert [aicc.environment["AIOCC_AGENT_GUID"], fresh] == [request.header("guid") for request in aicc.requests]
    assert ["with the old one", "with the new one"] == [note.content for note in aicc.inbox(31002)]


@pytest.mark.parametrize("code", ["000-003", "100-006"])
async def test_a_note_refused_for_an_old_guid_goes_out_once_more_with_the_new_one(code: str) -> None:
    """A GUID that was replaced while its note was on the way is repeated once, with the current one."""

    def script(arrived: Arrived) -> Act:
        if arrived.headers["guid"] == "fresh.AgentGateway1":
            return answer(SUCCESS["send_note"])
        client.agent(101, guid="fresh.AgentGateway1")
        return answer({"retcode": code, "message": "old"})

    async with scripted(script) as server, client_of(server.url) as client:
        outcome = await client.send(SendNote([31002], "hello", agent_id=101))

    assert (Delivery.ACCEPTED, False) == (outcome.delivery, outcome.maybe_repeated)
    assert ["guid-of-agent-101.AgentGateway1", "fresh.AgentGateway1"] == [
        arrived.headers["guid"] for arrived in server.received
    ]


@pytest.mark.parametrize(
    ("sender", "to", "content"),
    [
        (101, [101], ""),
        (999999, [999999], "x"),
        (101, range(31000, 31100), "x" * 1023),
        (101, (31002,), "字" * 341),
    ],
)
async def test_an_argument_at_its_limit_is_sent(
    aicc: Simulator, aicc_client: Client, sender: int, to: Iterable[int], content: str
) -> None:
    """The edges of every limit are allowed: ids, receivers, bytes of content."""
    await aicc_client.agent(sender, guid=aicc.sign_in(sender)).send_note(to, content)

    assert [(sender, receiver, content) for receiver in to] == [
        (note.sender, note.receiver, note.content) for note in aicc.notes
    ]


@pytest.mark.parametrize(
    ("to", "content", "message"),
    [
        ([], "x", f"to must be {RECEIVERS}, not 0 of them"),
        (range(31000, 31101), "x", f"to must be {RECEIVERS}, not 101 of them"),
        ([100], "x", f"to must be {RECEIVERS}, not one that is 100"),
        ([1000000], "x", f"to must be {RECEIVERS}, not one that is 1000000"),
        ([31002, "31003"], "x", f"to must be {RECEIVERS}, not one that is text of 5 characters"),
        ([True], "x", f"to must be {RECEIVERS}, not one that is a bool"),
        ([31002.0], "x", f"to must be {RECEIVERS}, not one that is a float"),
        ([31002, 31003, 31002], "x", "to must be agent ids that differ, not 31002 twice"),
        ("31002", "x", f"to must be {RECEIVERS}, not text of 5 characters"),
        (31002, "x", f"to must be {RECEIVERS}, not 31002"),
        ([31002], "x" * 1024, "content must be text of 0 to 1023 bytes of UTF-8, not text of 1024 bytes"),
        ([31002], "字" * 341 + "x", "content must be text of 0 to 1023 bytes of UTF-8, not text of 1024 bytes"),
        ([31002], None, "content must be text of 0 to 1023 bytes of UTF-8, not None"),
        ([31002], "\ud800", "content must be text that UTF-8 can encode, not text with a lone surrogate"),
    ],
)
async def test_an_argument_past_its_limit_is_never_sent(
    aicc: Simulator, aicc_client: Client, to: Iterable[int], content: str, message: str
) -> None:
    """An argument past its limit names field, limit and what was given, and nothing is sent."""
    said = await refused_argument(lambda: aicc_client.agent().send_note(to, content))

    assert message == said
    assert () == aicc.requests


@pytest.mark.parametrize("sender", [100, 1000000, "101", True, "../../admin"])
async def test_a_sender_past_its_limit_is_never_sent(aicc: Simulator, aicc_client: Client, sender: int) -> None:
    """An agent id outside its limit never becomes a part of a path."""

    async def send() -> None:
        await aicc_client.agent(sender, guid="some.AgentGateway1").send_note([31002], "x")

    said = await refused_argument(send)

    assert said.startswith("agent_id must be a whole number from 101 to 999999, not ")
    assert () == aicc.requests
