"""As whom a client calls: visitors and agents, for a request or for as long as a scope lasts."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from typing import Unpack

from aiocc.agents import Agents
from aiocc.auth.agent_guid import AgentGuid, Cookies, SigningIn, plain_function
from aiocc.auth.held import own_strategy
from aiocc.auth.strategy import Strategy
from aiocc.call.desk import Desk
from aiocc.call.line import CallOptions
from aiocc.endpoints.click_to_dial import ClickToDial, MediaAbility
from aiocc.endpoints.send_note import MAX_AGENT_ID, MIN_AGENT_ID
from aiocc.endpoints.sign_in import SignIn, SignInSettings
from aiocc.errors import ConfigurationError
from aiocc.protocol.checks import is_number, kind, refuse
from aiocc.protocol.pace import Rate
from aiocc.scopes.callers import POLL_PAUSE, Agent, Visitor, dial_scope
from aiocc.scopes.dial import DialScope
from aiocc.scopes.notes import JournalOption, Note, NoteRun, OnInvalid, Report
from aiocc.scopes.session import Force, OnLost, SignInScope, check_sign_in
from aiocc.secret import Secret, conceal
from aiocc.services import Services


class Principals:
    """What gives a client's visitors and agents; a client is one."""

    _services: Services
    _desk: Desk
    _options: CallOptions
    _agents: Agents

    def visitor(self, auth: Strategy) -> Visitor:
        """Give one web visitor, on this client's pools; cheap enough for every request.

        Args:
            auth: `CookieToken(token)` or `WebToken(...)`.

        Raises:
            ConfigurationError: The web adapter was not given, or `auth` is no strategy.
        """
        self._services.of("webadapter")
        if own_strategy(auth) is None:
            raise ConfigurationError(
                f"auth must be a strategy such as CookieToken(token), without a flow of its own, not {kind(auth)}"
            )
        return Visitor(self._desk, auth, self._options)

    @conceal
    def agent(
        self,
        agent_id: int | None = None,
        *,
        guid: str | Secret | None = None,
        cookies: Cookies | None = None,
        on_guid: Callable[[str], object] | None = None,
    ) -> Agent:
        """Give one agent who is signed in already, on this client's pools.

        The same agent twice is one GUID: what an answer renews, all know.

        Args:
            agent_id: 101 to 999999; None for the one in the environment.
            guid: Of its session, where the client does not know it yet, or another one than it knows.
            cookies: Those that this session's sign-in set, by name; sent with the agent's requests alone.
            on_guid: Told each new GUID that the gateway gives; whatever it raises is logged, and harms no call.

        Raises:
            InvalidRequestError: The agent id is outside its limit.
            ConfigurationError: The gateway was not given, no GUID is known, or `on_guid` is no plain function.
        """
        self._services.of("gateway")
        if agent_id is None:
            agent_id = self._agents.own.agent_id
        if agent_id is None:
            raise ConfigurationError("agent_id is not given, and AIOCC_AGENT_ID is not set")
        if not is_number(agent_id) or not MIN_AGENT_ID <= agent_id <= MAX_AGENT_ID:
            refuse("agent_id", f"a whole number from {MIN_AGENT_ID} to {MAX_AGENT_ID}", kind(agent_id))
        plain_function("on_guid", on_guid)
        cell = self._agents.guid(agent_id, guid, cookies)
        if on_guid is not None:
            cell.on_guid = on_guid
        return Agent(self._desk, agent_id, cell, self._options)

    def send_notes(
        self,
        notes: Iterable[Note] | AsyncIterable[Note],
        *,
        agents: Sequence[Agent | int] | None = None,
        concurrency: int = 16,
        rate: Rate | None = None,
        journal: JournalOption = None,
        resend_unknown: bool = False,
        on_progress: Callable[[Report], object] | None = None,
        on_invalid: OnInvalid = "stop",
        bisect: bool = False,
        deadline: float | None = None,
    ) -> NoteRun:
        """Send many notes from several agents, who take turns; one who is signed out is passed over.

        Args:
            notes: As for `Agent.send_notes`, and so all else.
            agents: Agents, or the ids of those whose GUID this client knows; None for the one in the environment.
            concurrency: Requests on their way at once, of all agents together.
            rate: How often requests may go.
            journal: A file in which the run keeps account, so that it can be continued; by other agents too.
            resend_unknown: Whether to send again what an earlier run left unknown.
            on_progress: Told the report after each request.
            on_invalid: "stop" raises at the first note that cannot be sent, "skip" counts it and goes on.
            bisect: Whether a request that was refused for what it holds goes on in halves.
            deadline: Seconds for the whole run; of a budget that is spent (0, or less) nothing is sent.

        Returns:
            The run, as `Agent.send_notes` gives it.

        Raises:
            ConfigurationError: The gateway was not given, or no GUID of an agent is known.
            InvalidRequestError: An option is outside its limit; when awaited, a note.
        """
        if agents is not None and (isinstance(agents, str | bytes) or not isinstance(agents, Iterable)):
            refuse("agents", "a list of agents or of their ids", kind(agents))
        given: Iterable[Agent | int | None] = [None] if agents is None else agents
        senders = [one if isinstance(one, Agent) else self.agent(one) for one in given]
        return NoteRun(
            [sender.in_bulk() for sender in senders],
            notes,
            concurrency=concurrency,
            rate=rate,
            journal=journal,
            resend_unknown=resend_unknown,
            on_progress=on_progress,
            on_invalid=on_invalid,
            bisect=bisect,
            deadline=deadline,
        )

    @conceal
    def sign_in(
        self,
        agent_id: int | None = None,
        *,
        password: str | Secret | None = None,
        phone: str | None = None,
        force: Force = "never",
        on_lost: OnLost = "raise",
        on_guid: Callable[[str], object] | None = None,
        poll_pause: tuple[float, float] = (0.2, 0.5),
        **settings: Unpack[SignInSettings],
    ) -> SignInScope:
        """Sign an agent in for as long as the scope lasts: `async with client.sign_in(101, ...) as agent`.

        The scope polls for the agent's events, follows its GUID, and signs the agent out at its end, also when it is
        cancelled. From its first byte on a sign-in is seen through, for at most 5 s, and then undone where the scope
        is being cancelled. The body's own exception leaves as it is.

        Args:
            agent_id: 101 to 999999; None for `AIOCC_AGENT_ID`.
            password: 1 to 32 characters; None for `AIOCC_AGENT_PASSWORD`, unless `AIOCC_AGENT_ID` is another agent.
            phone: The agent's phone number, 1 to 24 characters; None for `AIOCC_AGENT_PHONE`, likewise.
            force: Whether to end a session that this agent has already: "never", "if_signed_in" (once the gateway
                answered 100-002), "always".
            on_lost: When the session is lost: "raise" cancels the body and raises `AgentSignedOutError`,
                "sign_in_again" begins another one.
            on_guid: Told each new GUID; whatever it raises is logged, and harms no session.
            poll_pause: Seconds between two polls, from and to; 0.2 to 0.5 as documented.
            settings: The other fields of `SignIn`.

        Raises:
            InvalidRequestError: An argument is outside its limit.
            ConfigurationError: The gateway was not given, or something is missing. On entering: this client has
                signed that agent in already.
            CallError: On entering: the sign-in was refused, or its fate is unknown, or it was accepted and brought no
                GUID (`AcceptedButUnreadableError`); `next_step` says what repairs it.

        See https://support.huaweicloud.com/api-ccfs-cec/cec_07_1202.html
        """
        service = self._services.of("gateway")
        agent_id = self._agents.own.agent_id if agent_id is None else agent_id
        own = self._agents.own.of(agent_id)
        password = own.password if password is None else password
        phone = own.phone if phone is None else phone
        for name, value in (("agent_id", agent_id), ("password", password), ("phone", phone)):
            if value is None:
                raise ConfigurationError(f"{name} is not given, and {self._agents.why_not(agent_id, name)}")
        check_sign_in(force, on_lost, poll_pause)
        plain_function("on_guid", on_guid)
        request = SignIn(agent_id=agent_id, password=password, phone=phone, **settings)  # type: ignore[arg-type]  # checked by the model

        def cell(learnt: SigningIn) -> AgentGuid:
            found = self._agents.guid(request.agent_id, learnt.guid, learnt.cookies)
            if on_guid is not None:
                found.on_guid = on_guid
            return found

        return SignInScope(
            self._desk,
            request,
            cell,
            lambda: self._agents.forget(request.agent_id),
            self._options,
            force=force,
            on_lost=on_lost,
            poll_pause=poll_pause,
            timeouts=service.timeouts,
        )

    def dial(self, media: MediaAbility, *, poll_pause: float = POLL_PAUSE) -> DialScope:
        """Connect the service's own visitor with an agent for as long as the scope lasts; see `Visitor.dial`.

        Args:
            media: `MediaAbility.VOICE` or `MediaAbility.VIDEO`.
            poll_pause: Seconds between two questions for an event.

        Raises:
            InvalidRequestError: An argument is outside its limit.
            ConfigurationError: The web adapter, or a credential for it, was not given.
        """
        request = ClickToDial(media)
        strategy = self._services.strategy(request)
        if strategy is None:
            raise ConfigurationError("dial needs a strategy such as CookieToken(token): an httpx.Auth knows no visitor")
        return dial_scope(self._desk, strategy, self._options, request.media, poll_pause)
