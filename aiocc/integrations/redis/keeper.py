"""The keeper of an agent's session: one process signs the agent in and polls, and a fleet sends as this agent."""

from __future__ import annotations

import logging
import random
import secrets
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, Unpack

import anyio
import anyio.abc

from aiocc.client import Client
from aiocc.endpoints.sign_in import SignInSettings
from aiocc.errors import AcceptedButUnreadableError, AioccError, CallError, ConfigurationError
from aiocc.integrations.redis.server import RedisGoneError
from aiocc.integrations.redis.sessions import KeptSession, SharedSessions
from aiocc.protocol.checks import is_seconds, kind, refuse
from aiocc.scopes.group import end_group
from aiocc.scopes.session import AgentSession, SignInScope
from aiocc.secret import Secret, conceal

LEASE: Final = 15.0
LEAST_LEASE: Final = 0.1
LOOK: Final = 1.0
"""Seconds, at most, between two looks for a GUID that came with an answer to another process."""

REMEMBERED: Final = 64
"""GUIDs by which a keeper knows whether one that is published is older or newer than its own."""

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 60.0
"""Seconds, about, between two sign-ins of one keeper, at the least and at the most, where they fail."""

log: logging.Logger = logging.getLogger("aiocc")


class AgentKeeper:
    """Keeps one agent signed in: `async with AgentKeeper(sessions, client, 101, ...)`, in as many processes as wanted.

    The one that has the lease signs the agent in, polls, and publishes each new GUID in `sessions`; the others stand
    by. When it dies another one takes the lease, once that has ended, and signs in afresh. However many wait, one at a
    time signs in, and a keeper whose sign-in failed stands back, each time longer, for up to a minute. A keeper that
    cannot renew its lease signs out before it ends. At the end of the scope, also when it is cancelled, the
    agent is signed out and the lease given up.

    Args:
        sessions: Where the session is published; it stays the caller's to close, as does the client.
        client: Signs in and polls. Send with another one: this one's GUID is the keeper's.
        agent_id: 101 to 999999.
        password: 1 to 32 characters; None for `AIOCC_AGENT_PASSWORD`, unless `AIOCC_AGENT_ID` is another agent.
        phone: The agent's phone number, 1 to 24 characters; None for `AIOCC_AGENT_PHONE`, likewise.
        lease: Seconds after which a keeper that says nothing is taken for dead.
        poll_pause: Seconds between two polls, from and to.
        settings: The other fields of `SignIn`.

    Raises:
        InvalidRequestError: An argument is outside its limit.
        ConfigurationError: The gateway was not given, or something is missing.
        AcceptedButUnreadableError: At the scope's end: the sign-in brought no GUID.

    See https://support.huaweicloud.com/api-ccfs-cec/cec_07_1202.html
    """

    @conceal
    def __init__(
        self,
        sessions: SharedSessions,
        client: Client,
        agent_id: int,
        *,
        password: str | Secret | None = None,
        phone: str | None = None,
        lease: float = LEASE,
        poll_pause: tuple[float, float] = (0.2, 0.5),
        **settings: Unpack[SignInSettings],
    ) -> None:
        if not is_seconds(lease) or lease < LEAST_LEASE:
            refuse("lease", f"a number of seconds, at least {LEAST_LEASE:g}", kind(lease))
        self.agent_id: int = agent_id
        self._sessions = sessions
        self._client = client
        self._lease = lease
        self._owner = secrets.token_hex(8)
        self._changed = anyio.Event()
        self._session: AgentSession | None = None
        self._group: anyio.abc.TaskGroup | None = None
        self._failure: AioccError | None = None

        def scope() -> SignInScope:
            return client.sign_in(
                agent_id,
                password=password,
                phone=phone,
                force="if_signed_in",
                on_guid=lambda _: self._changed.set(),
                poll_pause=poll_pause,
                **settings,
            )

        scope()  # what is wrong with it is told here
        self._scope = scope

    @property
    def session(self) -> AgentSession | None:
        """The session, where it is this keeper that has it; None while it stands by."""
        return self._session

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise ConfigurationError("a keeper is entered once: make another one")
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._run)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        assert self._group is not None
        ended_by_us = await end_group(self._group, exc)
        if ended_by_us and self._failure is not None:
            raise self._failure
        return ended_by_us

    async def _run(self) -> None:
        """Stand by, keep the agent, stand back where that failed: until cancelled."""
        failed = 0
        while True:
            try:
                fence, until = await self._lead()
                began = anyio.current_time()
                error = await self._keep(fence, until)
            finally:
                with anyio.CancelScope(shield=True), suppress(RedisGoneError):
                    await self._sessions.leave(self.agent_id, self._owner)
            if error is not None and not _may_pass(error):
                self._failure = error
                assert self._group is not None
                self._group.cancel_scope.cancel()
                return
            failed = 0 if anyio.current_time() - began > LONGEST_PAUSE else failed + 1
            if error is not None:
                log.warning("agent %d: this keeper has no session: %s", self.agent_id, error)
            await anyio.sleep(_about(min(FIRST_PAUSE * 2.0 ** min(max(failed - 1, 0), 10), LONGEST_PAUSE)))

    async def _lead(self) -> tuple[int, float]:
        """Wait for the lease; gives its fence, and until when it surely lasts."""
        while True:
            wait = self._lease / 3
            asked = anyio.current_time()
            with suppress(RedisGoneError):
                fence, free_in = await self._sessions.lease(self.agent_id, self._owner, self._lease)
                if fence is not None:
                    return fence, asked + self._lease
                wait = min(wait, free_in)
            await anyio.sleep(_about(wait + self._lease / 30))

    async def _keep(self, fence: int, until: float) -> AioccError | None:
        """Sign in and stay, for as long as the lease is this keeper's; gives what else ended the session."""
        error: AioccError | None = None
        async with anyio.create_task_group() as group:
            # From before the sign-in on, which may take longer than a lease.
            group.start_soon(self._hold, until, group.cancel_scope)
            try:
                async with self._scope() as session:
                    self._session = session
                    await self._publish(session, fence)
            except AioccError as failed:
                error = failed
            finally:
                self._session = None
            group.cancel_scope.cancel()
        return error

    async def _hold(self, until: float, keeping: anyio.CancelScope) -> None:
        """Renew the lease; where it is lost, or a third of it is left for the sign-out, end the session."""
        while anyio.current_time() < until - self._lease / 3:
            await anyio.sleep(self._lease / 6)
            asked = anyio.current_time()
            with anyio.CancelScope(deadline=until - self._lease / 3), suppress(RedisGoneError):
                fence, _ = await self._sessions.lease(self.agent_id, self._owner, self._lease)
                if fence is None:
                    break
                until = asked + self._lease
        log.warning("agent %d: this keeper has lost its lease", self.agent_id)
        keeping.cancel()

    async def _publish(self, session: AgentSession, fence: int) -> None:
        """Publish each GUID, and take those that came with answers to others, until another keeper has taken over."""
        held: deque[str] = deque(maxlen=REMEMBERED)
        while True:
            self._changed = anyio.Event()
            own = KeptSession(session.guid, session.cookies)
            if own.digest not in held:
                held.append(own.digest)
            with suppress(RedisGoneError):
                found = await self._read()
                if session.guid != own.guid:
                    continue
                if found is not None and found.fence > fence:
                    return
                if found is None or found.fence < fence:
                    await self._sessions.publish(self.agent_id, own, fence)
                elif found.digest not in held:
                    self._client.agent(self.agent_id, guid=found.guid)
                elif found.digest != own.digest:
                    await self._sessions.replace(self.agent_id, found, own)
            with anyio.move_on_after(min(LOOK, self._lease / 6)):
                await self._changed.wait()

    async def _read(self) -> KeptSession | None:
        try:
            return await self._sessions.read(self.agent_id)
        except ValueError:  # sealed by a key that is not this fleet's any more
            return None

    def __repr__(self) -> str:
        return f"<AgentKeeper {self.agent_id}>"


def _may_pass(error: AioccError) -> bool:
    """Whether another sign-in may fare better: not one that was accepted, and brought no GUID."""
    return isinstance(error, CallError) and not isinstance(error, AcceptedButUnreadableError)


def _about(seconds: float) -> float:
    """Spread what many keepers do at once."""
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 - nothing secret
