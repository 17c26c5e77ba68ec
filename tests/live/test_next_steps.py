"""What an error tells to do, where the cause is nearer than its class."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest

from aiocc import AuthenticationError, Client, Delivery, PoolLimits, QueueTimeoutError, Rate, Service, Timeouts
from aiocc.auth import AgentGuid, AkSk, AppKey, CookieToken, WebToken
from aiocc.endpoints.click_to_dial import ClickToDial
from aiocc.endpoints.create_call import CreateCall
from aiocc.endpoints.leave_message import LeaveMessage
from aiocc.endpoints.send_note import SendNote
from aiocc.protocol.codes import ASK, Act
from aiocc.simulator import Simulator

from .conftest import QUICK, REQUESTS, SAMPLES, Sample, named, refusal
from .scripted import client_of, scripted, silent

SOON = Timeouts(queue=0.005)


# A code


@pytest.mark.parametrize("request_", [LeaveMessage, ClickToDial, SendNote, CreateCall])
def test_each_code_that_refuses_has_a_remedy(request_: Any) -> None:
    """Of every documented refusal the table says what its caller can do, if only whom to ask."""
    codes = request_.operation.codes.values()
    refusals = [code for code in codes if code.proves is Delivery.REJECTED and code.act is not Act.RENEW]

    assert [] == [code.code for code in refusals if not code.remedy.endswith(".") or len(code.remedy) > 80]


@pytest.mark.parametrize(
    ("operation", "code", "remedy"),
    [
        ("create_call", "30010000001", "Ask the operator to enable it."),
        ("create_call", "30010010002", ASK),
        ("click_to_dial", "12", "Dial again within working hours."),
        ("send_note", "100-004", "Check agent id and password."),
        ("send_note", "100-008", "There is nothing left to sign out."),
        ("send_note", "100-001", "Correct the arguments; the description may say which."),
        ("leave_message", "3", "Correct phone_no or content."),
        ("obs_result_codes", "02000007", "Correct what the description names, or ask the operator."),
    ],
)
async def test_a_code_says_what_to_do(
    aicc: Simulator, aicc_client: Client, operation: str, code: str, remedy: str
) -> None:
    """A refusal does not ask to correct what no caller can correct."""
    aicc.answer_with(operation, code=code)
    sample = next(sample for sample in SAMPLES if sample.name == operation)

    error = await refusal(sample.perform(aicc_client))

    assert f"Nothing was done. {remedy}" == error.next_step


@pytest.mark.parametrize(**named(SAMPLES))
async def test_a_429_says_how_long_to_wait(aicc: Simulator, aicc_client: Client, sample: Sample) -> None:
    """The wait that the service asks for stands in the message."""
    aicc.answer_with(sample.name, status=429, headers={"Retry-After": "7200"}, times=9)

    error = await refusal(sample.perform(aicc_client))

    assert "Wait 7200 s, then send it again more slowly." in str(error)


# A credential


@pytest.mark.parametrize(
    ("sample", "remedy"),
    list(
        zip(
            SAMPLES,
            (
                CookieToken.remedy,
                CookieToken.remedy,
                AgentGuid.remedy,
                AkSk.remedy,
                f"{AppKey.remedy} The service's page: check whether the service has been purchased, and ask about the "
                "state of the account.",
            ),
            strict=True,
        )
    ),
    ids=[sample.name for sample in SAMPLES],
)
async def test_a_refused_credential_is_told_by_its_kind(
    aicc: Simulator, aicc_client: Client, sample: Sample, remedy: str
) -> None:
    """What to do about a 401 depends on whose credential it is: a token, a signature, a key or a GUID."""
    aicc.answer_with(sample.name, status=401, times=9)

    error = await refusal(sample.perform(aicc_client))

    assert (AuthenticationError, f"Nothing was done. {remedy}") == (type(error), error.next_step)


def test_each_strategy_has_a_remedy_of_its_own() -> None:
    """No two kinds of credential are mended in the same way."""
    remedies = [one.remedy for one in (CookieToken, WebToken, AgentGuid, AkSk, AppKey)]

    assert (5, True) == (len({*remedies}), all(one.endswith(".") for one in remedies))


# A queue


@pytest.mark.parametrize(
    ("name", "options", "more"),
    [
        ("leave_message", {"pool": PoolLimits(max_connections=1)}, "PoolLimits(max_connections=...)"),
        ("leave_message", {"concurrency": 1}, "Service(concurrency=...)"),
        ("obs_result_codes", {}, "Service(concurrency=...)"),
        ("obs_result_codes", {"pool": PoolLimits(max_connections=1)}, "PoolLimits(max_connections=...)"),
    ],
)
async def test_a_full_service_says_what_gives_it_more_slots(name: str, options: Any, more: str) -> None:
    """The setting that bounds the calls is the one that is named: at iSales that is not the pool."""
    async with (
        scripted([silent]) as server,
        client_of(server.url, timeouts=SOON, retry=QUICK, **options) as client,
        anyio.create_task_group() as group,
    ):
        slots = client._desk.line("isales" if name == "obs_result_codes" else "webadapter").admission.stats().slots
        for _ in range(slots):
            group.start_soon(client.send, REQUESTS[name])
        await server.until_received(slots)
        error = await refusal(_unwrapped(client, name))
        group.cancel_scope.cancel()

    expected = f"Nothing was sent; repeating is safe. Send less at once, or raise {more}, Timeouts(queue=...)."
    assert (QueueTimeoutError, expected, slots) == (type(error), error.next_step, len(server.received))


async def test_a_rate_says_that_it_holds_the_call_back(aicc: Simulator) -> None:
    """Where the service's rate keeps a call, more slots would not help."""
    service = Service(
        "http://127.0.0.1:9", auth=CookieToken("token"), rate=Rate(0.001), timeouts=SOON, retry=QUICK,
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"resultCode": "0", "returnCode": "0"})),
    )  # fmt: skip
    async with Client(webadapter=service) as client:
        await client.send(REQUESTS["leave_message"])
        error = await refusal(_unwrapped(client, "leave_message"))

    expected = "Nothing was sent; repeating is safe. Send more slowly, or raise Service(rate=...)."
    assert (QueueTimeoutError, expected) == (type(error), error.next_step)


async def test_a_transport_of_one_s_own_is_bounded_by_concurrency_alone() -> None:
    """Where connections are another's, a concurrency beyond our pool's usual size counts as it is given."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"resultCode": "0"}))
    service = Service("https://10.10.10.2", auth=CookieToken("token"), concurrency=500, transport=transport)
    async with Client(webadapter=service) as client:
        await client.send(REQUESTS["click_to_dial"])

        assert 500 == client.stats()["webadapter"].calls.slots


async def _unwrapped(client: Client, name: str) -> Any:
    return (await client.send(REQUESTS[name])).unwrap()
