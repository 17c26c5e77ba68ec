"""The `ccmessaging-token` of one web visitor, as a cookie.

The value is compared by the server as it was given out, still URL-encoded: it is sent exactly as received.
https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0953.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from inspect import isawaitable
from time import monotonic
from typing import Final, Literal

from aiocc.auth.strategy import Credential, Fetch, Strategy, Verdict
from aiocc.errors import ConfigurationError
from aiocc.protocol.messages import Answer, AnswerHead, WireRequest
from aiocc.secret import Secret, conceal, header_secret

TOKEN_NAME: Final = "ccmessaging-token"  # noqa: S105 - its name, not its value

SendAs = Literal["cookie", "header", "both"]


class VisitorToken(Strategy):
    """What all strategies of a visitor's token share: how it is sent, and that the server may renew it."""

    def __init__(self, *, send_as: SendAs = "cookie", lifetime: float | None = None) -> None:
        if send_as not in ("cookie", "header", "both"):
            raise ConfigurationError("send_as must be 'cookie', 'header' or 'both'")
        self._send_as = send_as
        self._lifetime = lifetime
        self._held: Credential | None = None

    def held(self) -> Credential | None:
        """Give the token while it serves."""
        return None if self._held is None or self._held.expired else self._held

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        """Append the token to the Cookie header, or send it as a header of its own."""
        if self._send_as != "header":
            append_cookies(head, f"{TOKEN_NAME}={credential.secret.reveal()}")
        if self._send_as != "cookie":
            head.headers.append((TOKEN_NAME, credential.secret.reveal()))

    def observe(self, sent: WireRequest, head: AnswerHead, /) -> None:
        """Take the token that the server renewed by itself, unless another one took its place meanwhile."""
        if (value := head.header(TOKEN_NAME)) and sent.credential is self._held:
            with suppress(ConfigurationError):  # one that no cookie can carry is none
                self._held = self._issue(value)

    def verdict(self, sent: WireRequest, answer: Answer, /) -> Verdict:
        """Ask for another token after a 401."""
        if answer.status != 401:
            return "ok"
        return "renew" if self.needs_io or self._held is not sent.credential else "denied"

    def _issue(self, value: object) -> Credential:
        expires = None if self._lifetime is None else monotonic() + self._lifetime
        return Credential(token_secret(TOKEN_NAME, value), expires)


class CookieToken(VisitorToken):
    """A visitor's token that the application has, or gets from somewhere.

    Args:
        value: The token exactly as received, or an async function that gives it; that one is asked again
            when the service refuses what it gave.
        send_as: "cookie" as the pages say, "header" or "both" for deployments that differ.

    Raises:
        ConfigurationError: The token has characters that no cookie may carry.
    """

    remedy = "The visitor's token has ended: take the visitor's newest token, exactly as received."

    @conceal
    def __init__(
        self, value: str | Secret | Callable[[], Awaitable[str | Secret]], *, send_as: SendAs = "cookie"
    ) -> None:
        super().__init__(send_as=send_as)
        self._supplier = value if callable(value) else None
        self.needs_io: bool = self._supplier is not None
        if not callable(value):
            self._held = self._issue(value)

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        """Give the token, asking the supplier where there is none yet or it was refused."""
        held = self._held
        if self._supplier is not None and (held is None or held is rejected):
            fresh = self._issue(await _supplied(self._supplier))
            held = self._held = held if held is not None and held.secret == fresh.secret else fresh
        assert held is not None
        return held


def _supplied(supplier: Callable[[], Awaitable[str | Secret]]) -> Awaitable[str | Secret]:
    given: object = supplier()
    if isawaitable(given):
        return given
    del given  # it may be the token
    raise ConfigurationError("CookieToken's value must be the token or an async function that gives it")


def token_secret(name: str, value: object) -> Secret:
    """Check a token that will travel in a cookie, and hide it."""
    secret = header_secret(name, value)
    if any(c in secret.reveal() for c in ' ;,"\\'):
        raise ConfigurationError(f"{name} has a character that no cookie may carry: blank, comma, semicolon or quote")
    return secret


def append_cookies(head: WireRequest, pairs: str) -> None:
    """Add `name=value` pairs to a request's Cookie header, which holds all of them."""
    for index, (key, value) in enumerate(head.headers):
        if key.lower() == "cookie":
            head.headers[index] = (key, f"{value}; {pairs}")
            return
    head.headers.append(("Cookie", pairs))
