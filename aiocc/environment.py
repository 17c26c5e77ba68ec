"""A client's configuration from environment variables.

`AIOCC_<SERVICE>_URL` configures a service, of `WEBADAPTER`, `GATEWAY`, `ISALES` and `FABRIC`; with it go
`AIOCC_WEBADAPTER_TOKEN`, `AIOCC_AGENT_ID`, `_GUID`, `_PASSWORD` and `_PHONE` of the gateway's agent,
`AIOCC_ISALES_ACCESS_KEY`, `_SECRET_KEY` and `_SIGNATURE`, `AIOCC_FABRIC_APP_KEY`, `_APP_SECRET` and `_TOKEN_URL`.
`AIOCC_CA_FILE` is an authority of all, `AIOCC_<SERVICE>_CA_FILE`, `_SERVER_NAME`, `_CLIENT_CERT` and `_CLIENT_KEY` are
of one. Each secret can also be given as a file's path in `..._FILE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from attrs import field, frozen

from aiocc.auth import AkSk, AppKey, CookieToken
from aiocc.errors import ConfigurationError
from aiocc.options import Service
from aiocc.protocol.checks import is_number
from aiocc.secret import Secret, conceal
from aiocc.transport.tls import TLS

_CREDENTIALS = {
    "webadapter": ("AIOCC_WEBADAPTER_TOKEN",),
    "isales": ("AIOCC_ISALES_ACCESS_KEY", "AIOCC_ISALES_SECRET_KEY"),
    "fabric": ("AIOCC_FABRIC_APP_KEY", "AIOCC_FABRIC_APP_SECRET"),
}

SERVICES = ("webadapter", "gateway", "isales", "fabric")


@frozen(kw_only=True)
class AgentSettings:
    """What `client.agent()` and `client.sign_in()` use when called without arguments.

    Attributes:
        agent_id: The agent.
        guid: Of its signed-in session.
        password: For signing in.
        phone: For signing in.
    """

    agent_id: int | None = None
    guid: Secret | None = field(default=None)
    password: Secret | None = field(default=None)
    phone: str | None = field(default=None, repr=False)

    def of(self, agent_id: object) -> AgentSettings:
        """Give what may be used for an agent: nothing where the environment names another one."""
        if self.agent_id is None or agent_id == self.agent_id or not is_number(agent_id):
            return self
        return AgentSettings()


def url_variable(service: str) -> str:
    """Give the variable that configures a service."""
    return f"AIOCC_{service.upper()}_URL"


@conceal
def services_from(environ: Mapping[str, str], transport: httpx.AsyncBaseTransport | None = None) -> dict[str, Service]:
    """Make the services that the environment configures.

    Args:
        environ: The variables.
        transport: For all of them, in place of their pools and TLS.

    Raises:
        ConfigurationError: None is configured, or one only in part; names the variables.
    """
    env = _Environment(environ)
    services: dict[str, Service] = {}
    for name in SERVICES:
        url = env.text(url_variable(name))
        if url is not None:
            services[name] = _service(env, name, url, transport)
        else:
            _refuse_orphans(env, name)
    if not services:
        raise ConfigurationError(f"no service is configured: set one of {', '.join(map(url_variable, SERVICES))}")
    return services


@conceal
def agent_from(environ: Mapping[str, str]) -> AgentSettings:
    """Read the agent's variables.

    Raises:
        ConfigurationError: AIOCC_AGENT_ID is no whole number.
    """
    env = _Environment(environ)
    agent_id = env.text("AIOCC_AGENT_ID")
    if agent_id is not None and not (agent_id.isascii() and agent_id.isdigit() and len(agent_id) < 10):
        raise ConfigurationError("AIOCC_AGENT_ID must be a whole number")
    return AgentSettings(
        agent_id=None if agent_id is None else int(agent_id),
        guid=env.secret("AIOCC_AGENT_GUID"),
        password=env.secret("AIOCC_AGENT_PASSWORD"),
        phone=env.text("AIOCC_AGENT_PHONE"),
    )


@conceal
def secret_from(environ: Mapping[str, str], name: str) -> Secret | None:
    """Read one secret, given as it is or as a file's path.

    Raises:
        ConfigurationError: Both are given, or the file cannot be read.
    """
    return _Environment(environ).secret(name)


def _refuse_orphans(env: _Environment, service: str) -> None:
    """A credential without its service's address is a configuration half written."""
    for name in _CREDENTIALS.get(service, ()):
        if env.text(name) is not None or env.text(f"{name}_FILE") is not None:
            raise ConfigurationError(f"{name} is set, and {url_variable(service)} is not")


