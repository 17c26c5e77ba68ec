"""An agent's signed-in time as a scope: signs in, polls, follows the GUID, signs out."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, Final, Literal

import anyio
import anyio.abc
from attrs import asdict, evolve

from aiocc.auth.agent_guid import SIGNED_OUT_CODES, AgentGuid, PollingGuid, SigningIn
from aiocc.call.desk import Desk
from aiocc.call.line import CallOptions
from aiocc.call.shield import see_through
from aiocc.delivery import Delivery, Reason
from aiocc.endpoints.agent_events import READ, AgentEvent, PollAgentEvents
from aiocc.endpoints.sign_in import ForceSignIn, SignedIn, SignedOut, SignIn, SignOut
from aiocc.errors import AcceptedButUnreadableError, CallError, ClientClosedError, ConfigurationError
from aiocc.outcome import Outcome
from aiocc.protocol.checks import is_seconds, kind, refuse
from aiocc.protocol.limits import Timeouts
from aiocc.protocol.retry import RetryPolicy
from aiocc.scopes.beginning import Begun, begin
from aiocc.scopes.callers import Agent
from aiocc.scopes.group import keep_notes
from aiocc.scopes.holding import Holding
from aiocc.scopes.listeners import BUFFER, Listener, Listeners, OnFull
from aiocc.secret import Secret

Force = Literal["never", "if_signed_in", "always"]
OnLost = Literal["raise", "sign_in_again"]

SIGNED_IN_ALREADY: Final = "100-002"
SIGNED_OUT: Final = SIGNED_OUT_CODES | {"100-008"}

TOLERATED: Final = 15
"""Polls in a row that may be refused for their GUID: it may be changing, and the vendor's own client waits as long."""

SILENCE: Final = 120.0
"""Seconds without an answered poll after which the gateway has signed the agent out."""

SIGN_OUT_WITHIN: Final = 5.0
"""Seconds for which leaving a scope waits for the sign-out."""

LONGEST_PAUSE: Final = 5.0
"""Seconds between two polls, at the most, while they fail."""

LONGEST_POLL_PAUSE: Final = 60.0
"""Seconds; with more between two polls the gateway would soon miss the agent."""

log: logging.Logger = logging.getLogger("aiocc")


class AgentSession(Agent):
    """A signed-in agent. Made by `async with client.sign_in(...)`; what `client.agent()` gives can do, it can.

    Attributes:
        signed_in: What the gateway said of the session.
        polls: Polls that were answered.
        polls_lost: Polls whose answer was lost; each may have taken an event with it.
    """

    __slots__ = ("_listeners", "polls", "polls_lost", "signed_in")

    def __init__(self, desk: Desk, agent_id: int, strategy: AgentGuid, options: CallOptions) -> None:
        super().__init__(desk, agent_id, strategy, options)
        self._listeners: Listeners[AgentEvent] = Listeners()
        self.signed_in: SignedIn = SignedIn()
        self.polls: int = 0
        self.polls_lost: int = 0

    def events(self, *, buffer: int = BUFFER, on_full: OnFull = "drop_oldest") -> Listener[AgentEvent]:
        """Listen to what happens to this agent: `async with agent.events() as events: async for event in events`.

        Args:
            buffer: Events that are kept for this listener until it takes them.
            on_full: What a listener that is too slow loses: "drop_oldest" or "drop_newest"; it is counted.

        Raises:
            InvalidRequestError: An argument is outside its limit.
        """
        return Listener(self._listeners, buffer, on_full)

    @property
    def guid(self) -> Secret:
        """The current GUID, for another process that is to send as this agent: `client.agent(agent_id, guid=...)`."""
        return self._strategy.current

    @property
    def cookies(self) -> dict[str, Secret]:
        """The cookies that the sign-in's answer set, by name, which go with it."""
        return self._strategy.cookies

    def __repr__(self) -> str:
        return f"<AgentSession {self.agent_id}>"


