"""A token service that answers, and gives no token: what is asked again, when it is left alone, what is said."""

from __future__ import annotations

import re
from typing import Any

import pytest
from attrs import evolve

from aiocc import CallError, Client, CreateCall, CredentialError, Delivery, Reason, UnavailableError
from aiocc.protocol.quota import QUOTA, TRANSIENT_COST
from aiocc.simulator import Simulator

from .conftest import QUICK, fabric_client

CALL = CreateCall(called="88884432")
AGAIN = re.compile(r"failed \d+\.\d s ago, the next try in \d+\.\d s: tokenByAkSk gave no token: HTTP \d{3}")


async def refused(client: Client) -> CallError:
    """Give the error of a call that is not sent."""
    error = (await client.send(CALL)).error
    assert (UnavailableError, Delivery.NOT_SENT) == (type(error), error.delivery if error else None)
    assert error is not None
    return error


@pytest.mark.parametrize(
    "plan", [{"status": 503}, {"status": 500}, {"status": 429}, {"status": 429, "headers": {"Retry-After": "0"}}]
)
@pytest.mark.parametrize("times", [1, 2])
async def test_a_bad_answer_of_the_token_service_fails_no_call(centre: Simulator, plan: Any, times: int) -> None:
    """A token request is idempotent: what a 429 or a 5xx answers is asked for again, and what it cost comes back."""
    centre.answer_with("token", times=times, **plan)
    async with fabric_client(centre) as client:
        outcomes = [await client.send(CALL)]
        spent = QUOTA - client.stats()["fabric"].retry_quota
        outcomes += [await client.send(CALL) for _ in range(9)]

    assert {Delivery.ACCEPTED} == {outcome.delivery for outcome in outcomes}
    assert (times + 1, 10) == (centre.token_requests, centre.calls_placed)
    assert ({1}, True) == ({len(outcome.attempts) for outcome in outcomes}, spent <= TRANSIENT_COST * (times - 1))


async def test_a_throttled_token_takes_nothing_from_the_service(centre: Simulator) -> None:
    """What a 429 costs is the credential's: the quota of the service is there for its calls."""
    centre.answer_with("token", status=429, times=10**6)
    async with fabric_client(centre) as client:
        await refused(client)

        assert (3, QUOTA) == (centre.token_requests, client.stats()["fabric"].retry_quota)


@pytest.mark.parametrize(("attempts", "asked"), [(3, 3), (1, 1), (5, 5)])
async def test_a_token_is_asked_for_as_often_as_the_policy_allows(centre: Simulator, attempts: int, asked: int) -> None:
    """Attempts are those of the service's policy."""
    centre.answer_with("token", status=503, times=10**6)
    async with fabric_client(centre, retry=evolve(QUICK, max_attempts=attempts)) as client:
        error = await refused(client)

    assert (Reason.CREDENTIAL_UNAVAILABLE, asked) == (error.reason, centre.token_requests)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_token_service_that_asks_for_a_long_wait_is_left_alone(centre: Simulator, status: int) -> None:
    """A wait past the time for a token is told at once; what is told again says that it is, and when a try follows."""
    centre.answer_with("token", status=status, headers={"Retry-After": "3600"}, times=10**6)
    async with fabric_client(centre) as client:
        first, second = await refused(client), await refused(client)

    assert (1, 3600.0) == (centre.token_requests, first.retry_after)
    assert [False, True] == [AGAIN.match(error.description or "") is not None for error in (first, second)]
    assert (True, True) == (second.retry_after is not None and 3000 < second.retry_after <= 3600, "HTTP" in str(second))


async def test_a_failure_is_told_again_until_its_pause_is_over(centre: Simulator) -> None:
    """Every error of the pause says how old the failure is; each is one of its own."""
    centre.answer_with("token", status=404, times=10**6)
    async with fabric_client(centre) as client:
        errors = [await refused(client) for _ in range(5)]

    told = [str(error.__cause__) for error in errors]
    assert "tokenByAkSk gave no token: HTTP 404" == told[0]
    assert told[centre.token_requests :] == [one for one in told if AGAIN.fullmatch(one)]
    assert {5} == {len({id(error.__cause__) for error in errors})}


URL = "check the service's URL, or token_url= (AIOCC_FABRIC_TOKEN_URL)"
WHY = [
    (400, Reason.CREDENTIAL_REFUSED, "Check the key and its secret, and whether this address is let through."),
    (401, Reason.CREDENTIAL_REFUSED, "Check the key and its secret, and whether this address is let through."),
    (403, Reason.CREDENTIAL_REFUSED, "Check the key and its secret, and whether this address is let through."),
    (404, Reason.CREDENTIAL_UNAVAILABLE, f"No token is given out at this address: {URL}."),
    (302, Reason.CREDENTIAL_UNAVAILABLE, f"No token is given out at this address: {URL}."),
    (307, Reason.CREDENTIAL_UNAVAILABLE, f"No token is given out at this address: {URL}."),
    (405, Reason.CREDENTIAL_UNAVAILABLE, f"No token is given out at this address: {URL}."),
    (429, Reason.CREDENTIAL_UNAVAILABLE, "Tokens are asked for too often. Wait 3600 s, then try again."),
    (200, Reason.CREDENTIAL_UNAVAILABLE, f"The answer has no token: {URL}, and show the operator what it says."),
    (503, Reason.CREDENTIAL_UNAVAILABLE, f"The token service fails: wait, then try again; if it lasts, {URL}."),
]


@pytest.mark.parametrize(("status", "reason", "remedy"), WHY)
async def test_why_there_is_no_token_says_what_to_do(
    centre: Simulator, status: int, reason: Reason, remedy: str
) -> None:
    """Only what may be the key's fault blames the key; an address, a pace and an outage have lines of their own."""
    headers = {"Retry-After": "3600"} if status == 429 else {"Location": "http://127.0.0.1:9/"}
    centre.answer_with("token", status=status, body={"msg": "no"}, headers=headers, times=10**6)
    async with fabric_client(centre) as client:
        error = await refused(client)

    cause = error.__cause__
    assert isinstance(cause, CredentialError)
    assert (reason, reason) == (error.reason, cause.reason)
    assert f"Nothing was sent; repeating is safe. {remedy}" == error.next_step
