"""The client: services in, operations out."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx
from attrs import evolve

from aiocc.auth.agent_guid import AgentGuid, Cookies, SigningIn
from aiocc.auth.held import own_strategy
from aiocc.auth.strategy import Strategy
from aiocc.call.desk import Desk
from aiocc.call.explain import Explanation, explain
from aiocc.call.hooks import Hooks
from aiocc.call.line import NO_OPTIONS, CallOptions, Line, Traffic
from aiocc.call.renewal import Renewals
from aiocc.call.stats import ServiceStats
from aiocc.endpoints.click_to_dial import ClickToDial, MediaAbility, click_to_dial
from aiocc.endpoints.create_call import create_call
from aiocc.endpoints.generic import Pairs, Scalar, ServiceRequest, service_request
from aiocc.endpoints.leave_message import leave_message
from aiocc.endpoints.obs_result_codes import obs_result_codes
from aiocc.endpoints.send_note import MAX_AGENT_ID, MIN_AGENT_ID
from aiocc.endpoints.sign_in import SignIn, SignInSettings
from aiocc.environment import SERVICES, AgentSettings, agent_from, services_from, url_variable
from aiocc.errors import ClientClosedError, ConfigurationError, InvalidRequestError
from aiocc.hooks import Hook
from aiocc.lines import open_line, target_of
from aiocc.options import Headers, Service, headers_option
from aiocc.outcome import Outcome
from aiocc.protocol.checks import is_number, is_seconds, kind, refuse
from aiocc.protocol.envelope import EnvelopeRule
from aiocc.protocol.operation import Request
from aiocc.protocol.pace import Rate
from aiocc.protocol.retry import RetryPolicy
from aiocc.scopes.callers import POLL_PAUSE, Agent, Visitor, dial_scope
from aiocc.scopes.dial import DialScope
from aiocc.scopes.notes import JournalOption, Note, NoteRun, OnInvalid, Report
from aiocc.scopes.obs_pages import ObsResultCodes
from aiocc.scopes.session import Force, OnLost, SignInScope, check_sign_in
from aiocc.secret import Secret, conceal
from aiocc.transport.place import Place

T = TypeVar("T")


class Client:
    """A client of up to four services of the contact centre.

    Make one for the life of a program, share it between all tasks, close it at the end: with `async with`, or
    with `aclose()`. It holds no task and no scope, so it may be opened in one task and closed in another.

    Args:
        webadapter: CC-Messaging web adapter: messages and click-to-dial of one visitor.
        gateway: CC-Gateway: what signed-in agents do; agents bring their own credential.
        isales: CC-iSales.
        fabric: API Fabric.
        hooks: Told what happens, as the events of `aiocc.hooks`.
    """

    def __init__(
        self,
        *,
        webadapter: Service | None = None,
        gateway: Service | None = None,
        isales: Service | None = None,
        fabric: Service | None = None,
        hooks: Iterable[Hook] = (),
    ) -> None:
        given = {"webadapter": webadapter, "gateway": gateway, "isales": isales, "fabric": fabric}
        for name, service in given.items():
            if service is not None and not isinstance(service, Service):
                raise ConfigurationError(f"{name} must be a Service, not {kind(service)}")
        self._services = {name: service for name, service in given.items() if service is not None}
        self._desk = Desk(self._open_line)
        self._hooks = Hooks(hooks)
        self._options = evolve(NO_OPTIONS, hooks=self._hooks) if self._hooks else NO_OPTIONS
        self._agents: dict[int, AgentGuid] = {}
        self._own_agent = AgentSettings()
        self._is_view = False

    @classmethod
    @conceal
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        hooks: Iterable[Hook] = (),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Make a client from environment variables, `AIOCC_WEBADAPTER_URL` and so on: see `help("aiocc.environment")`.

        Args:
            environ: In place of `os.environ`.
            hooks: As the client's own.
            transport: For all services in place of their pools, through a proxy for example: then `AIOCC_CA_FILE` is
                the transport's concern.

        Raises:
            ConfigurationError: No service is configured, or one only in part; names the variables.
        """
        return cls._from(os.environ if environ is None else environ, hooks, transport)

    @classmethod
    @conceal
    def _from(
        cls, environ: Mapping[str, str], hooks: Iterable[Hook], transport: httpx.AsyncBaseTransport | None
    ) -> Self:
        found = services_from(environ, transport)
        client = cls(**{name: found.get(name) for name in SERVICES}, hooks=hooks)
        client._own_agent = agent_from(environ)
        return client

    async def __aenter__(self) -> Self:
        if self._desk.closed:
            raise ClientClosedError("this client is closed")
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Admit no more calls, let those on their way end within 5 seconds, close all connections. Idempotent.

        A view that `with_options` gave owns nothing: there it does nothing.
        """
        if not self._is_view:
            await self._desk.aclose()

    def stats(self) -> Mapping[str, ServiceStats]:
        """Say what each service holds now: its slots, queues, connections, and whether its host is worth a try.

        A service that was not used yet in this event loop is missing.
        """
        return self._desk.stats()

    async def send(self, request: Request[T]) -> Outcome[T]:
        """Perform a request, and give what became of it as a value.

        Raises:
            ConfigurationError: Its service, or a credential for it, was not given.
            ClientClosedError: The client was closed before.
        """
        _check_request(request)
        if request.operation.service == "gateway" and not isinstance(request, ServiceRequest):
            return await self.agent(getattr(request, "agent_id", None)).send(request)
        return await self._desk.perform(request, self._strategy(request), self._options)

    leave_message = leave_message
    click_to_dial = click_to_dial
    obs_result_codes = obs_result_codes
    create_call = create_call

    def iter_obs_result_codes(self, vdn_id: int, *, locale: str | None = None) -> ObsResultCodes:
        """Iterate over all result codes of a virtual call centre, in order, none twice.

        Args:
            vdn_id: 1 to 9999.
            locale: `zh_CN` or `en_US` for the descriptions.

        Raises:
            InvalidRequestError: An argument is outside its limit.
        """
        return ObsResultCodes(self, vdn_id, locale)

    async def request(
        self,
        service: str,
        method: str,
        path: str,
        *,
        path_params: Mapping[str, Scalar] | None = None,
        query: Pairs = (),
        json: Mapping[str, Any] | None = None,
        headers: Headers = (),
        envelope: EnvelopeRule | None = None,
        repeatable: bool = False,
    ) -> Mapping[str, Any]:
        """Perform any other operation, with the service's authentication, deadline, envelope rule and pool.

        Args:
            service: `webadapter`, `gateway`, `isales` or `fabric`.
            method: GET, POST, PUT or DELETE.
            path: From the root, with placeholders: `/rest/isales/v1/openapi/campaigns/{vdn_id}/x`.
            path_params: Values for the placeholders; encoded, so that none can leave its place.
            query: Raw pairs.
            json: The JSON object of the body.
            headers: For this request alone.
            envelope: How the answer is opened, where not by the service's usual rule.
            repeatable: Whether doing it twice does no harm. A GET is; all else is treated as a dialled call
                unless this says otherwise.

        Returns:
            The answer's whole JSON object.

        Raises:
            InvalidRequestError: An argument that cannot be sent.
            ConfigurationError: The service was not given, or the path would lead elsewhere.
            CallError: One of its children, by what is known.
        """
        self._service(service)
        request = service_request(
            service,
            method,
            path,
            path_params=path_params,
            query=query,
            json=json,
            headers=headers_option(headers),
            envelope=envelope,
            repeatable=repeatable,
        )
        del headers  # one may be a key, and this frame stands in the traceback of any error
        return (await self.send(request)).unwrap()

    def explain(self, request: Request[Any]) -> Explanation:
        """Show what would be sent, with credentials hidden. Sends nothing, and needs no event loop.

        Raises:
            ConfigurationError: Its service, or a credential for it, was not given.
        """
        _check_request(request)
        name = request.operation.service
        service = self._service(name)
        strategy: Strategy | None
        if name == "gateway" and not isinstance(request, ServiceRequest):
            agent = self.agent(getattr(request, "agent_id", None))
            request, strategy = agent.own(request), self._agents[agent.agent_id]
        else:
            strategy = self._strategy(request)
        return explain(request, target_of(service), strategy, self._options, service.retry)

    def visitor(self, auth: Strategy) -> Visitor:
        """Give one web visitor, on this client's pools; cheap enough for every request.

        Args:
            auth: `CookieToken(token)` or `WebToken(...)`.

        Raises:
            ConfigurationError: The web adapter was not given, or `auth` is no strategy.
        """
        self._service("webadapter")
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
            on_guid: Told each new GUID that the gateway gives.

        Raises:
            InvalidRequestError: The agent id is outside its limit.
            ConfigurationError: The gateway was not given, or no GUID is known.
        """
        self._service("gateway")
        own = self._own_agent
        if agent_id is None:
            agent_id = own.agent_id
        if agent_id is None:
            raise ConfigurationError("agent_id is not given, and AIOCC_AGENT_ID is not set")
        if not is_number(agent_id) or not MIN_AGENT_ID <= agent_id <= MAX_AGENT_ID:
            refuse("agent_id", f"a whole number from {MIN_AGENT_ID} to {MAX_AGENT_ID}", kind(agent_id))
        if guid is None and agent_id == own.agent_id and agent_id not in self._agents:
            guid = own.guid
        cell = self._guid_cell(agent_id, guid, cookies)
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
            deadline: Seconds for the whole run.

        Raises:
            ConfigurationError: The gateway was not given, or no GUID of an agent is known.
            InvalidRequestError: An option is outside its limit; when awaited, a note.
        """
        given: Sequence[Agent | int | None] = [None] if agents is None else agents
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
            password: 1 to 32 characters; None for `AIOCC_AGENT_PASSWORD`.
            phone: The agent's phone number, 1 to 24 characters; None for `AIOCC_AGENT_PHONE`.
            force: Whether to end a session that this agent has already: "never", "if_signed_in" (once the gateway
                answered 100-002), "always".
            on_lost: When the session is lost: "raise" cancels the body and raises `AgentSignedOutError`,
                "sign_in_again" begins another one.
            on_guid: Told each new GUID.
            poll_pause: Seconds between two polls, from and to; 0.2 to 0.5 as documented.
            settings: The other fields of `SignIn`.

        Raises:
            InvalidRequestError: An argument is outside its limit.
            ConfigurationError: The gateway was not given, or something is missing. On entering: this client has
                signed that agent in already.
            CallError: On entering: the sign-in was refused, or its fate is unknown; `next_step` says what repairs it.

        See https://support.huaweicloud.com/api-ccfs-cec/cec_07_1202.html
        """
        service = self._service("gateway")
        own = self._own_agent
        agent_id = own.agent_id if agent_id is None else agent_id
        password = own.password if password is None else password
        phone = own.phone if phone is None else phone
        given = {"AIOCC_AGENT_ID": agent_id, "AIOCC_AGENT_PASSWORD": password, "AIOCC_AGENT_PHONE": phone}
        for variable, value in given.items():
            if value is None:
                name = variable.removeprefix("AIOCC_AGENT_").lower().replace("id", "agent_id")
                raise ConfigurationError(f"{name} is not given, and {variable} is not set")
        check_sign_in(force, on_lost, poll_pause)
        request = SignIn(agent_id=agent_id, password=password, phone=phone, **settings)  # type: ignore[arg-type]  # checked by the model

        def cell(learnt: SigningIn) -> AgentGuid:
            found = self._guid_cell(request.agent_id, learnt.guid, learnt.cookies)
            if on_guid is not None:
                found.on_guid = on_guid
            return found

        return SignInScope(
            self._desk,
            request,
            cell,
            lambda: self._forget_agent(request.agent_id),
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
        strategy = self._strategy(request)
        if strategy is None:
            raise ConfigurationError("dial needs a strategy such as CookieToken(token): an httpx.Auth knows no visitor")
        return dial_scope(self._desk, strategy, self._options, request.media, poll_pause)

    @conceal
    def with_options(
        self,
        *,
        deadline: float | None = None,
        retry: RetryPolicy | None = None,
        headers: Headers = (),
        hooks: Iterable[Hook] = (),
        bulk: bool | None = None,
        exchanges: bool | None = None,
    ) -> Client:
        """Give a view of this client with other options; it shares everything and owns nothing.

        Args:
            deadline: Seconds for each call, in place of `Timeouts(total=...)`.
            retry: In place of the service's.
            headers: Added to every request.
            hooks: Told of this view's calls, besides those of the client.
            bulk: Whether its calls are one of many, which may wait: other calls go before them.
            exchanges: Whether an `Outcome` keeps what was sent and what came back, with secrets and numbers taken out,
                also of what was accepted; of failures it always does.

        Raises:
            ConfigurationError: An option cannot be used.
        """
        if deadline is not None and not is_seconds(deadline):
            raise ConfigurationError(f"deadline must be a number of seconds, not {kind(deadline)}")
        if retry is not None and not isinstance(retry, RetryPolicy):
            raise ConfigurationError(f"retry must be a RetryPolicy, not {kind(retry)}")
        for name, value in (("bulk", bulk), ("exchanges", exchanges)):
            if value is not None and not isinstance(value, bool):
                raise ConfigurationError(f"{name} must be True or False, not {kind(value)}")
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._is_view = True
        view._options = CallOptions(
            deadline=deadline if deadline is not None else self._options.deadline,
            retry=retry if retry is not None else self._options.retry,
            headers=self._options.headers + headers_option(headers),
            hooks=self._options.hooks.and_also(hooks),
            bulk=bulk if bulk is not None else self._options.bulk,
            exchanges=exchanges if exchanges is not None else self._options.exchanges,
        )
        return view

    def _guid_cell(self, agent_id: int, guid: str | Secret | None, cookies: Cookies | None) -> AgentGuid:
        cell = self._agents.get(agent_id)
        if cell is None:
            if guid is None:
                raise ConfigurationError(
                    f"no GUID of agent {agent_id} is known: give client.agent({agent_id}, guid=...), "
                    "or set AIOCC_AGENT_ID and AIOCC_AGENT_GUID"
                )
            cell = self._agents[agent_id] = AgentGuid(guid, cookies=cookies or ())
        elif guid is not None or cookies is not None:
            cell.learn(guid if guid is not None else cell.current, cookies=cookies)
        return cell

    def _forget_agent(self, agent_id: int) -> None:
        self._agents.pop(agent_id, None)

    def _service(self, name: str) -> Service:
        if name not in SERVICES:
            raise ConfigurationError(f"there is no service {name!r}: one of {', '.join(SERVICES)}")
        service = self._services.get(name)
        if service is None:
            raise ConfigurationError(
                f"the service {name} is not configured: give Client({name}=Service(...)), or set {url_variable(name)}"
            )
        return service

    def _strategy(self, request: Request[Any]) -> Strategy | None:
        name = request.operation.service
        auth = self._service(name).auth
        if auth is None and not isinstance(request, ServiceRequest):
            raise ConfigurationError(
                f"{request.operation.name} needs a credential: give Client({name}=Service(..., auth=...))"
                + (", or use client.visitor(CookieToken(token))" if name == "webadapter" else "")
            )
        return own_strategy(auth)

    def _open_line(self, name: str, place: Place, renewals: Renewals, traffic: Traffic) -> Line:
        service = self._service(name)
        return open_line(name, service, self._hooks, place=place, renewals=renewals, traffic=traffic)

    def __repr__(self) -> str:
        return f"<Client {' '.join(f'{name}={service.origin}' for name, service in self._services.items())}>"


def _check_request(request: object) -> None:
    if not isinstance(request, Request):
        raise InvalidRequestError(f"request must be one such as CreateCall(...), not {kind(request)}")
