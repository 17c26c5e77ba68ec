"""The GUID of one signed-in agent at CC-Gateway (C4).

https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0005.html: a static one stays valid, a dynamic one
(the default) is replaced about every minute, and the new one comes in a `Set-GUID` header.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from aiocc.auth.cookie import append_cookies
from aiocc.auth.strategy import Credential, Fetch, Strategy, Verdict
from aiocc.errors import ConfigurationError
from aiocc.protocol.messages import Answer, AnswerHead, WireRequest
from aiocc.secret import Secret, conceal, header_secret

SIGNED_OUT_CODES: Final = frozenset({"000-003", "100-006"})
MAX_LENGTH: Final = 1024
_PREFIX: Final = "JSESSIONID="
_COOKIE_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_COOKIE_VALUE: Final = re.compile(r'"?[^ ;,"\\]*"?')

Cookies = Mapping[str, str | Secret] | Iterable[tuple[str, str | Secret]]

log: logging.Logger = logging.getLogger("aiocc")


class AgentGuid(Strategy):
    """Sends an agent's GUID, and follows it when the gateway gives a new one.

    Args:
        guid: As the sign-in gave it, with or without `JSESSIONID=` before it.
        cookies: Those that the sign-in's answer set, by name: sent with each request of this agent, as the
            vendor's own clients do, so that a load balancer finds the agent's gateway. No answer changes them.
        on_guid: Told each new GUID, so that the application can keep it; a plain function. What it raises is
            logged and harms no call.

    Raises:
        ConfigurationError: The GUID or a cookie has characters that no header may carry.
    """

    code_key: str | None = "retcode"

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
        self.on_guid = on_guid

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        """Give the current GUID."""
        return self._held

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

    @conceal
    def learn(self, guid: str | Secret, *, cookies: Cookies | None = None) -> bool:
        """Make this the current GUID, with these cookies where some are given; says whether it is another one."""
        secret = _guid_secret(guid)
        if cookies is not None:
            self._cookies = _cookie_pairs(cookies)
        changed = secret != self._held.secret
        if changed:
            self._held = Credential(secret)
        return changed

    def verdict(self, sent: WireRequest, answer: Answer, /) -> Verdict:
        """Ask for one repeat where the GUID changed since this one was sent."""
        if answer.code not in SIGNED_OUT_CODES:
            return "denied" if answer.status == 401 else "ok"
        return "renew" if sent.credential is not self._held else "denied"

    def _tell(self, on_guid: Callable[[str], object]) -> None:
        try:
            on_guid(self._held.secret.reveal())
        except Exception as error:  # noqa: BLE001 - the application's own; its text may hold the GUID
            log.error("on_guid raised %s; the new GUID is in use all the same", type(error).__name__)  # noqa: TRY400


def _cookie_pairs(cookies: Cookies) -> Secret:
    pairs = list(cookies.items() if isinstance(cookies, Mapping) else cookies)
    for name, value in pairs:
        if not isinstance(name, str) or not _COOKIE_NAME.fullmatch(name):
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