def _service(env: _Environment, name: str, url: str, transport: httpx.AsyncBaseTransport | None) -> Service:
    auth: CookieToken | AkSk | AppKey | None = None
    if name == "webadapter":
        token = env.secret("AIOCC_WEBADAPTER_TOKEN")
        auth = CookieToken(token) if token is not None else None
    elif name == "isales":
        access_key, secret_key = env.required("AIOCC_ISALES_ACCESS_KEY"), env.required("AIOCC_ISALES_SECRET_KEY")
        auth = AkSk(access_key, secret_key, **_switches(env.text("AIOCC_ISALES_SIGNATURE") or ""))
    elif name == "fabric":
        auth = AppKey(
            env.required("AIOCC_FABRIC_APP_KEY"),
            env.required("AIOCC_FABRIC_APP_SECRET"),
            token_url=env.text("AIOCC_FABRIC_TOKEN_URL"),
        )
    try:
        if transport is not None:
            return Service(url, auth=auth, transport=transport)
        return Service(url, auth=auth, tls=_tls(env, f"AIOCC_{name.upper()}"))
    except ConfigurationError as error:
        raise ConfigurationError(f"{url_variable(name)}: {error}") from None


def _tls(env: _Environment, prefix: str) -> TLS:
    """Read how a service proves who it is, and who we are."""
    certificate, key = env.text(f"{prefix}_CLIENT_CERT"), env.text(f"{prefix}_CLIENT_KEY")
    if key is not None and certificate is None:
        raise ConfigurationError(f"{prefix}_CLIENT_KEY is set, and {prefix}_CLIENT_CERT is not")
    return TLS(
        ca_file=env.text(f"{prefix}_CA_FILE") or env.text("AIOCC_CA_FILE"),
        server_name=env.text(f"{prefix}_SERVER_NAME"),
        client_cert=(certificate, key) if certificate is not None and key is not None else certificate,
    )


def _switches(text: str) -> dict[str, Any]:
    """Read how a deployment wants requests signed: `milliseconds host=10.10.10.4`."""
    found: dict[str, Any] = {}
    for word in text.split():
        name, _, value = word.partition("=")
        if name in ("milliseconds", "blank_query_line") and not value:
            found[name] = True
        elif name == "signed_headers" and value:
            found[name] = value.split(";")
        elif name == "host" and value:
            found[name] = value
        else:
            raise ConfigurationError(
                f"AIOCC_ISALES_SIGNATURE: {word!r} is none of milliseconds, signed_headers=content-type;host, "
                "host=..., blank_query_line"
            )
    return found


class _Environment:
    """Reads variables; empty ones count as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def secret(self, name: str) -> Secret | None:
        """Read a secret from its variable, or from the file that `<name>_FILE` names."""
        value, file = self.text(name), self.text(f"{name}_FILE")
        if value is not None and file is not None:
            raise ConfigurationError(f"{name} and {name}_FILE are both set: set one")
        if file is not None:
            try:
                value = Path(file).read_text("utf-8").removesuffix("\n").removesuffix("\r")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"{name}_FILE could not be read ({type(error).__name__})") from None
        return None if value is None else Secret(value)

    def required(self, name: str) -> Secret:
        value = self.secret(name)
        if value is None:
            raise ConfigurationError(f"{name} (or {name}_FILE) is not set, and its service's URL is")
        return value
