"""The client: services in, operations out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from attrs import evolve

from aiocc.agents import Agents
from aiocc.auth.strategy import Strategy
from aiocc.call.desk import Desk
from aiocc.call.explain import Explanation, explain
from aiocc.call.hooks import Hooks
from aiocc.call.line import NO_OPTIONS, CallOptions
from aiocc.call.stats import ServiceStats
from aiocc.endpoints.click_to_dial import click_to_dial
from aiocc.endpoints.create_call import create_call
from aiocc.endpoints.generic import Pairs, Scalar, ServiceRequest, service_request
from aiocc.endpoints.leave_message import leave_message
from aiocc.endpoints.obs_result_codes import obs_result_codes
from aiocc.environment import SERVICES, agent_from, services_from
from aiocc.errors import ClientClosedError, ConfigurationError, InvalidRequestError
from aiocc.hooks import Hook
from aiocc.lines import target_of
from aiocc.options import Headers, Service, headers_option
from aiocc.outcome import Outcome
from aiocc.principals import Principals
from aiocc.protocol.checks import is_seconds, kind
from aiocc.protocol.envelope import EnvelopeRule
from aiocc.protocol.operation import Request
from aiocc.protocol.retry import RetryPolicy
from aiocc.scopes.obs_pages import ObsResultCodes
from aiocc.secret import conceal
from aiocc.services import Services

T = TypeVar("T")


class Client(Principals):
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
        told = Hooks(hooks)
        given = {"webadapter": webadapter, "gateway": gateway, "isales": isales, "fabric": fabric}
        self._services = Services(given, told)
        self._desk = Desk(self._services.open_line)
        self._options = evolve(NO_OPTIONS, hooks=told) if told else NO_OPTIONS
        self._agents = Agents()
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
        client._agents.own = agent_from(environ)
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
        """Admit no more calls, let those on their way end within 5 seconds, end the scopes, close all connections.

        Open scopes of `sign_in` and `dial` sign out and drop, also where this is cancelled: for at most 5 seconds, as
        when they are left. Their bodies are cancelled, and the scopes raise `ClientClosedError`. Idempotent.

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
        return await self._desk.perform(request, self._services.strategy(request), self._options)

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
        self._services.of(service)
        try:
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
        finally:  # one may be a key or a number, and this frame stands in the traceback of any error
            del headers, path_params, query, json
        return (await self.send(request)).unwrap()

    def explain(self, request: Request[Any]) -> Explanation:
        """Show what would be sent, with credentials hidden. Sends nothing, and needs no event loop.

        Raises:
            ConfigurationError: Its service, or a credential for it, was not given.
        """
        _check_request(request)
        name = request.operation.service
        service = self._services.of(name)
        strategy: Strategy | None
        if name == "gateway" and not isinstance(request, ServiceRequest):
            agent = self.agent(getattr(request, "agent_id", None))
            request, strategy = agent.own(request), self._agents.guid(agent.agent_id)
        else:
            strategy = self._services.strategy(request)
        return explain(request, target_of(service), strategy, self._options, service.retry)

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
            deadline: Seconds for each call, in place of `Timeouts(total=...)`; of a budget that is spent (0, or less)
                nothing is sent.
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

    def __repr__(self) -> str:
        return f"<Client {' '.join(f'{name}={service.origin}' for name, service in self._services.items())}>"


def _check_request(request: object) -> None:
    if not isinstance(request, Request):
        raise InvalidRequestError(f"request must be one such as CreateCall(...), not {kind(request)}")
