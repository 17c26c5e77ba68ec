"""What is kept of an exchange, for being shown: enough to talk to an operator, and no secret."""

from __future__ import annotations

import pickle

import pytest

from aiocc import Client, CreateCall, Delivery, Outcome, SendNote, Service
from aiocc.auth import AkSk

from .conftest import QUICK, REQUESTS, SAMPLES, Sample, named, refusal
from .scripted import SUCCESS, answer, client_of, close, scripted

NUMBER = "13812345678"
SECRETS = ("cookie-of-the-visitor", "guid-of-agent-101", "secret-key-of-isales", "token-of-the-script", NUMBER)


def leaked(outcome: Outcome[object]) -> list[str]:
    """List the secrets and numbers that an outcome shows, in whatever way it is looked at."""
    exchanges = [attempt.exchange for attempt in outcome.attempts]
    views = [repr(outcome), str(outcome.error), repr(exchanges), *map(str, exchanges), repr(pickle.dumps(exchanges))]
    return [secret for secret in SECRETS if any(secret in view for view in views)]


@pytest.mark.parametrize(**named(SAMPLES))
async def test_a_failed_call_keeps_its_exchange(sample: Sample) -> None:
    """Request line, names of headers, sizes and the beginning of the answer are in error and outcome."""
    refused = {"resultCode": "x-1", "retcode": "x-1", "returnCode": "x-1", "text": "the page of the operator"}
    headers = {"X-Request-Id": "of-the-gateway", "Server": "nginx", "Set-Cookie": "a=s3cr3t-cookie"}
    async with scripted([answer(refused, 400, headers)]) as server, client_of(server.url) as client:
        outcome = await client.send(sample.request)
        received = server.received[0]

    assert outcome.error is not None
    exchange = outcome.exchange
    assert exchange is not None
    assert exchange is outcome.error.exchange is outcome.attempts[-1].exchange
    assert f"{received.method} {received.target.partition('?')[0]}" == exchange.request.partition("?")[0]
    assert list(received.headers) == [name.lower() for name, _ in exchange.request_headers]
    assert (len(received.body), 400) == (exchange.request_size, exchange.status)
    shown = dict(exchange.answer_headers)
    assert ("***", "***", "nginx") == (shown["x-request-id"], shown["set-cookie"], shown["server"])
    assert "the page of the operator" in exchange.excerpt
    assert str(exchange.answer_size) == shown["content-length"]
    assert "s3cr3t" not in str(exchange)
    assert [] == leaked(outcome)


@pytest.mark.parametrize("echo", ["138-1234-5678", "138 1234 5678", "+86 (138) 1234.5678", "1234 5678", NUMBER])
async def test_a_number_is_known_in_whatever_groups_it_comes_back(echo: str) -> None:
    """A service may write a number as it likes, or a part of it; other numbers stay."""
    refused = {"resultCode": "3", "resultDesc": f"ticket 987654, no such number: {echo}"}
    async with scripted([answer(refused)]) as server, client_of(server.url) as client:
        error = await refusal(client.leave_message(phone_no=NUMBER, content="x"))

    assert error.description == f"ticket 987654, no such number: {'+' * echo.startswith('+')}***78"
    assert echo not in f"{error} {error.exchange}"


async def test_a_number_that_was_sent_in_groups_is_one() -> None:
    """It is hidden as it was given, and without its groups."""
    refused = {"resultCode": "3", "resultDesc": "030-123-456 is 030123456"}
    async with scripted([answer(refused)]) as server, client_of(server.url) as client:
        error = await refusal(client.leave_message(phone_no="030-123-456", content="x"))

    assert error.description == "***56 is ***56"


async def test_an_exchange_without_an_answer() -> None:
    """Of a request whose answer was lost the request is kept, and that no answer came."""
    async with scripted([close]) as server, client_of(server.url) as client:
        error = await refusal(client.create_call(called=NUMBER, call_data="order-4711"))

    exchange = error.exchange
    assert exchange is not None
    assert (None, None, (), "") == (
        exchange.status,
        exchange.answer_size,
        exchange.answer_headers,
        exchange.excerpt,
    )
    lines = str(exchange).splitlines()
    assert ("> POST /apiaccess/ccmessaging/v1/mobileagent/createcall", "< (no whole answer)") == (lines[0], lines[-1])
    assert "> Authorization: ***" in lines


async def test_what_was_not_sent_has_no_exchange() -> None:
    """Where nothing left there is nothing to keep."""
    async with scripted([close], listening=False) as server, client_of(server.url, retry=QUICK) as client:
        error = await refusal(client.leave_message(phone_no=NUMBER, content="x"))

    assert ([None] * 3, None) == ([attempt.exchange for attempt in error.attempts], error.exchange)


