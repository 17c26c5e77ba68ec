"""An agent kept signed in for a fleet by one of several keepers."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from cryptography.fernet import Fernet

from aiocc import AcceptedButUnreadableError, Client, ClientClosedError, InvalidRequestError
from aiocc.call.host import Host
from aiocc.integrations.redis import AgentKeeper, SharedSessions
from aiocc.integrations.redis.readers import SessionReader
from aiocc.integrations.redis.sessions import KeptSession
from aiocc.secret import Secret
from aiocc.simulator import Simulator
from aiocc.transport.place import Place

from .keeping import AGENT, BRISK, OURS, PHONE
from .redis_server import RedisServer

LEASE = 1.5
"""Seconds: another keeper takes over that soon; longer than a busy machine leaves a process waiting."""

SEAL = Fernet.generate_key().decode()


@pytest.fixture
async def sessions(redis_url: str) -> AsyncIterator[SharedSessions]:
    """Where sessions are published."""
    made = SharedSessions(redis_url, keys=SEAL)
    yield made
    await made.aclose()


@pytest.fixture
async def client(aicc: Simulator) -> AsyncIterator[Client]:
    """Give a client of a gateway that holds polls for a moment only."""
    aicc.configure(poll_hold=0.05)
    async with Client.from_env({**aicc.environment, **OURS}) as made:
        yield made


@pytest.fixture
async def standby(aicc: Simulator) -> AsyncIterator[Client]:
    """Give another keeper's client."""
    async with Client.from_env({**aicc.environment, **OURS}) as made:
        yield made


def keeper(sessions: SharedSessions, client: Client, **more: Any) -> AgentKeeper:
    """Make a keeper in haste."""
    return AgentKeeper(sessions, client, AGENT, **{"phone": PHONE, "lease": LEASE, "poll_pause": BRISK, **more})


