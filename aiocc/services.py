"""The services that a client was given, by name."""

from __future__ import annotations

from typing import Any

from aiocc.auth.held import own_strategy
from aiocc.auth.strategy import Strategy
from aiocc.call.hooks import Hooks
from aiocc.call.line import Line, Traffic
from aiocc.call.renewal import Renewals
from aiocc.endpoints.generic import ServiceRequest
from aiocc.environment import SERVICES, url_variable
from aiocc.errors import ConfigurationError
from aiocc.lines import open_line
from aiocc.options import Service
from aiocc.protocol.checks import kind
from aiocc.protocol.operation import Request
from aiocc.transport.place import Place


class Services(dict[str, Service]):
    """Those that were given, up to four.

    Args:
        given: Services by their argument's name; None for one that was not given.
        hooks: Told of what is no single call's.

    Raises:
        ConfigurationError: One is no `Service`.
    """

    def __init__(self, given: dict[str, Service | None], hooks: Hooks) -> None:
        for name, service in given.items():
            if service is not None and not isinstance(service, Service):
                raise ConfigurationError(f"{name} must be a Service, not {kind(service)}")
        super().__init__({name: service for name, service in given.items() if service is not None})
        self._hooks = hooks

    def of(self, name: str) -> Service:
        """Give a service.

        Raises:
            ConfigurationError: It was not given, or there is none of that name.
        """
        if name not in SERVICES:
            raise ConfigurationError(f"there is no service {name!r}: one of {', '.join(SERVICES)}")
        service = self.get(name)
        if service is None:
            raise ConfigurationError(
                f"the service {name} is not configured: give Client({name}=Service(...)), or set {url_variable(name)}"
            )
        return service

    def strategy(self, request: Request[Any]) -> Strategy | None:
        """Give the credential of a request's service; None for a flow of the user's own, or for none at all.

        Raises:
            ConfigurationError: The service, or a credential that the operation needs, was not given.
        """
        name = request.operation.service
        auth = self.of(name).auth
        if auth is None and not isinstance(request, ServiceRequest):
            raise ConfigurationError(
                f"{request.operation.name} needs a credential: give Client({name}=Service(..., auth=...))"
                + (", or use client.visitor(CookieToken(token))" if name == "webadapter" else "")
            )
        return own_strategy(auth)

    def open_line(self, name: str, place: Place, renewals: Renewals, traffic: Traffic) -> Line:
        """Make the line to a service, in one event loop."""
        return open_line(name, self.of(name), self._hooks, place=place, renewals=renewals, traffic=traffic)
