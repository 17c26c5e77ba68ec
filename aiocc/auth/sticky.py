"""A visitor's credential, and the cookies of one dialled call beside it."""

from __future__ import annotations

from collections.abc import Callable

from aiocc.auth.agent_guid import set_cookies
from aiocc.auth.cookie import TOKEN_NAME, append_cookies
from aiocc.auth.strategy import Credential, Fetch, Strategy, Verdict
from aiocc.protocol.messages import Answer, AnswerHead, WireRequest
from aiocc.secret import Secret


class Sticky(Strategy):
    """Keeps the cookies that a load balancer sets, for the requests of one call alone.

    Args:
        inner: The visitor's own strategy.

    Attributes:
        left: Whether a request was about to leave.
        on_leaving: Told each time.
    """

    needs_io: bool = True

    def __init__(self, inner: Strategy) -> None:
        self._inner = inner
        self.remedy: str = inner.remedy
        self._cookies: dict[str, Secret] = {}
        self.left: bool = False
        self.on_leaving: Callable[[], None] | None = None

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        """Obtain the visitor's credential, in one flight with all others who wait for it."""
        return await fetch.credential(self._inner, rejected=rejected)

    def held(self) -> Credential | None:
        """Give the visitor's credential."""
        return self._inner.held()

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        """Put the credential on the request, and the cookies of this call."""
        self._inner.apply(head, credential)
        if self._cookies:
            append_cookies(head, "; ".join(f"{name}={value.reveal()}" for name, value in self._cookies.items()))
        self.left = True
        if self.on_leaving is not None:
            self.on_leaving()

    def observe(self, sent: WireRequest, head: AnswerHead, /) -> None:
        """Learn what the visitor's strategy learns, and the cookies."""
        self._inner.observe(sent, head)
        self._cookies.update({name: value for name, value in set_cookies(head).items() if name != TOKEN_NAME})

    def verdict(self, sent: WireRequest, answer: Answer, /) -> Verdict:
        """Judge as the visitor's strategy does."""
        return self._inner.verdict(sent, answer)
