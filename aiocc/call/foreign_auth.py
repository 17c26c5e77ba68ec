"""A user's own `httpx.Auth` in a `Service`: its flow, driven around a transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import Final

import anyio
import httpx

from aiocc.delivery import Reason
from aiocc.protocol.limits import AnswerLimits, Timeouts
from aiocc.protocol.messages import DEFAULT_PORTS, Answer, AnswerHead, Fault, Origin, Wire, WireRequest
from aiocc.transport.interface import Transport
from aiocc.transport.stats import PoolStats

_REFUSALS: Final = frozenset({401, 407})


class AuthTransport:
    """Lets an `httpx.Auth` complete each request, and see each answer, on its way through a transport.

    What the flow sends besides the request, for a token say, leaves no trace in the request's evidence.

    Args:
        transport: Carries the requests; closed with this.
        auth: The user's; its asynchronous flow is used.
    """

    def __init__(self, transport: Transport, auth: httpx.Auth) -> None:
        self._transport = transport
        self._auth = auth

    async def exchange(
        self,
        request: WireRequest,
        wire: Wire,
        *,
        deadline: float,
        timeouts: Timeouts,
        limits: AnswerLimits,
        on_head: Callable[[AnswerHead], None],
        idle_at_most: float = inf,
    ) -> Answer:
        """Send a request as its flow asks, and give the last answer to the request itself."""
        own = _to_httpx(request)
        flow = self._auth.async_auth_flow(own)
        try:
            outgoing = await _step(anext(flow), deadline)
            last: Answer | None = None  # of the request itself: no token's answer may pass for it
            while outgoing is not None:
                is_own = _same(outgoing, own)
                answer = await self._transport.exchange(
                    _from_httpx(outgoing),
                    wire if is_own else Wire(),
                    deadline=deadline,
                    timeouts=timeouts,
                    limits=limits,
                    on_head=on_head if is_own else _ignore,
                    idle_at_most=idle_at_most,
                )
                outgoing = await _step(flow.asend(_response(outgoing, answer)), deadline)
                if is_own:
                    last = answer
                    if answer.status not in _REFUSALS:
                        break  # what was not refused for its credential is not sent again by itself
                    if outgoing is not None:
                        # Refused, so what is sent from now on stands for itself.
                        wire.left, wire.left_at = False, None
            if last is None:
                raise Fault(Reason.INTERNAL, "the auth flow ended without sending the request")
            return last
        finally:
            await flow.aclose()

    def stats(self) -> Mapping[str, PoolStats]:
        """Say what the transport holds."""
        return self._transport.stats()

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    def __repr__(self) -> str:
        return f"<AuthTransport {type(self._auth).__name__}>"


class _Request(httpx.Request):
    """A request that shows no query, into which a flow may put a key."""

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.url.path}>"


async def _step(step: Awaitable[httpx.Request], deadline: float) -> httpx.Request | None:
    """Let the flow go on, within the deadline; None where it has ended."""
    fault = Fault(Reason.DEADLINE)
    try:
        with anyio.CancelScope(deadline=deadline):
            return await step
    except StopAsyncIteration:
        return None
    except Exception as error:  # noqa: BLE001 - the user's flow may raise anything
        fault = Fault(Reason.INTERNAL, f"{type(error).__name__} in the auth flow")
    raise fault


def _same(outgoing: httpx.Request, own: httpx.Request) -> bool:
    """Whether this is the request itself: a flow may yield a copy of it, under another address too."""
    if outgoing is own or (own.content and outgoing.content == own.content):
        return True
    return outgoing.method == own.method and outgoing.url.copy_with(query=None) == own.url.copy_with(query=None)


def _to_httpx(request: WireRequest) -> httpx.Request:
    return _Request(request.method, f"{request.origin}{request.target}", headers=request.headers, content=request.body)


def _from_httpx(request: httpx.Request) -> WireRequest:
    url = request.url
    port = url.port or DEFAULT_PORTS[url.scheme]
    return WireRequest(
        method=request.method,
        origin=Origin(url.scheme, url.host, port),
        path=url.raw_path.partition(b"?")[0].decode("ascii"),
        query=tuple(url.params.multi_items()),
        headers=[(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw],
        body=request.content or None,
    )


def _response(request: httpx.Request, answer: Answer) -> httpx.Response:
    # The body came without its coding already.
    headers = [(name, value) for name, value in answer.head.headers if name != "content-encoding"]
    return httpx.Response(answer.status, headers=headers, content=answer.body, request=request)


def _ignore(_: AnswerHead) -> None:
    """The head of what the flow sends besides the request."""