def _without_guid(request: SignIn, outcome: Outcome[SignedIn]) -> AcceptedButUnreadableError:
    """Say of a sign-in that was accepted, and brought no GUID that a header can carry, what repairs it."""
    operation = request.operation
    step = f"It was done. Do not repeat. {request.trace()}"
    return AcceptedButUnreadableError(
        f"{operation.name} ({operation.log_name}): {outcome.delivery}: no GUID (Set-GUID) came with the answer. {step} "
        f"[call {outcome.call_id}, {outcome.elapsed:.2f} s]",
        operation=operation.name,
        log_name=operation.log_name,
        service=operation.service,
        call_id=outcome.call_id,
        reason=Reason.PAYLOAD_UNREADABLE,
        attempts=outcome.attempts,
        elapsed=outcome.elapsed,
        next_step=step,
        exchange=outcome.exchange,
    )


def check_sign_in(force: object, on_lost: object, poll_pause: object) -> None:
    """Check what is no field of the request.

    Raises:
        InvalidRequestError: An argument is outside its limit.
    """
    if force not in ("never", "if_signed_in", "always"):
        refuse("force", "'never', 'if_signed_in' or 'always'", kind(force))
    if on_lost not in ("raise", "sign_in_again"):
        refuse("on_lost", "'raise' or 'sign_in_again'", kind(on_lost))
    pair = poll_pause if isinstance(poll_pause, tuple) and len(poll_pause) == 2 else ()
    if not pair or not all(map(is_seconds, pair)) or not 0 < pair[0] <= pair[1] <= LONGEST_POLL_PAUSE:
        refuse("poll_pause", f"two numbers of seconds, from and to, at most {LONGEST_POLL_PAUSE:g}", kind(poll_pause))


