"""What is repeated by itself, and what never is: the server's own count of requests is the judge."""

from __future__ import annotations

import socket

import anyio
import pytest

from aiocc import (
    BadAnswerError,
    ConfigurationError,
    ConnectFailedError,
    ConnectionLostError,
    CreateCall,
    DeadlineUnknownError,
    Delivery,
    DeliveryUnknownError,
    FrontEndError,
    LeaveMessage,
    Reason,
    RetryPolicy,
    Timeouts,
)
from aiocc.auth import CookieToken, Credential
from aiocc.protocol.messages import WireRequest

from .conftest import EFFECTS, QUICK, REQUESTS, SAMPLES, Sample, named, refusal
from .scripted import SUCCESS, Act, Arrived, Scripted, answer, client_of, close, reset, scripted, send, silent

SHORT = Timeouts(read=0.03)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LOST: dict[str, tuple[Act, type[DeliveryUnknownError], Reason]] = {
    "closed": (close, ConnectionLostError, Reason.CONNECTION_CLOSED),
    "reset": (reset, ConnectionLostError, Reason.CONNECTION_RESET),
    "silent": (silent, DeadlineUnknownError, Reason.READ_TIMEOUT),
    "truncated": (send(HEAD + b'Content-Length: 99\r\n\r\n{"resu'), ConnectionLostError, Reason.CONNECTION_CLOSED),
    "half a head": (send(b"HTTP/1.1 200 OK\r\nContent-"), ConnectionLostError, Reason.CONNECTION_CLOSED),
    "no HTTP": (send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), BadAnswerError, Reason.NOT_HTTP),
    "cut JSON": (send(HEAD + b'Content-Length: 6\r\n\r\n{"resu'), BadAnswerError, Reason.NOT_JSON),
    "empty": (answer(""), BadAnswerError, Reason.EMPTY_BODY),
    "204": (send(b"HTTP/1.1 204 No Content\r\n\r\n"), BadAnswerError, Reason.EMPTY_BODY),
    "array": (answer([]), BadAnswerError, Reason.NOT_AN_OBJECT),
    "no code": (answer({"hello": "you"}), BadAnswerError, Reason.CODE_MISSING),
    "two codes": (
        send(HEAD + b'Content-Length: 49\r\n\r\n{"resultCode":"1","resultCode":"0","retcode":"0"}'),
        BadAnswerError,
        Reason.DUPLICATE_KEY,
    ),
    "HTML": (answer("<html>welcome</html>"), BadAnswerError, Reason.NOT_JSON),
    "500": (answer("", 500), FrontEndError, Reason.FRONT_END),
    "500 JSON": (answer({"message": "oops"}, 500), DeliveryUnknownError, Reason.SERVER_STATUS),
    "502": (answer("<html>bad gateway</html>", 502), FrontEndError, Reason.FRONT_END),
    "503": (answer("", 503, {"Retry-After": "0"}), FrontEndError, Reason.FRONT_END),
    "302": (answer("", 302, {"Location": "http://127.0.0.1:1/"}), FrontEndError, Reason.REDIRECTED),
}
COMES_AGAIN = {"two codes", "302"}
"""Answers that would come again as they are, so that even a reading is not repeated."""


@pytest.mark.parametrize(**named(EFFECTS))
@pytest.mark.parametrize("fault", LOST)
async def test_an_effect_is_never_repeated_after_a_lost_answer(fault: str, sample: Sample) -> None:
    """The server has received the request once, and the error says that its fate is unknown, and why."""
    act, error_class, reason = LOST[fault]
    async with scripted([act]) as server, client_of(server.url, timeouts=SHORT, retry=QUICK) as client:
        error = await refusal(sample.perform(client))

    assert 1 == len(server.received)
    assert (error_class, Delivery.UNKNOWN, reason) == (type(error), error.delivery, error.reason)
    assert isinstance(error, DeliveryUnknownError)
    assert 1 == len(error.attempts)
    assert "epeat" in error.next_step


@pytest.mark.parametrize("fault", LOST)
async def test_a_reading_is_repeated_after_a_lost_answer(fault: str) -> None:
    """A reading goes out once more on a fresh connection, unless the same answer would come again."""
    act, _, _ = LOST[fault]
    async with (
        scripted([act, answer(SUCCESS["obs_result_codes"])]) as server,
        client_of(server.url, timeouts=SHORT, retry=QUICK) as client,
    ):
        outcome = await client.send(REQUESTS["obs_result_codes"])

    if fault in COMES_AGAIN:
        assert (1, Delivery.UNKNOWN) == (len(server.received), outcome.delivery)
    else:
        assert (2, Delivery.ACCEPTED) == (len(server.received), outcome.delivery)
        assert [Delivery.UNKNOWN, Delivery.ACCEPTED] == [attempt.delivery for attempt in outcome.attempts]
        assert True is outcome.maybe_repeated