async def test_the_exchange_of_a_success_is_kept_where_asked_for() -> None:
    """An accepted call keeps none, unless a view asks for it; an attempt before it that failed is kept."""
    good = answer(SUCCESS["obs_result_codes"])
    request = REQUESTS["obs_result_codes"]
    async with scripted([good, good, close, good]) as server, client_of(server.url, retry=QUICK) as client:
        plain = await client.send(request)
        asked = await client.with_options(exchanges=True).send(request)
        repeated = await client.send(request)

    assert (None, [None]) == (plain.exchange, [attempt.exchange for attempt in plain.attempts])
    assert asked.exchange is not None
    shape = '{"resultCode": text, "returnCode": text, "totalCount": number, "obsCodes": []}'
    assert (200, shape) == (asked.exchange.status, asked.exchange.excerpt)
    assert [True, False] == [attempt.exchange is not None for attempt in repeated.attempts]


async def test_the_exchange_shows_no_values_of_a_query() -> None:
    """Names of a query are kept, values are not: one may be a number, or a key of the user's."""
    async with scripted([answer("", 500)]) as server, client_of(server.url, retry=QUICK) as client:
        error = await refusal(client.request("isales", "GET", f"/x/{NUMBER}", query={"key": "s3cr3t", "page": 1}))

    assert error.exchange is not None
    assert "GET /x/***78?key=***&page=***" == error.exchange.request


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"resultCode": "30010000003", "resultDesc": f"called {NUMBER} is refused"}, "called ***78 is refused"),
        ({"resultCode": NUMBER, "resultDesc": "no"}, "no"),
        (f"<html>{NUMBER} is refused</html>", "<html>***78 is refused</html>"),
    ],
    ids=["text", "code", "page"],
)
async def test_no_number_that_was_sent_is_echoed(body: object, expected: str) -> None:
    """A number that a service echoes is masked in error, description and excerpt; a code of the table stays."""
    async with scripted([answer(body, 400)]) as server, client_of(server.url) as client:
        outcome = await client.send(CreateCall(called=NUMBER, call_data=f"call of {NUMBER}"))

    error = outcome.error
    assert error is not None
    assert (expected, []) == (error.description, leaked(outcome))
    assert error.code in ("30010000003", "***78", None)
    if error.code == "30010000003":
        assert error.exchange is not None
        assert '"30010000003"' in error.exchange.excerpt


async def test_a_call_can_be_looked_up() -> None:
    """The error of a created call holds its whole call_data; its text names it without the numbers dialled."""
    data = f"{'order-' * 10}{NUMBER}"
    async with scripted([close]) as server, client_of(server.url) as client:
        one = await refusal(client.create_call(called=NUMBER, call_data=f"for {NUMBER}"))
        long = await refusal(client.create_call(called=NUMBER, caller_present="95599", call_data=data))
        none = await refusal(client.create_call(called=NUMBER))
        other = await refusal(client.leave_message(phone_no=NUMBER, content="x"))

    assert (f"for {NUMBER}", data, None, None) == (one.call_data, long.call_data, none.call_data, other.call_data)
    assert one.next_step.endswith("Look for call_data 'for ***78' in the call records.")
    assert long.next_step.endswith(f"Look for call_data '{data[:40]}…' in the call records.")
    assert (Delivery.UNKNOWN, True) == (none.delivery, none.next_step.endswith("before anyone dials again."))
    assert [] == [error for error in (one, long, none, other) if NUMBER in str(error)]


async def test_a_secret_of_the_answer_is_not_in_its_excerpt() -> None:
    """What an answer's head brings is a secret also where its body repeats it, before it is cut to length."""
    body = {"resultCode": "1", "pad": "x" * 170, "again": "JSESSIONID=newer-guid-of-the-agent"}
    done = answer(body, headers={"Set-GUID": "JSESSIONID=newer-guid-of-the-agent", "X-Trace": "trace-secret"})
    async with scripted([done]) as server, client_of(server.url) as client:
        outcome = await client.with_options(exchanges=True).send(SendNote([31002], "hello", agent_id=101))

    assert outcome.exchange is not None
    assert "newer-gui" not in str(outcome.exchange)


async def test_a_header_of_the_user_s_is_hidden() -> None:
    """A service's extra header is hidden too, for it may be a key."""
    async with scripted([answer("", 400)]) as server:
        service = Service(server.url, auth=AkSk("access-key", "secret-key-of-isales"), headers={"X-Tenant": "t-1"})
        async with Client(isales=service) as client:
            outcome = await client.send(REQUESTS["obs_result_codes"])

    assert outcome.exchange is not None
    assert ("X-Tenant", "***") in outcome.exchange.request_headers