class SignInScope(Holding[AgentSession]):
    """`async with client.sign_in(...) as agent`; see there."""

    leftover: ClassVar[str] = "the agent may still be signed in"

    def __init__(
        self,
        desk: Desk,
        request: SignIn,
        cell: Callable[[SigningIn], AgentGuid],
        forget: Callable[[], None],
        options: CallOptions,
        *,
        force: Force,
        on_lost: OnLost,
        poll_pause: tuple[float, float],
        timeouts: Timeouts,
    ) -> None:
        super().__init__(desk)
        self._request = request
        self._key = ("agent", request.agent_id)
        self._cell = cell
        self._forget = forget
        self._options = options
        self._force = force
        self._on_lost = on_lost
        self._pause = poll_pause
        policy = options.retry or RetryPolicy()
        self._sign_in_options = evolve(
            options, retry=evolve(policy, on_unknown="raise"), seen_through=True, exchanges=True
        )
        # The loop itself polls again; one attempt is to outlast the gateway's hold whatever the calls' own limit is.
        longest = max(READ, timeouts.read) + timeouts.connect + timeouts.queue
        self._poll_options = evolve(options, deadline=longest, retry=RetryPolicy(max_attempts=1))
        self._session: AgentSession | None = None
        self._strategy: PollingGuid | None = None
        self._lost = False  # the gateway has ended the session

    def _take(self) -> None:
        if self._key in self._desk.taken:
            raise ConfigurationError(f"agent {self._request.agent_id} is signed in by this client already")
        self._desk.taken.add(self._key)

    def _leave(self) -> None:
        super()._leave()
        self._desk.taken.discard(self._key)

    async def _hold(self) -> AgentSession:
        self._lost = False
        self._session = await self._sign_in(self._force)
        return self._session

    def _end_events(self) -> None:
        if self._session is not None:
            self._session._listeners.end()

    async def _give_back(self) -> None:
        if self._session is not None:
            self._session._strategy.polled = False
        await self._sign_out()

    async def _sign_in(self, force: Force) -> AgentSession:
        """Sign in; what was begun is undone where the scope is cancelled meanwhile.

        Raises:
            CallError: It was refused, or it is not known what became of it, or it brought no GUID.
        """
        learnt = SigningIn()
        request = self._forced() if force == "always" else self._request
        begun = await begin(lambda: self._desk.perform(request, learnt, self._sign_in_options), learnt)
        outcome = begun.outcome
        settled = outcome is not None and outcome.delivery.happened is not None
        if learnt.guid is not None and (outcome is None or outcome.delivery.happened is not False):
            cell = self._cell(learnt)
            self._strategy = PollingGuid(cell)
            if begun.stop is None and outcome is not None and outcome.delivery is Delivery.ACCEPTED:
                cell.polled = True
                session = AgentSession(self._desk, self._request.agent_id, cell, self._options)
                session.signed_in = outcome.result or SignedIn()
                return session
            # Also where no more than the head of its answer came: the GUID is in there.
            settled = await self._undo_sign_in(begun) or settled
        if begun.stop is not None:
            if outcome is not None and outcome.error is not None and not settled:
                begun.stop.add_note(f"aiocc: {outcome.error}")
            raise begun.stop
        assert outcome is not None
        if outcome.error is not None and outcome.delivery is Delivery.UNKNOWN and settled:
            outcome.error.add_note("aiocc: its answer brought a GUID, with which the agent was signed out")
        if outcome.error is not None and outcome.error.code == SIGNED_IN_ALREADY and force == "if_signed_in":
            return await self._sign_in("always")
        outcome.unwrap()
        raise _without_guid(request, outcome)

    async def _undo_sign_in(self, begun: Begun[SignedIn]) -> bool:
        """Sign out at once; says whether the agent surely is."""
        signed_out: list[bool] = []

        async def sign_out() -> None:
            signed_out.append(await self._sign_out())

        try:
            await see_through(sign_out)
        except anyio.get_cancelled_exc_class() as stop:
            keep_notes(begun.stop, stop)
            begun.stop = stop
        return any(signed_out)

    def _forced(self) -> SignIn:
        return ForceSignIn(**asdict(self._request, recurse=False))

    async def _poll(self, session: AgentSession, /) -> None:
        """Poll until the scope ends, or the session is lost."""
        try:
            await self._poll_on(session)
        finally:
            session._strategy.polled = False

    async def _poll_on(self, session: AgentSession) -> None:
        refused = failed = 0
        answered = anyio.current_time()
        while True:
            outcome = await self._ask(session)
            if outcome.delivery is Delivery.ACCEPTED:
                refused = failed = 0
                answered = anyio.current_time()
                session.polls += 1
                if outcome.result is not None:
                    session._listeners.tell(outcome.result)
            else:
                failed += 1
                session.polls_lost += outcome.delivery is Delivery.UNKNOWN
                error = outcome.error
                refused = refused + 1 if error is not None and error.code in SIGNED_OUT else 0
                if error is not None and (refused >= TOLERATED or anyio.current_time() - answered > SILENCE):
                    if not await self._regain(session, error):
                        return
                    refused = failed = 0
                    answered = anyio.current_time()
            least, most = self._pause
            pause = random.uniform(least, most)  # noqa: S311 - spreads polls, nothing secret
            await anyio.sleep(min(pause * 2.0 ** min(max(failed - refused, 0), 8), max(LONGEST_PAUSE, most)))

    async def _ask(self, session: AgentSession) -> Outcome[AgentEvent | None]:
        request = PollAgentEvents(agent_id=session.agent_id)
        return await self._desk.perform(request, self._strategy, self._poll_options)

    async def _regain(self, session: AgentSession, error: CallError) -> bool:
        """Sign in again where that is wanted; else end the body. Says whether the session goes on."""
        if self._on_lost == "sign_in_again":
            try:
                again = await self._sign_in("if_signed_in")
            except CallError as failed:
                error = failed
            else:
                session.signed_in = again.signed_in
                log.warning("agent %d was signed out, and has been signed in again", session.agent_id)
                return True
        self._lost = True
        self._end_body(error)
        return False

    async def _sign_out(self) -> bool:
        """Sign out, unless the session was lost; what cannot be done is said in the log, for nobody can mend it.

        Returns:
            Whether the gateway has confirmed that nobody is signed in by this session.
        """
        outcome: Outcome[SignedOut] | None = None
        if not self._lost:
            request = SignOut(agent_id=self._request.agent_id)
            options = evolve(self._options, deadline=SIGN_OUT_WITHIN)
            with anyio.move_on_after(SIGN_OUT_WITHIN), suppress(ConfigurationError, ClientClosedError):
                outcome = await self._desk.perform_last(request, self._strategy, options)
            error = outcome.error if outcome is not None else None
            if outcome is None or (error is not None and error.code not in SIGNED_OUT):
                log.warning(
                    "agent %d may still be signed in (%s); without polls the gateway signs it out after two minutes",
                    request.agent_id,
                    error.reason if error is not None else "no answer",
                )
        self._forget()
        return outcome is not None and (outcome.error is None or outcome.error.code in SIGNED_OUT)