@pytest.mark.parametrize("fault", ["closed", "reset"])
async def test_a_reading_over_a_stale_connection_goes_out_on_a_fresh_one(fault: str) -> None:
    """A kept-alive connection that ends with the request is stale; the repeat never uses another old one."""
    good, (act, _, _) = answer(SUCCESS["obs_result_codes"]), LOST[fault]
    async with scripted([good, act, good]) as server, client_of(server.url, retry=QUICK) as client:
        await client.obs_result_codes(1)
        outcome = await client.send(REQUESTS["obs_result_codes"])

    assert [("reused", Reason.STALE_CONNECTION), ("fresh", None)] == [
        (attempt.connection, attempt.reason) for attempt in outcome.attempts
    ]
    assert [1, 1, 2] == [arrived.connection for arrived in server.received]


async def test_a_repeat_never_meets_a_second_stale_connection() -> None:
    """Where a whole pool has gone stale, as after a server's restart, the first repeat is on a fresh connection."""
    both = anyio.Event()
    good = answer(SUCCESS["obs_result_codes"])

    def script(arrived: Arrived) -> Act:
        async def together(connection: socket.socket) -> bool:
            if len(server.received) == 2:
                both.set()
            await both.wait()
            return await good(connection)

        if len(server.received) <= 2:
            return together
        return close if arrived.connection <= 2 else good

    async with scripted(script) as server, client_of(server.url, retry=QUICK) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(client.obs_result_codes, 1)
            group.start_soon(client.obs_result_codes, 1)
        outcome = await client.send(REQUESTS["obs_result_codes"])

    assert ["reused", "fresh"] == [attempt.connection for attempt in outcome.attempts]


async def test_an_effect_over_a_stale_connection_is_not_repeated() -> None:
    """A stale connection proves nothing: a message over it may have arrived."""
    good = answer(SUCCESS["leave_message"])
    async with scripted([good, close, good]) as server, client_of(server.url, retry=QUICK) as client:
        await client.leave_message(phone_no="1", content="first")
        error = await refusal(client.leave_message(phone_no="1", content="second"))

    assert (ConnectionLostError, Reason.STALE_CONNECTION) == (type(error), error.reason)
    assert "kept-alive connection ended before any answer" in str(error)  # it may have served this request too
    assert 2 == len(server.received)


async def test_a_reading_is_repeated_only_as_often_as_the_policy_allows() -> None:
    """After the last attempt the error tells of all of them."""
    async with scripted([close]) as server, client_of(server.url, retry=QUICK) as client:
        error = await refusal(client.obs_result_codes(1))

    assert (3, 3) == (len(server.received), len(error.attempts))
    assert "Nothing was changed by it; repeating is safe." == error.next_step


@pytest.mark.parametrize(**named(SAMPLES))
async def test_what_was_not_sent_is_repeated(sample: Sample) -> None:
    """A refused connection is tried as often as the policy allows, whatever the operation."""
    async with scripted([close], listening=False) as server, client_of(server.url, retry=QUICK) as client:
        outcome = await client.send(sample.request)

    error = outcome.error
    assert error is not None
    if sample.name == "create_call":
        # Its token could not be had, which was repeated in a lane of its own.
        assert (ConnectFailedError, Reason.CONNECTION_REFUSED, 1) == (type(error), error.reason, len(error.attempts))
    else:
        assert (ConnectFailedError, Reason.CONNECTION_REFUSED) == (type(error), error.reason)
        assert [Delivery.NOT_SENT] * 3 == [attempt.delivery for attempt in error.attempts]
    assert Delivery.NOT_SENT is outcome.delivery
    assert [] == server.received


class Opening(CookieToken):
    """A visitor's token whose second attempt finds the server listening."""

    server: Scripted
    applied = 0

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        self.applied += 1
        if self.applied == 2:
            self.server.listen()
        super().apply(head, credential)


async def test_a_port_that_opens_in_time_is_reached() -> None:
    """What was refused at first succeeds once the server listens, and arrives once."""
    visitor = Opening("token")
    async with (
        scripted([answer(SUCCESS["leave_message"])], listening=False) as server,
        client_of(server.url, visitor=visitor, retry=QUICK) as client,
    ):
        visitor.server = server
        outcome = await client.send(REQUESTS["leave_message"])

    assert [Delivery.NOT_SENT, Delivery.ACCEPTED] == [attempt.delivery for attempt in outcome.attempts]
    assert (1, False) == (len(server.received), outcome.maybe_repeated)


