"""The adapter for any `httpx.AsyncBaseTransport`: a proxy, HTTP/2, an ASGI application, a mock.

httpx says less than a transport of our own. What left is told by httpcore's trace events where they come;
where they do not, NOT_SENT is claimed only for the exceptions that prove it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from math import inf
from typing import Any, Final, cast

import anyio
import httpx

from aiocc.delivery import Phase, Reason
from aiocc.protocol import foreign_logs
from aiocc.protocol.inflate import Body
from aiocc.protocol.limits import AnswerLimits, Timeouts
from aiocc.protocol.messages import Answer, AnswerHead, Fault, Wire, WireRequest
from aiocc.transport.foreign_errors import PROVE_NOTHING_LEFT, name_fault
from aiocc.transport.reach import REACH
from aiocc.transport.stats import PoolStats

_CLOSE_GRACE: Final = 1.0
_MOMENT: Final = 0.02


class ForeignTransport:
    """Exchanges requests over an httpx transport.

    Args:
        transport: Whoever made it closes it.
        server_name: The name in the host's certificate, where that is not the host of the URL.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, *, server_name: str | None = None) -> None:
        foreign_logs.hide_heads()
        self._transport = transport
        self._scopes: set[anyio.CancelScope] = set()
        self._closed = False
        self._extensions: dict[str, Any] = {} if server_name is None else {"sni_hostname": server_name}
        # httpx's own transport reports each step; of any other one it is not known whether it does.
        self._reports = type(transport) is httpx.AsyncHTTPTransport
        # These two never leave the process.
        self._reaches_out = not isinstance(transport, httpx.MockTransport | httpx.ASGITransport)

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
        """Send a request once and read its answer to the end; see `Transport`."""
        if self._reaches_out:
            assert request.origin is not None
            REACH.check(request.origin)
        trace = _Trace(wire)
        if not self._reports:
            trace.sent()
        fault = Fault(Reason.DEADLINE)
        scope = anyio.CancelScope(deadline=deadline)
        self._scopes.add(scope)
        try:
            with scope:
                return await self._exchange(self._outgoing(request, timeouts, trace), wire, limits, on_head, deadline)
        except Fault as own:
            fault = own
        except Exception as error:  # noqa: BLE001 - the one door: every foreign error changes its name here
            if isinstance(error, PROVE_NOTHING_LEFT) and not trace.events_told_of_sending:
                wire.left, wire.left_at = False, None
            fault = name_fault(error, wire)
        except BaseException as cancellation:  # noqa: BLE001 - passed on
            # Its traceback would carry the foreign frames, and their locals hold the request's headers.
            raise cancellation.with_traceback(None) from None
        finally:
            self._scopes.discard(scope)
        if self._closed and fault.reason is Reason.DEADLINE:
            fault = Fault(Reason.CLIENT_CLOSED)
        # Raised out here, so that the foreign error is not kept as its context either.
        raise fault

    def stats(self) -> Mapping[str, PoolStats]:
        """Say nothing: the connections are the transport's own affair."""
        return {}

    async def aclose(self) -> None:
        """End what is on its way; leave the transport open: it is its maker's."""
        self._closed = True
        for scope in self._scopes:
            scope.cancel()

    def _outgoing(self, request: WireRequest, timeouts: Timeouts, trace: _Trace) -> httpx.Request:
        times = {
            "connect": timeouts.connect,
            "read": timeouts.read,
            "write": timeouts.read,
            "pool": timeouts.queue,
        }
        return httpx.Request(
            request.method,
            f"{request.origin}{request.target}",
            headers=request.headers,
            content=request.body,
            extensions={
                "timeout": times,
                "trace": trace,
                "target": request.target.encode("ascii"),
                **self._extensions,
            },
        )

    async def _exchange(
        self,
        outgoing: httpx.Request,
        wire: Wire,
        limits: AnswerLimits,
        on_head: Callable[[AnswerHead], None],
        deadline: float,
    ) -> Answer:
        response = await self._transport.handle_async_request(outgoing)
        try:
            wire.phase = Phase.READ_ANSWER
            head = _head(response, limits.headers)
            on_head(head)
            body = Body(
                codings=head.all_headers("content-encoding"),
                declared=head.header("content-length"),
                limit=limits.body,
            )
            async for piece in cast("AsyncIterator[bytes]", response.stream):
                body.feed(piece)
            answer = Answer(head, body.finish())
        finally:
            now = anyio.current_time()
            # Past the deadline it has a moment only: whoever waits for the answer waits for this too.
            until = max(now + _MOMENT, min(now + _CLOSE_GRACE, deadline))
            with anyio.CancelScope(shield=True, deadline=until):
                await response.aclose()
        wire.phase = Phase.DONE
        return answer


class _Trace:
    """Takes httpcore's trace events, and keeps `Wire` true."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.events_told_of_sending = False

    def sent(self) -> None:
        self.wire.left = True
        self.wire.left_at = datetime.now(UTC)

    async def __call__(self, name: str, info: object) -> None:
        wire = self.wire
        step = name.partition(".")[2]
        if step == "connect_tcp.started":
            wire.phase, wire.reused = Phase.CONNECT, False
        elif step == "start_tls.started":
            wire.phase = Phase.TLS
        elif step == "send_request_headers.started":
            self.events_told_of_sending = True
            wire.phase = Phase.WRITE
            wire.reused = wire.reused is None
            self.sent()
        elif step == "receive_response_headers.started":
            wire.phase = Phase.AWAIT_ANSWER


def _head(response: httpx.Response, limit: int) -> AnswerHead:
    raw = response.headers.raw
    if sum(len(name) + len(value) + 4 for name, value in raw) > limit:
        raise Fault(Reason.HEAD_TOO_LARGE, f"over {limit} bytes")
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1").strip()) for name, value in raw]
    return AnswerHead(response.status_code, pairs)
