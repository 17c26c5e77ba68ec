"""The simulator without sockets."""

from __future__ import annotations

import pytest

from aiocc import Client, DeliveryUnknownError, MediaAbility, RejectedError
from aiocc.testing import InProcess


@pytest.fixture
def centre() -> InProcess:
    """A contact centre without sockets."""
    return InProcess()


def client_of(centre: InProcess) -> Client:
    """A client of it, as an application would make it."""
    return Client.from_env(centre.environment, transport=centre.transport)


async def test_the_five_operations_reach_it(centre: InProcess) -> None:
    """Each operation passes every check of credentials, and the ledger has its effect."""
    async with client_of(centre) as client:
        await client.leave_message(phone_no="123456", content="please call back")
        await client.click_to_dial(MediaAbility.VIDEO)
        await client.agent().send_note([31002], "hello")
        page = await client.obs_result_codes(vdn_id=1, page_num=1, page_size=50)
        await client.create_call(called="88884432", call_data="order-4711")

    assert ["please call back"] == [message.content for message in centre.messages]
    assert ["1"] == [dial.media for dial in centre.dials]
    assert ["hello"] == [note.content for note in centre.inbox(31002)]
    assert ["order-4711"] == [call.call_data for call in centre.calls]
    assert (120, 50) == (page.total_count, len(page.codes))


async def test_answers_are_planned_as_on_sockets(centre: InProcess) -> None:
    """A refusal, and an answer that is lost after its effect, are had in process too."""
    centre.answer_with("create_call", code="30010000001")
    centre.answer_with("create_call", status=502, after_effect=True)
    async with client_of(centre) as client:
        with pytest.raises(RejectedError):
            await client.create_call(called="88884432")
        with pytest.raises(DeliveryUnknownError):
            await client.create_call(called="88884432")

    assert 1 == centre.calls_placed


async def test_a_query_arrives_as_it_was_sent(centre: InProcess) -> None:
    """The raw target is in the ledger: a signature is computed over it."""
    async with client_of(centre) as client:
        await client.obs_result_codes(vdn_id=1, page_num=2, page_size=10)

    (seen,) = centre.ledger.requests
    assert seen.target.endswith("/campaigns/1/queryOBSResultCode?pageSize=10&pageNum=2")


async def test_faults_of_the_meaning_are_had_in_process(centre: InProcess) -> None:
    """What goes wrong in an answer is had without sockets; what goes wrong on the wire is refused by name."""
    centre.fault("bad_gateway", "create_call", count=1)
    async with client_of(centre) as client:
        with pytest.raises(DeliveryUnknownError):
            await client.create_call(called="88884432")

    with pytest.raises(ValueError, match="reset takes a simulator with sockets"):
        centre.fault("reset", "create_call")