@pytest.mark.parametrize("sample", EFFECTS[::2], ids=["leave_message", "send_note"])
async def test_a_message_is_sent_again_where_the_policy_says_so(sample: Sample) -> None:
    """`on_unknown="resend"` repeats a message whose fate is unknown, and the outcome says that it may be twice."""
    policy = RetryPolicy(base=0.001, on_unknown="resend")
    async with (
        scripted([close, answer(SUCCESS[sample.name])]) as server,
        client_of(server.url, retry=policy) as client,
    ):
        outcome = await client.send(sample.request)

    assert (2, Delivery.ACCEPTED, True) == (len(server.received), outcome.delivery, outcome.maybe_repeated)


@pytest.mark.parametrize("sample", EFFECTS[1::2], ids=["click_to_dial", "create_call"])
async def test_a_call_is_not_dialled_again_by_resend_alone(sample: Sample) -> None:
    """Without `allow_duplicate_calls`, `on_unknown="resend"` never lets a call go out twice."""
    policy = RetryPolicy(base=0.001, on_unknown="resend")
    async with (
        scripted([close, answer(SUCCESS[sample.name])]) as server,
        client_of(server.url, retry=policy) as client,
    ):
        with pytest.raises((ConfigurationError, DeliveryUnknownError)):
            await sample.perform(client)

    assert 1 >= len(server.received)


@pytest.mark.parametrize("sample", EFFECTS[1::2], ids=["click_to_dial", "create_call"])
async def test_a_call_is_dialled_again_where_duplicates_are_allowed(sample: Sample) -> None:
    """`allow_duplicate_calls=True` is the one way to repeat a call whose fate is unknown."""
    policy = RetryPolicy(base=0.001, on_unknown="resend", allow_duplicate_calls=True)
    async with (
        scripted([close, answer(SUCCESS[sample.name])]) as server,
        client_of(server.url, retry=policy) as client,
    ):
        outcome = await client.send(sample.request)

    assert (2, Delivery.ACCEPTED, True) == (len(server.received), outcome.delivery, outcome.maybe_repeated)


@pytest.mark.parametrize(
    ("status", "delivery", "requests"),
    [
        (400, Delivery.REJECTED, 1),
        (403, Delivery.UNKNOWN, 1),
        (404, Delivery.REJECTED, 1),
        (405, Delivery.REJECTED, 1),
        (408, Delivery.UNKNOWN, 1),
        (413, Delivery.REJECTED, 1),
        (415, Delivery.REJECTED, 1),
        (418, Delivery.UNKNOWN, 1),
        (431, Delivery.REJECTED, 1),
        (307, Delivery.REJECTED, 1),
        (308, Delivery.REJECTED, 1),
        (301, Delivery.UNKNOWN, 1),
        (303, Delivery.UNKNOWN, 1),
        (504, Delivery.UNKNOWN, 1),
    ],
)
async def test_a_status_proves_what_it_proves_and_repeats_no_call(
    status: int, delivery: Delivery, requests: int
) -> None:
    """A call that a status answers goes out once, and its delivery is that of the table."""
    page = answer("<html>no</html>", status, {"Location": "http://127.0.0.1:1/"})
    async with scripted([page]) as server, client_of(server.url, retry=QUICK) as client:
        outcome = await client.send(CreateCall(called="1"))

    assert (delivery, requests) == (outcome.delivery, len(server.received))


@pytest.mark.parametrize("status", [403, 418])
async def test_a_firewall_s_page_settles_a_message(status: int) -> None:
    """For a message, a firewall's refusal is a rejection."""
    async with scripted([answer("<html>no</html>", status)]) as server, client_of(server.url) as client:
        outcome = await client.send(LeaveMessage(phone_no="1", content="x"))

    assert (Delivery.REJECTED, 1) == (outcome.delivery, len(server.received))


async def test_a_failed_token_fetch_leaves_the_call_unsent() -> None:
    """Whatever the token request meets, the call itself is NOT_SENT."""
    async with scripted([close]) as server, client_of(server.url, retry=QUICK) as client:
        server.token_act = close
        outcome = await client.send(CreateCall(called="1"))

    assert (Delivery.NOT_SENT, 3, []) == (outcome.delivery, server.tokens, server.received)
