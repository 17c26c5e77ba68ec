"""C1: API Fabric's bearer token, obtained with an app key and its secret.

https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0002.html
"""

from __future__ import annotations

import hmac
import time
from types import NoneType
from typing import Any, Final

from aiocc.auth.failure import no_token
from aiocc.auth.store import CredentialStore, MemoryStore, shared
from aiocc.auth.strategy import Credential, Fetch, Strategy, Verdict
from aiocc.errors import ConfigurationError, CredentialError
from aiocc.protocol.checks import check_setting, is_number, kind
from aiocc.protocol.codec import CodecError, decode_json, encode_json
from aiocc.protocol.messages import Answer, Origin, WireRequest, parse_url
from aiocc.protocol.reading import escape
from aiocc.secret import Secret, conceal, header_secret, scrub

TOKEN_PATH: Final = "/apigovernance/api/oauth/tokenByAkSk"  # noqa: S105 - a path
JSON: Final = "application/json"
MAX_LIFETIME: Final = 3600
_WHERE: Final = "the service's URL, or token_url= (AIOCC_FABRIC_TOKEN_URL)"
_ILLEGAL_OR_EXPIRED: Final = b"illegal or expired token"


class AppKey(Strategy):
    """Obtains a bearer token with an app key and its secret, and renews it when it ends or is refused.

    The secret is sent to one origin only: that of `token_url`, or the service's own. Without `token_url` the token
    goes nowhere else either.

    Args:
        app_key: From the operator's staff or the API Fabric console.
        app_secret: Its secret.
        token_url: Where tokens are had, when that is not the service's own address: the address alone, or the
            whole URL ending in `tokenByAkSk`.
        lifetime: Seconds to ask for, 1 to 3600.
        store: Where tokens are kept, so that several strategies or processes can share one.

    Raises:
        ConfigurationError: A key that cannot travel, a bad URL, a lifetime outside its limit, or what is no store. When
            it is used: without `token_url`, its secret or token would go to a second origin.
    """

    needs_io: bool = True
    remedy = "Check what the app is entitled to, its account, and that token_url= gives this service's tokens."

    @conceal
    def __init__(
        self,
        app_key: str | Secret,
        app_secret: str | Secret,
        *,
        token_url: str | None = None,
        lifetime: int = MAX_LIFETIME,
        store: CredentialStore | None = None,
    ) -> None:
        self._app_key = header_secret("app_key", app_key)
        self._app_secret = header_secret("app_secret", app_secret)
        if not is_number(lifetime) or not 1 <= lifetime <= MAX_LIFETIME:
            raise ConfigurationError(
                f"lifetime must be a whole number from 1 to {MAX_LIFETIME} seconds, not {kind(lifetime)}"
            )
        check_setting("store", store, CredentialStore, NoneType)
        self._lifetime = lifetime
        self._origin, self._path = None, TOKEN_PATH
        self.token_url = token_url
        if token_url is not None:
            self._origin, self._path = endpoint_url(token_url, TOKEN_PATH, what="token_url")
        self._only = self._origin
        self._store = store if store is not None else MemoryStore()
        self._held: Credential | None = None

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        """Give the current token, or obtain one."""
        held = self._held
        if held is None or held is rejected or held.expired:
            if self._origin is None:
                self._stay(fetch.origin)
                self._only = self._only or fetch.origin
            key = self.store_key(f"{self._only}{self._path}")
            held = self._held = await shared(self._store, key, rejected, lambda: self._fetch(fetch))
        return held

    def held(self) -> Credential | None:
        """Give the token while it serves."""
        return None if self._held is None or self._held.expired else self._held

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        """Send the app key and the token."""
        if self._origin is None and head.origin is not self._only:
            self._stay(head.origin)
        head.headers.append(("X-APP-Key", self._app_key.reveal()))
        head.headers.append(("Authorization", f"{credential.scheme} {credential.secret.reveal()}"))

    def verdict(self, sent: WireRequest, answer: Answer, /) -> Verdict:
        """Renew after a 401, or a 403 that says the token is illegal or expired; both are documented."""
        if answer.status == 401 or (answer.status == 403 and _ILLEGAL_OR_EXPIRED in answer.body.lower()):
            return "renew"
        return "ok"

    def store_key(self, *parts: str) -> str:
        """Give the name in a store of what belongs to this app: nobody without the secret can find or guess it."""
        identity = "\n".join((self._app_key.reveal(), *parts))
        return "aiocc:" + hmac.digest(self._app_secret.reveal().encode(), identity.encode(), "sha256").hex()

    def _stay(self, origin: Origin | None) -> None:
        """Refuse another origin than the first one."""
        if None not in (origin, self._only) and origin != self._only:
            raise ConfigurationError(
                f"this AppKey is used at {self._only}, and would show its secret or token to {origin} as well: "
                "give token_url=, or make an AppKey for each"
            )

    async def _fetch(self, fetch: Fetch) -> Credential:
        return self._read(await fetch(self._request()))

    def _request(self) -> WireRequest:
        return WireRequest(
            method="POST",
            origin=self._origin,
            path=self._path,
            headers=[("Content-Type", JSON), ("X-Token-Expire", str(self._lifetime))],
            body=encode_json({"app_key": self._app_key.reveal(), "app_secret": self._app_secret.reveal()}),
        )

    def _read(self, answer: Answer) -> Credential:
        data = answer_object(answer)
        token = data.get("AccessToken")
        if answer.status != 200 or not isinstance(token, str) or not token:
            secrets = (self._app_key, self._app_secret)
            raise no_token(answer, refusal("tokenByAkSk", answer, data, "exceptionInfo", secrets), _WHERE)
        lifetime = _seconds(data.get("Expires"), default=self._lifetime)
        # Not shown in its last moments, so that it does not end between here and the service.
        expires_at = time.monotonic() + lifetime - min(5.0, lifetime / 20)
        scheme = data.get("ApplyType")
        try:
            secret = header_secret("AccessToken", token)
        except ConfigurationError:
            raise CredentialError(refusal("tokenByAkSk", answer, {}, "") + " that a header could carry") from None
        return Credential(
            secret,
            expires_at=expires_at,
            renew_at=expires_at - min(60.0, lifetime / 5),
            scheme=scheme if isinstance(scheme, str) and scheme.isascii() and scheme.isalpha() else "Bearer",
        )