async def comes(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what another one does."""
    with anyio.fail_after(20):
        while not await condition():  # noqa: ASYNC110 - Redis and the centre give no event
            await anyio.sleep(0.005)


async def published(sessions: SharedSessions, guid: str | None = None, after: int = 0) -> KeptSession:
    """Wait for a session: one with this GUID, one of a keeper after this one."""
    found: list[KeptSession] = []

    async def there() -> bool:
        one = await sessions.read(AGENT)
        if one is not None and one.fence > after and guid in (None, one.guid.reveal()):
            found.append(one)
        return bool(found)

    await comes(there)
    return found[0]


def sign_ins(aicc: Simulator) -> list[tuple[str, str | None]]:
    """Give the sign-ins and sign-outs, and the codes that they were answered with."""
    wanted = ("sign_in", "force_sign_in", "sign_out")
    return [(seen.operation, seen.code) for seen in aicc.requests if seen.operation in wanted]


@contextmanager
def keeping(aicc: Simulator, redis_url: str) -> Iterator[subprocess.Popen[str]]:
    """Keep the agent in a process of its own."""
    command = [sys.executable, "-m", "tests.queue.keeping", redis_url, SEAL, str(LEASE)]
    with subprocess.Popen(command, env=aicc.environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_a_keeper_publishes_follows_and_signs_out(
    aicc: Simulator, client: Client, sessions: SharedSessions
) -> None:
    """What is published is good for sending, is replaced at each rotation, and ends with the scope."""
    async with keeper(sessions, client) as kept, Client.from_env(aicc.environment) as other:
        first = await published(sessions)
        second = await published(sessions, aicc.rotate_guid(AGENT))
        await other.agent(AGENT, guid=second.guid, cookies=second.cookies).send_note([31_000], "from another process")
        assert kept.session is not None
        assert second.cookies == kept.session.cookies
        assert ["JSESSIONID"] == list(second.cookies)

    assert first.guid != second.guid
    assert kept.session is None
    assert [("sign_in", "0"), ("sign_out", "0")] == sign_ins(aicc)
    assert ["from another process"] == [note.content for note in aicc.notes]
    assert (2, 0.0) == await sessions.lease(AGENT, "the next", 1)


async def test_a_guid_that_came_to_a_worker_reaches_the_keeper(
    aicc: Simulator, client: Client, sessions: SharedSessions
) -> None:
    """Whoever is answered with a new GUID tells it: the session outlives the old one."""
    async with keeper(sessions, client, poll_pause=(0.1, 0.15)) as kept:
        first = await published(sessions)
        assert kept.session is not None
        # As from an answer to a worker's request, after which the gateway refuses the keeper's polls.
        aicc.configure(guid_grace=0)
        new = aicc.rotate_guid(AGENT, announce=False)
        assert await sessions.replace(AGENT, first, KeptSession(Secret(new), first.cookies))
        session = kept.session

        async def followed() -> bool:
            return session.guid.reveal() == new

        await comes(followed)
        polls = session.polls

        async def polled() -> bool:
            return session.polls > polls

        await comes(polled)

    assert [("sign_in", "0"), ("sign_out", "0")] == sign_ins(aicc)


async def test_a_reader_gets_the_guid_of_the_keeper_in_charge(
    aicc: Simulator, client: Client, sessions: SharedSessions
) -> None:
    """A worker whose GUID was refused waits for the one that is published next, and sends with it."""
    host = Host(Place())
    async with Client.from_env(aicc.environment) as other:
        reader = SessionReader(sessions, other, host)
        async with keeper(sessions, client):
            agent = await reader.agent(AGENT, 20)
            assert agent is not None
            await agent.send_note([31_000], "first")
            refused = reader.digest(AGENT)
            reader.refuse(AGENT, refused)
            aicc.rotate_guid(AGENT)
            agent = await reader.agent(AGENT, 20)
            assert agent is not None
            await agent.send_note([31_000], "second")

    assert refused != reader.digest(AGENT)
    assert ["first", "second"] == [note.content for note in aicc.notes]
    await host.aclose()


async def test_when_a_keeper_is_killed_another_takes_over(
    aicc: Simulator, client: Client, standby: Client, redis_url: str, sessions: SharedSessions
) -> None:
    """One of those who stand by ends the dead one's session and begins its own; the others go on standing by."""
    aicc.configure(poll_hold=0.05)
    with keeping(aicc, redis_url) as process:
        first = await published(sessions)
        async with keeper(sessions, client) as one, keeper(sessions, standby) as two:
            await anyio.sleep(0.01)
            assert (None, None) == (one.session, two.session)
            process.kill()
            second = await published(sessions, after=first.fence)
            assert 1 == len([kept for kept in (one, two) if kept.session is not None])
            assert aicc.agents_signed_in == (AGENT,)
            began = sign_ins(aicc)

    assert [("sign_in", "0"), ("sign_in", "100-002"), ("force_sign_in", "0")] == began
    assert first.guid != second.guid


async def test_a_keeper_that_slept_through_its_lease_harms_nothing(
    aicc: Simulator, client: Client, redis_url: str, sessions: SharedSessions
) -> None:
    """Once another has taken over, the one before it neither publishes nor signs anybody in or out."""
    with keeping(aicc, redis_url) as process:
        first = await published(sessions)
        process.send_signal(signal.SIGSTOP)
        async with keeper(sessions, client) as kept:
            second = await published(sessions, after=first.fence)
            process.send_signal(signal.SIGCONT)
            assert process.stdout is not None
            with anyio.fail_after(20):
                while "lost its lease" not in await anyio.to_thread.run_sync(process.stdout.readline):
                    pass
            stale = KeptSession(first.guid, first.cookies)
            assert not await sessions.publish(AGENT, stale, first.fence)
            assert second == await published(sessions)
            assert kept.session is not None
            polls = kept.session.polls

            async def polled() -> bool:
                return kept.session is not None and kept.session.polls > polls

            await comes(polled)
            assert ["sign_in", "sign_in", "force_sign_in"] == [name for name, _ in sign_ins(aicc) if name != "sign_out"]


async def test_after_redis_was_emptied_the_next_keeper_is_the_later_one(sessions: SharedSessions) -> None:
    """Who led before published its session again, with its old fence: that takes no right from whoever leads next."""
    await sessions.publish(AGENT, KeptSession(Secret("of-the-one-before")), 7)
    fence, _ = await sessions.lease(AGENT, "the next one", 10.0)
    assert fence is not None
    published = await sessions.publish(AGENT, KeptSession(Secret("of-the-next-one")), fence)
    await sessions.leave(AGENT, "the next one")
    later, _ = await sessions.lease(AGENT, "another", 10.0)

    assert (8, True, 9) == (fence, published, later)


async def test_without_redis_a_keeper_signs_out_before_its_lease_ends(
    aicc: Simulator, client: Client, own_redis: RedisServer
) -> None:
    """Who cannot renew its lease has no session when another may have one; it begins anew when it can."""
    sessions = SharedSessions(own_redis.url, keys=SEAL, answer_within=0.1)
    async with keeper(sessions, client):
        first = await published(sessions)
        own_redis.stop()

        async def signed_out() -> bool:
            return not aicc.agents_signed_in

        await comes(signed_out)
        own_redis.start()
        second = await published(sessions, after=first.fence)
        assert first.guid != second.guid
    assert () == aicc.agents_signed_in
    await sessions.aclose()


async def test_a_sign_in_that_fails_is_told_and_tried_again(
    aicc: Simulator, client: Client, sessions: SharedSessions, caplog: pytest.LogCaptureFixture
) -> None:
    """A refusal ends no keeper, and neither the password nor the phone number reaches the log."""
    aicc.answer_with("sign_in", code="100-004")
    with caplog.at_level(logging.WARNING, "aiocc"):
        async with keeper(sessions, client):
            await published(sessions)

    assert ["100-004", "0", "0"] == [code for _, code in sign_ins(aicc)]
    assert any("this keeper has no session" in line for line in caplog.messages)
    assert PHONE not in caplog.text
    assert aicc.environment["AIOCC_AGENT_PASSWORD"] not in caplog.text


async def test_a_gateway_that_gives_no_guid_ends_the_scope(
    aicc: Simulator, client: Client, sessions: SharedSessions
) -> None:
    """What waiting does not mend is raised."""
    aicc.answer_with("sign_in", body={"message": "", "retcode": "0"})
    with pytest.raises(AcceptedButUnreadableError, match="no GUID"):
        async with keeper(sessions, client):
            await anyio.sleep(20)


async def test_a_keeper_whose_client_is_closed_gives_up_the_lease(
    aicc: Simulator, client: Client, sessions: SharedSessions
) -> None:
    """The agent is signed out, and the scope raises that the client was closed, in no group."""

    async def keep() -> None:
        async with keeper(sessions, client):
            await published(sessions)
            await client.aclose()
            assert () == aicc.agents_signed_in
            await anyio.sleep(20)

    with pytest.raises(ClientClosedError):
        await keep()
    fence, _ = await sessions.lease(AGENT, "another", 1)

    assert fence is not None


async def test_a_cancelled_keeper_leaves_nobody_signed_in(
    aicc: Simulator, client: Client, sessions: SharedSessions
) -> None:
    """However far it has come when it is cancelled, the agent is signed out and the lease given up."""
    for step in range(12):
        with anyio.CancelScope() as scope:
            async with keeper(sessions, client):
                for _ in range(step * 8):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()
                await anyio.sleep(20)
        assert scope.cancelled_caught
        assert () == aicc.agents_signed_in
        fence, _ = await sessions.lease(AGENT, "another", 1)
        assert fence is not None
        await sessions.leave(AGENT, "another")


async def test_what_cannot_be_is_refused_before_anything_is_sent(client: Client, sessions: SharedSessions) -> None:
    """A keeper's arguments are those of a sign-in, checked when it is made."""
    with pytest.raises(InvalidRequestError):
        keeper(sessions, client, lease=0)
    with pytest.raises(InvalidRequestError):
        keeper(sessions, client, phone="")
    assert "<AgentKeeper 205>" == repr(keeper(sessions, client))
