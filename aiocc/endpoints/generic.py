"""Any other operation of a service: `client.request(...)`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from aiocc.endpoints.gateway_codes import GATEWAY_CODES
from aiocc.errors import ConfigurationError, InvalidRequestError
from aiocc.protocol.checks import is_number, kind, refuse, shown
from aiocc.protocol.codec import encode_json
from aiocc.protocol.codes import CodeTable
from aiocc.protocol.envelope import FABRIC, GATEWAY, ISALES, WEBADAPTER, EnvelopeRule
from aiocc.protocol.operation import Effect, Operation, Request
from aiocc.secret import conceal

Scalar = str | int
Pairs = Mapping[str, Scalar] | Iterable[tuple[str, Scalar]]

ENVELOPES: Mapping[str, EnvelopeRule] = {
    "webadapter": WEBADAPTER,
    "gateway": GATEWAY,
    "isales": ISALES,
    "fabric": FABRIC,
}
"""The rule of a service's operations where none is named."""

AGENT_PREFIX = "/agentgateway/resource/"

_CODES: Mapping[str, CodeTable] = {"gateway": GATEWAY_CODES}
_METHODS = ("GET", "POST", "PUT", "DELETE")
_PATH = re.compile(r"/[A-Za-z0-9\-._~/{}:@!$&'()*+,;=]*")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


@frozen(kw_only=True)
class ServiceRequest(Request[Mapping[str, Any]]):
    """A request of an operation that has no module here; made by `service_request`."""

    operation: Operation[Mapping[str, Any]]
    params: Mapping[str, str] = field(factory=dict, repr=False)
    pairs: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    extra: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def path_params(self) -> Mapping[str, str]:
        """Give the values for the path's placeholders."""
        return self.params

    def query(self) -> tuple[tuple[str, str], ...]:
        """Give the query's raw pairs."""
        return self.pairs

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Give headers of this request alone."""
        return self.extra

    def payload(self) -> Mapping[str, Any] | None:
        """Give the JSON object of the body."""
        return self.json


@conceal
def service_request(
    service: str,
    method: str,
    path: str,
    *,
    path_params: Mapping[str, Scalar] | None = None,
    query: Pairs = (),
    json: Mapping[str, Any] | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    envelope: EnvelopeRule | None = None,
    repeatable: bool = False,
) -> ServiceRequest:
    """Check and make a request of any operation.

    Raises:
        InvalidRequestError: A method, placeholder or value that cannot be sent.
        ConfigurationError: The path would lead elsewhere.
    """
    check_path(path)
    if method not in _METHODS:
        raise InvalidRequestError(f"method must be one of {', '.join(_METHODS)}, not {shown(method)}")
    if envelope is not None and not isinstance(envelope, EnvelopeRule):
        refuse("envelope", "an EnvelopeRule or None", kind(envelope))
    if not isinstance(repeatable, bool):
        refuse("repeatable", "True or False", kind(repeatable))
    effect = Effect.READ if method == "GET" else (Effect.IDEMPOTENT if repeatable else Effect.CHANGE)
    operation: Operation[Mapping[str, Any]] = Operation(
        name=f"{service}.request",
        log_name=path.rpartition("/")[2] or path,
        service=service,
        method=method,
        path=_checked_path(path),
        envelope=envelope or ENVELOPES[service],
        structure=dict,
        effect=effect,
        codes=_CODES.get(service, {}),
    )
    _check_json(json)
    return ServiceRequest(
        operation=operation,
        params=_checked_params(path, path_params or {}),
        pairs=_checked_pairs(query),
        json=json,
        extra=headers,
    )


def check_path(path: object) -> None:
    """Check that a path is text.

    Raises:
        InvalidRequestError: It is none.
    """
    if not isinstance(path, str):
        refuse("path", "text such as '/rest/x'", kind(path))


def _checked_path(path: str) -> str:
    if not _PATH.fullmatch(path) or path.startswith("//"):
        raise ConfigurationError(
            "path must begin with one '/', and hold neither a host, nor a query, nor percent-encoding: "
            "values go into path_params= and query="
        )
    if any(segment in (".", "..") for segment in path.split("/")):
        raise ConfigurationError("path must not hold '.' or '..'")
    return path


def _checked_params(path: str, given: Mapping[str, Scalar]) -> Mapping[str, str]:
    if not isinstance(given, Mapping):
        refuse("path_params", "a mapping", kind(given))
    wanted = set(_PLACEHOLDER.findall(path))
    if wanted != set(given):
        missing, unused = sorted(wanted - set(given)), sorted(set(given) - wanted)
        raise InvalidRequestError(f"path_params must match the path's placeholders: missing {missing}, unused {unused}")
    params = {name: _scalar(f"path_params {name}", value) for name, value in given.items()}
    for name, text in params.items():
        if text in ("", ".", ".."):
            refuse(f"path_params {name}", "a segment of a path", "'.', '..' or empty text")
    return params


def _checked_pairs(query: Pairs) -> tuple[tuple[str, str], ...]:
    try:
        pairs = [(name, value) for name, value in (query.items() if isinstance(query, Mapping) else query)]
    except (TypeError, ValueError):
        refuse("query", "a mapping or pairs", kind(query))
    return tuple((_scalar("query", name), _scalar(f"query {name}", value)) for name, value in pairs)


def _check_json(json: object) -> None:
    if json is None:
        return
    if not isinstance(json, Mapping):
        refuse("json", "an object that JSON can hold", kind(json))
    try:
        encode_json(json)
    except (TypeError, ValueError, RecursionError) as error:
        given = "text with a lone surrogate in it" if isinstance(error, UnicodeError) else "one with a value it cannot"
        raise InvalidRequestError(f"json must be an object that JSON can hold, not {given}") from None


def _scalar(name: str, value: object) -> str:
    if not isinstance(value, str) and not is_number(value):
        refuse(name, "text or a whole number", kind(value))
    text = str(value)
    if any("\ud800" <= c <= "\udfff" for c in text):
        refuse(name, "text that UTF-8 can encode", "text with a lone surrogate")
    return text