def endpoint_url(url: str, path: str, *, what: str) -> tuple[Origin, str]:
    """Take the address of a token operation: with its whole path, or with a prefix, or none."""
    origin, given = parse_url(url, what=what)
    check_secret_may_travel(origin, what=what)
    return origin, given if given.endswith(path.rpartition("/")[2]) else given + path


def check_secret_may_travel(origin: Origin, *, what: str) -> None:
    """Refuse to send a secret without TLS to anywhere but this machine."""
    if origin.scheme != "https" and not origin.is_loopback:
        raise ConfigurationError(f"{what} must be https, except to a literal loopback address")


def answer_object(answer: Answer) -> dict[str, Any]:
    """Read a token operation's answer; what is no JSON object is an empty one."""
    try:
        data = decode_json(answer.body, answer.head.header("content-type"))
    except CodecError:
        return {}
    return data if isinstance(data, dict) else {}


def refusal(operation: str, answer: Answer, data: dict[str, Any], key: str, secrets: tuple[Secret, ...] = ()) -> str:
    """Say why there is no token, without anything of the request."""
    text = data.get(key)
    said = ""
    if isinstance(text, str) and text:
        said = f": {escape(scrub(text, (secret.reveal() for secret in secrets)))}"
    return f"{operation} gave no token: HTTP {answer.status}{said}"


def _seconds(value: object, *, default: int) -> float:
    try:
        seconds = float(value) if isinstance(value, int | str) and not isinstance(value, bool) else float(default)
    except (ValueError, OverflowError):
        return float(default)
    return seconds if 0 < seconds <= 86400 else float(default)
