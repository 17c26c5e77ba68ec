"""What a wrong setting ends in, over real sockets: a typed error with its true delivery, which shows no secret."""

from __future__ import annotations

import socket

import pytest

from aiocc import (
    AgentSignedOutError,
    AuthenticationError,
    CallError,
    Client,
    ConfigurationError,
    ConnectFailedError,
    CredentialError,
    Delivery,
    DnsError,
    NotSentError,
    Reason,
    RejectedError,
    Service,
    Timeouts,
    UnavailableError,
)
from aiocc.auth import AppKey, CookieToken
from aiocc.simulator import Simulator

from .conftest import DIRECT, QUICK, REQUESTS, SAMPLES, Sample, at, effects, failed, named, refusal

PATIENT = Timeouts(connect=40, token=80, total=90)
"""For a resolver that takes its time to say no."""


# Nothing was configured


@pytest.mark.parametrize(**named(SAMPLES))
async def test_a_service_that_was_not_given_is_named(sample: Sample) -> None:
    """An operation of a service that was not given names the argument and the variable."""
    other = "fabric" if sample.service != "fabric" else "isales"
    arguments: dict[str, Service] = {other: Service("https://127.0.0.1:1")}
    async with Client(**arguments) as client:
        with pytest.raises(ConfigurationError) as caught:
            await sample.perform(client)

    assert (
        f"the service {sample.service} is not configured: give Client({sample.service}=Service(...)), "
        f"or set AIOCC_{sample.service.upper()}_URL"
    ) == str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        (
            "leave_message",
            "leave_message needs a credential: give Client(webadapter=Service(..., auth=...)), "
            "or use client.visitor(CookieToken(token))",
        ),
        ("obs_result_codes", "obs_result_codes needs a credential: give Client(isales=Service(..., auth=...))"),
        ("create_call", "create_call needs a credential: give Client(fabric=Service(..., auth=...))"),
        (
            "send_note",
            "no GUID of agent 101 is known: give client.agent(101, guid=...), "
            "or set AIOCC_AGENT_ID and AIOCC_AGENT_GUID",
        ),
    ],
)
async def test_a_credential_that_was_not_given_is_named(aicc: Simulator, name: str, hint: str) -> None:
    """An operation without a credential says where to give it, and sends nothing."""
    services = {service: Service(aicc.url(service)) for service in ("webadapter", "gateway", "isales", "fabric")}
    async with Client(**services) as client:
        with pytest.raises(ConfigurationError) as caught:
            await client.send(REQUESTS[name])

    assert hint == str(caught.value)
    assert () == aicc.requests


# No connection


async def test_an_unknown_host_name_is_a_dns_error() -> None:
    """A name that does not resolve is tried once more, and says to look at the URL."""
    service = Service("https://aicc.invalid", auth=CookieToken("token"), timeouts=PATIENT, retry=QUICK)
    async with Client(webadapter=service) as client:
        error = await refusal(client.leave_message(phone_no="1", content="x"))

    assert (DnsError, Delivery.NOT_SENT, Reason.DNS_FAILURE) == (type(error), error.delivery, error.reason)
    assert 2 == len(error.attempts)
    assert "Nothing was sent; repeating is safe. Check the host name in the service's URL." == error.next_step


