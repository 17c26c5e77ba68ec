"""The GUID of one signed-in agent at CC-Gateway (C4).

https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0005.html: a static one stays valid, a dynamic one
(the default) is replaced about every minute, and the new one comes in a `Set-GUID` header.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from inspect import iscoroutinefunction
from typing import Final

import anyio

from aiocc.auth.cookie import append_cookies
from aiocc.auth.strategy import Credential, Fetch, Strategy, Verdict
from aiocc.errors import ConfigurationError
from aiocc.protocol.checks import is_token, kind
from aiocc.protocol.messages import Answer, AnswerHead, WireRequest
from aiocc.secret import Secret, conceal, header_secret

SIGNED_OUT_CODES: Final = frozenset({"000-003", "100-006"})
MAX_LENGTH: Final = 1024
POLL_CYCLE: Final = 11.0
"""Seconds: the gateway holds a poll for 10, and the next one follows within half a second."""
_REMEDY: Final = "Sign the agent in again, and use the GUID of that sign-in."
_PREFIX: Final = "JSESSIONID="
_COOKIE_VALUE: Final = re.compile(r'"?[^ ;,"\\]*"?')

Cookies = Mapping[str, str | Secret] | Iterable[tuple[str, str | Secret]]

log: logging.Logger = logging.getLogger("aiocc")


class AgentGuid(Strategy):
    """Sends an agent's GUID, and follows it when the gateway gives a new one.

    Args:
        guid: As the sign-in gave it, with or without `JSESSIONID=` before it.
        cookies: Those that the sign-in's answer set, by name: sent with each request of this agent, as the
            vendor's own clients do, so that a load balancer finds the agent's gateway. No answer changes them.
        on_guid: Told each new GUID, so that the application can keep it; a plain function. Whatever it raises, a
            cancellation or SystemExit too, is logged, and harms neither call nor session.

    Raises:
        ConfigurationError: The GUID or a cookie has characters that no header may carry, or `on_guid` is no plain
            function.
    """

    code_key: str | None = "retcode"
    remedy = _REMEDY

    @conceal
    def __init__(
        self,
        guid: str | Secret,
        *,
        cookies: Cookies = (),
        on_guid: Callable[[str], object] | None = None,
    ) -> None:
        self._held = Credential(_guid_secret(guid))
        self._cookies = _cookie_pairs(cookies)
        self._polled = False
        self._changed: anyio.Event | None = None
        self.on_guid: Callable[[str], object] | None = plain_function("on_guid", on_guid)

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        """Give the current GUID; where that was refused and the agent is polled, wait a cycle for the next one."""
        if self._polled and rejected is self._held:
            self._changed = self._changed or anyio.Event()
            with anyio.move_on_after(POLL_CYCLE):
                await self._changed.wait()
        return self._held

    @property
    def polled(self) -> bool:
        """Whether a session polls for this agent, so that a GUID which was refused may soon have a successor."""
        return self._polled

    @polled.setter
    def polled(self, value: bool) -> None:
        self._polled = value
        self._wake()

    def held(self) -> Credential | None:
        """Give the current GUID."""
        return self._held

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        """Send the GUID in its header, and the sign-in's cookies."""
        head.headers.append(("Guid", credential.secret.reveal()))
        if self._cookies:
            append_cookies(head, self._cookies.reveal())

    def observe(self, sent: WireRequest, head: AnswerHead, /) -> None:
        """Take a new GUID from any answer, unless it answers an older one than the current."""
        value = head.header("set-guid")
        if not value or sent.credential is not self._held:
            return
        try:
            changed = self.learn(value.partition(";")[0].strip())
        except ConfigurationError:
            return
        if changed and self.on_guid is not None:
            self._tell(self.on_guid)

    @property
    def current(self) -> Secret:
        """The GUID itself."""
        return self._held.secret

    @property
    def cookies(self) -> dict[str, Secret]:
        """The cookies that go with it, by name."""
        pairs = self._cookies.reveal().split("; ") if self._cookies else []
        return {name: Secret(value) for name, _, value in (pair.partition("=") for pair in pairs)}

    @conceal
    def learn(self, guid: str | Secret, *, cookies: Cookies | None = None) -> bool:
        """Make this the current GUID, with these cookies where some are given; says whether it is another one."""
        secret = _guid_secret(guid)
        if cookies is not None:
            self._cookies = _cookie_pairs(cookies)
        changed = secret != self._held.secret
        if changed:
            self._held = Credential(secret)
            self._wake()
        return changed

    def verdict(self, sent: WireRequest, answer: Answer, /) -> Verdict:
        """Ask for one repeat where the GUID changed since this one was sent."""
        if answer.code not in SIGNED_OUT_CODES:
            return "denied" if answer.status == 401 else "ok"
        return "renew" if self._polled or sent.credential is not self._held else "denied"

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def _tell(self, on_guid: Callable[[str], object]) -> None:
        try:
            on_guid(self._held.secret.reveal())
        except KeyboardInterrupt:  # the user's, and none of the callback's
            raise
        except BaseException as error:  # noqa: BLE001 - a cancellation too: it is nobody's, for nothing was awaited
            # The application's own; its text may hold the GUID.
            log.error("on_guid raised %s; the new GUID is in use all the same", type(error).__name__)  # noqa: TRY400


