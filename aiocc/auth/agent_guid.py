"""The GUID of one signed-in agent at CC-Gateway (C4).

https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0005.html: a static one stays valid, a dynamic one
(the default) is replaced about every minute, and the new one comes in a `Set-GUID` header.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiocc.auth.strategy import Credential, Fetch, Strategy, Verdict
from aiocc.errors import ConfigurationError
from aiocc.protocol.messages import Answer, AnswerHead, WireRequest
from aiocc.secret import Secret, conceal, header_secret

SIGNED_OUT_CODES: Final = frozenset({"000-003", "100-006"})
_PREFIX: Final = "JSESSIONID="


class AgentGuid(Strategy):
    """Sends an agent's GUID, and follows it when the gateway gives a new one.

    Args:
        guid: As the sign-in gave it, with or without `JSESSIONID=` before it.
        on_guid: Told each new GUID, so that the application can keep it.

    Raises:
        ConfigurationError: The GUID has characters that no header may carry.
    """

    code_key = "retcode"

    @conceal
    def __init__(self, guid: str | Secret, *, on_guid: Callable[[str], object] | None = None) -> None:
        self._held = Credential(_guid_secret(guid))
        self.on_guid = on_guid

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        """Give the current GUID."""
        return self._held

    def held(self) -> Credential | None:
        """Give the current GUID."""
        return self._held

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        """Send the GUID in its header."""
        head.headers.append(("Guid", credential.secret.reveal()))

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
            self.on_guid(self._held.secret.reveal())

    def learn(self, guid: str | Secret) -> bool:
        """Make this the current GUID; says whether it is another one than before."""
        secret = _guid_secret(guid)
        changed = secret != self._held.secret
        if changed:
            self._held = Credential(secret)
        return changed

    def verdict(self, sent: WireRequest, answer: Answer, /) -> Verdict:
        """Ask for one repeat where the GUID changed since this one was sent."""
        if answer.code not in SIGNED_OUT_CODES:
            return "denied" if answer.status == 401 else "ok"
        return "renew" if sent.credential is not self._held else "denied"


def _guid_secret(guid: str | Secret) -> Secret:
    text = header_secret("guid", guid).reveal().strip()
    return header_secret("guid", text.removeprefix(_PREFIX))