@pytest.mark.parametrize(**named(DIRECT))
async def test_a_refused_port_is_a_connect_error(aicc: Simulator, sample: Sample) -> None:
    """A port where nothing listens is a ConnectFailedError that says to look at address and port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = await failed(at(aicc.environment, f"https://127.0.0.1:{taken.getsockname()[1]}"), sample)

    assert (ConnectFailedError, Reason.CONNECTION_REFUSED) == (type(error), error.reason)
    assert "Nothing was sent; repeating is safe. Check that the service runs at this address and port." == (
        error.next_step
    )


async def test_a_token_host_that_is_not_there_leaves_the_call_unsent(aicc: Simulator) -> None:
    """Where no token can be had the call is NOT_SENT, and its class and description say what the fetch met."""
    auth = AppKey("app-key", "app-secret", token_url="https://aicc.invalid")
    async with Client(fabric=Service(aicc.url("fabric"), auth=auth, timeouts=PATIENT, retry=QUICK)) as client:
        error = await refusal(client.create_call(called="1"))

    assert (DnsError, Reason.DNS_FAILURE) == (type(error), error.reason)
    assert "no token from https://aicc.invalid: host name could not be resolved" in (error.description or "")
    assert () == aicc.requests


# Wrong keys


@pytest.mark.parametrize(
    ("variable", "name", "error_class", "delivery", "hint"),
    [
        (
            "AIOCC_WEBADAPTER_TOKEN",
            "leave_message",
            AuthenticationError,
            Delivery.REJECTED,
            "Nothing was done. The visitor's token has ended: take the visitor's newest token, exactly as received.",
        ),
        (
            "AIOCC_AGENT_GUID",
            "send_note",
            AgentSignedOutError,
            Delivery.REJECTED,
            "Nothing was done. Sign the agent in again, and use the GUID of that sign-in.",
        ),
        (
            "AIOCC_ISALES_SECRET_KEY",
            "obs_result_codes",
            AuthenticationError,
            Delivery.REJECTED,
            "Nothing was done. Check access key and secret key; `aiocc doctor` tries the signature's variants.",
        ),
        (
            "AIOCC_FABRIC_APP_SECRET",
            "create_call",
            UnavailableError,
            Delivery.NOT_SENT,
            "Nothing was sent; repeating is safe. "
            "Check the key and its secret, and whether this address is let through.",
        ),
    ],
)
async def test_a_wrong_key_is_an_error_that_says_so(
    aicc: Simulator,
    *,
    variable: str,
    name: str,
    error_class: type[CallError],
    delivery: Delivery,
    hint: str,
) -> None:
    """A credential the service does not know is a typed error with the delivery that is true."""
    environ = {**aicc.environment, variable: "wrong-key-of-the-environment"}
    sample = next(sample for sample in SAMPLES if sample.name == name)

    error = await failed(environ, sample)

    assert (error_class, delivery, hint) == (type(error), error.delivery, error.next_step)
    assert isinstance(error, NotSentError if delivery is Delivery.NOT_SENT else RejectedError)
    assert 0 == effects(aicc)


async def test_the_cause_says_why_there_is_no_token(aicc: Simulator) -> None:
    """The cause that the next step points at is there: what the token operation said."""
    error = await failed({**aicc.environment, "AIOCC_FABRIC_APP_SECRET": "wrong-key"}, SAMPLES[-1])

    cause = error.__cause__
    assert isinstance(cause, CredentialError)
    assert "tokenByAkSk gave no token: HTTP 403: auth fail! illegal app_key or app_secret." == str(cause)


async def test_a_key_that_no_header_may_carry_is_refused_at_once(aicc: Simulator) -> None:
    """A line break in a secret is a ConfigurationError when the client is made, which shows nothing of it."""
    for variable in ("AIOCC_WEBADAPTER_TOKEN", "AIOCC_ISALES_SECRET_KEY", "AIOCC_FABRIC_APP_SECRET"):
        with pytest.raises(ConfigurationError) as caught:
            Client.from_env({**aicc.environment, variable: "evil\r\nX-Admin: 1"})

        assert "evil" not in str(caught.value)


async def test_a_secret_that_an_answer_echoes_is_hidden(aicc: Simulator) -> None:
    """Whatever the service says, the credential of the request is not in the error."""
    environ = aicc.environment
    aicc.answer_with(
        "leave_message", code="3", description=f"bad cookie ccmessaging-token={environ['AIOCC_WEBADAPTER_TOKEN']}!"
    )

    error = await failed(environ, SAMPLES[0])

    assert "bad cookie ***!" == error.description


@pytest.mark.parametrize("before", [150, 175, 190])
async def test_a_secret_that_is_cut_in_an_excerpt_is_hidden_too(aicc: Simulator, before: int) -> None:
    """A text that is capped in the middle of an echoed credential shows no beginning of it."""
    token = aicc.environment["AIOCC_WEBADAPTER_TOKEN"]
    aicc.answer_with("leave_message", code="3", description="." * before + token)

    error = await failed(aicc.environment, SAMPLES[0])

    assert token[:8] not in str(error)


@pytest.mark.parametrize(**named(SAMPLES))
async def test_a_failure_after_the_request_left_shows_no_secret(aicc: Simulator, sample: Sample) -> None:
    """An answer that settles nothing shows no credential either, in no place of the error."""
    aicc.answer_with(sample.name, status=502, body="<html>bad gateway</html>", times=9)

    error = await failed(aicc.environment, sample)

    assert Delivery.UNKNOWN is error.delivery