class PollingGuid(Strategy):
    """The same GUID for the one who polls, and who signs out: it waits for no successor, for it brings them.

    Args:
        cell: Where the GUID is kept.
    """

    code_key: str | None = "retcode"
    remedy = _REMEDY

    def __init__(self, cell: AgentGuid) -> None:
        self._cell = cell

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        """Give the current GUID."""
        held = self._cell.held()
        assert held is not None
        return held

    def held(self) -> Credential | None:
        """Give the current GUID."""
        return self._cell.held()

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        """Send the GUID in its header, and the sign-in's cookies."""
        self._cell.apply(head, credential)

    def observe(self, sent: WireRequest, head: AnswerHead, /) -> None:
        """Take a new GUID."""
        self._cell.observe(sent, head)

    def verdict(self, sent: WireRequest, answer: Answer, /) -> Verdict:
        """Ask for one repeat where the GUID changed since this one was sent."""
        if answer.code not in SIGNED_OUT_CODES:
            return "denied" if answer.status == 401 else "ok"
        return "renew" if sent.credential is not self._cell.held() else "denied"


class SigningIn(Strategy):
    """Sends no credential, and learns the one that the answer to a sign-in brings.

    Attributes:
        guid: From `Set-GUID`; None until it came.
        cookies: Those that the answer set, by name.
        on_leaving: Told that the request is about to leave.
    """

    code_key: str | None = "retcode"

    def __init__(self) -> None:
        self.guid: Secret | None = None
        self.cookies: dict[str, Secret] = {}
        self.on_leaving: Callable[[], None] | None = None
        self._none = Credential(Secret(""))

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        """Give none."""
        return self._none

    def held(self) -> Credential | None:
        """Give none."""
        return self._none

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        """Leave the request as it is."""
        if self.on_leaving is not None:
            self.on_leaving()

    def observe(self, sent: WireRequest, head: AnswerHead, /) -> None:
        """Take the GUID and the cookies."""
        value = head.header("set-guid")
        if value:
            with suppress(ConfigurationError):  # one that no header can carry is none
                self.guid = _guid_secret(value.partition(";")[0].strip())
        self.cookies.update(set_cookies(head))

    def verdict(self, sent: WireRequest, answer: Answer, /) -> Verdict:
        """Leave every answer to its code."""
        return "ok"


def plain_function(name: str, given: Callable[[str], object] | None) -> Callable[[str], object] | None:
    """Check what is called and never awaited.

    Raises:
        ConfigurationError: It cannot be called, or is an async function.
    """
    if iscoroutinefunction(given):
        raise ConfigurationError(f"{name} must be a plain function, not an async one: nobody would await it")
    function: object = given
    if function is not None and not callable(function):
        raise ConfigurationError(f"{name} must be a plain function or None, not {kind(function)}")
    return given


def set_cookies(head: AnswerHead) -> dict[str, Secret]:
    """Read the cookies that an answer sets, by name; what no request could carry is passed over."""
    found: dict[str, Secret] = {}
    for line in head.all_headers("set-cookie"):
        name, given, value = line.partition(";")[0].strip().partition("=")
        with suppress(ConfigurationError):
            if given:
                _cookie_pairs({name: value})
                found[name] = Secret(value)
    return found


def _cookie_pairs(cookies: Cookies) -> Secret:
    try:
        pairs = [(name, value) for name, value in (cookies.items() if isinstance(cookies, Mapping) else cookies)]
    except (TypeError, ValueError):
        raise ConfigurationError("cookies must be a mapping or pairs of text, by the cookie's name") from None
    for name, value in pairs:
        if not is_token(name):
            raise ConfigurationError("cookies: a name has characters that no cookie's name may have")
        text = value.reveal() if isinstance(value, Secret) else value
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            raise ConfigurationError(f"cookies: the value of {name} has characters that no header may carry")
        if not _COOKIE_VALUE.fullmatch(text):
            raise ConfigurationError(f"cookies: the value of {name} has a character that no cookie may carry")
    return Secret("; ".join(f"{name}={Secret.reveal(v) if isinstance(v, Secret) else v}" for name, v in pairs))


def _guid_secret(guid: str | Secret) -> Secret:
    text = header_secret("guid", guid).reveal().strip()
    if len(text) > MAX_LENGTH:
        raise ConfigurationError(f"guid must be text of at most {MAX_LENGTH} characters, not {len(text)}")
    return header_secret("guid", text.removeprefix(_PREFIX))
