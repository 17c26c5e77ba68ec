"""The base of all auth strategies: four small methods, and httpx's face around them."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator
from typing import Literal, Protocol

import httpx
from attrs import frozen

from aiocc.auth import httpx_face
from aiocc.protocol.messages import Answer, AnswerHead, Origin, WireRequest
from aiocc.secret import Secret

Verdict = Literal["ok", "renew", "denied"]


@frozen(eq=False)
class Credential:
    """A secret and how long it serves. Each one fetched is another object: that is its generation.

    Attributes:
        secret: What is shown to the service.
        expires_at: On `time.monotonic`'s clock, None for one without a known end.
        scheme: The word before it in an Authorization header, where there is one.
        renew_at: From then on another one is fetched ahead, while this one still serves; None for never.
    """

    secret: Secret
    expires_at: float | None = None
    scheme: str = ""
    renew_at: float | None = None

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and time.monotonic() >= self.expires_at

    @property
    def due(self) -> bool:
        """Whether another one should be fetched ahead."""
        return self.renew_at is not None and time.monotonic() >= self.renew_at


class Fetch(Protocol):
    """The I/O that a strategy may use while it obtains a credential."""

    @property
    def origin(self) -> Origin | None:
        """The service's own address, for which `origin=None` in a request stands."""

    async def __call__(self, request: WireRequest, /) -> Answer:
        """Send a request that needs no credential of this strategy. `origin=None` is the service's own address."""

    async def credential(
        self, strategy: Strategy, /, *, rejected: Credential | None = None, at: Origin | None = None
    ) -> Credential:
        """Obtain the credential of another strategy that this one builds upon; `at` is its service's address."""


class Strategy(httpx.Auth):
    """How a credential is obtained and put on a request.

    Subclasses override `credential` and `apply`, and where they learn from answers `observe` and `verdict`.
    Whoever drives a strategy calls `credential` for one request at a time, before the request waits for a
    slot, and `apply` for every attempt, after it.

    Attributes:
        code_key: Where this service's envelope has its code; only httpx's face, which knows no operation, needs it.
        needs_io: Whether `credential` may do I/O; httpx's synchronous face is refused then.
        remedy: What to do when the service refuses the credential; empty for no more than that.
    """

    code_key: str | None = None
    needs_io: bool = False
    remedy: str = ""

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        """Obtain the credential to use now.

        Args:
            fetch: Does I/O.
            rejected: The credential that was refused; the answer must be another one if there can be one.
        """
        raise NotImplementedError

    def held(self) -> Credential | None:
        """Give the credential that `credential` would give at once, without I/O; None to have it asked."""
        return None

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        """Put the credential on a request; for each attempt anew."""
        raise NotImplementedError

    def observe(self, sent: WireRequest, head: AnswerHead, /) -> None:
        """Learn from an answer's head as soon as it is there."""

    def verdict(self, sent: WireRequest, answer: Answer, /) -> Verdict:
        """Say what an answer means for the credential that was sent.

        "renew" asks for one repeat with another credential, "denied" says that none would help.
        """
        return "denied" if answer.status == 401 else "ok"

    def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Serve a plain `httpx.AsyncClient`."""
        return httpx_face.async_flow(self, request)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Serve a plain `httpx.Client`, where no I/O is needed.

        Raises:
            RuntimeError: This strategy obtains its credential over the network.
        """
        if self.needs_io:
            raise RuntimeError(f"{type(self).__name__} needs I/O: use it in an httpx.AsyncClient")
        return httpx_face.sync_flow(self, request)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
