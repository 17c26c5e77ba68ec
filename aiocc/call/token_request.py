"""The I/O of a strategy that obtains a credential."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from aiocc.auth.failure import asked_to_wait
from aiocc.auth.held import held_credential
from aiocc.auth.strategy import Credential, Strategy
from aiocc.call.budget import Payment
from aiocc.delivery import Reason
from aiocc.errors import CredentialError
from aiocc.protocol.evidence import by_status, without_answer
from aiocc.protocol.messages import Answer, AnswerHead, Fault, Origin, Wire, WireRequest
from aiocc.protocol.operation import Effect
from aiocc.protocol.retry import Ended, wait_before_repeat

if TYPE_CHECKING:
    from aiocc.call.line import Line
    from aiocc.call.renewal import Renewals


class LineFetch:
    """The I/O of a strategy: over its service's transport, in the token lane, repeated as what it is: idempotent."""

    def __init__(self, line: Line, renewals: Renewals, strategy: Strategy, at: Origin | None = None) -> None:
        self._line = line
        self._renewals = renewals
        self._strategy = strategy
        self._at = at

    @property
    def origin(self) -> Origin:
        """The service's own address."""
        return self._at or self._line.target.origin

    async def credential(
        self, strategy: Strategy, /, *, rejected: Credential | None = None, at: Origin | None = None
    ) -> Credential:
        """Obtain the credential of another strategy that this one builds upon."""
        held = held_credential(strategy, rejected)
        if held is None:
            return await self._renewals.credential(self._line, strategy, rejected=rejected, at=at)
        if held.due:
            await self._renewals.renew_ahead(self._line, strategy, held, at=at)
        return held

    async def __call__(self, request: WireRequest, /) -> Answer:
        """Send a token request, and what the rules allow again: after a fault, a 429 or a 5xx.

        Raises:
            CredentialError: There was no answer.
        """
        line, deadline = self._line, self._line.clock() + self._line.timeouts.token
        shown: list[Ended] = []
        paid: Payment | None = None
        while True:
            wire = Wire()
            came = await self._once(self._complete(request), wire, deadline)
            ended = _ended(came, wire, shown)
            if ended is None:
                break
            delay = wait_before_repeat(line.retry, Effect.IDEMPOTENT, ended)
            in_time = delay is not None and line.clock() + delay + line.timeouts.least <= deadline
            paid = line.budget.pay(ended, self._strategy) if in_time else None
            if delay is None or paid is None:
                break
            shown.append(ended)
            await anyio.sleep(delay)
        if isinstance(came, Fault):
            raise self._no_answer(request, came, left=wire.left)
        if paid is not None:
            line.budget.answered(self._strategy, paid)
        return came

    def _no_answer(self, request: WireRequest, fault: Fault, *, left: bool) -> CredentialError:
        said = f" ({fault.detail})" if fault.detail else ""
        error = CredentialError(f"no token from {request.origin or self.origin}: {fault.reason.value}{said}")
        # What kept the connection from opening keeps its name: it has remedies of its own.
        return error if left or fault.reason is Reason.DEADLINE else error.because(fault.reason)

    async def _once(self, request: WireRequest, wire: Wire, deadline: float) -> Answer | Fault:
        line = self._line
        try:
            await line.token_lane.acquire(deadline)
            try:
                return await line.transport.exchange(
                    request, wire, deadline=deadline, timeouts=line.timeouts, limits=line.limits, on_head=_ignore
                )
            finally:
                line.token_lane.release()
        except Fault as fault:
            return fault.with_traceback(None)

    def _complete(self, request: WireRequest) -> WireRequest:
        line = self._line
        origin = request.origin or self.origin
        prefix = line.target.prefix if request.origin is None and self._at is None else ""
        return WireRequest(
            method=request.method,
            origin=origin,
            path=prefix + request.path,
            query=request.query,
            headers=[
                ("Host", origin.authority),
                *line.client_headers,
                *request.headers,
                *([("Content-Length", str(len(request.body)))] if request.body is not None else []),
            ],
            body=request.body,
        )


def _ended(came: Answer | Fault, wire: Wire, earlier: list[Ended]) -> Ended | None:
    """Say what a try has shown; None for an answer that says more than its status."""
    asked = None
    if isinstance(came, Fault):
        reason, delivery = came.reason, without_answer(came.reason, left=wire.left)
    elif came.status < 300:
        return None
    else:
        delivery, reason = by_status(came.status, is_object=False, effect=Effect.IDEMPOTENT)
        asked = asked_to_wait(came)
    seen_before = any(one.reason is reason for one in earlier)
    return Ended(len(earlier) + 1, delivery, reason, None, seen_before, asked)


def _ignore(_: AnswerHead) -> None:
    """A token's answer teaches nothing by its head."""
