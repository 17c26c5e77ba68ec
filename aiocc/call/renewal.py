"""Obtaining credentials: one flight for each strategy, however many callers wait, in a lane of its own.

A flight is owned by the client's host task, so that it goes on when its first waiter is cancelled. It is
keyed by what it replaces: whoever was refused with an older credential than the current takes the current one,
and nothing is fetched. All of it belongs to one event loop of one process, and is left behind with it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
from attrs import define, field

from aiocc.auth.by_identity import ByIdentity
from aiocc.auth.failure import own_error
from aiocc.auth.held import held_credential
from aiocc.auth.strategy import Credential, Strategy
from aiocc.call.host import Host
from aiocc.delivery import Reason
from aiocc.errors import CredentialError
from aiocc.hooks import CredentialRenewed
from aiocc.protocol.evidence import without_answer
from aiocc.protocol.messages import Answer, AnswerHead, Fault, Origin, Wire, WireRequest
from aiocc.protocol.operation import Effect
from aiocc.protocol.retry import Ended, wait_before_repeat
from aiocc.secret import mask_numbers

if TYPE_CHECKING:
    from aiocc.call.line import Line

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
"""Seconds after a failed fetch in which no other begins: the failure is told again instead. Doubles with each."""

log: logging.Logger = logging.getLogger("aiocc")


@define(eq=False, repr=False)
class _Flight:
    """One fetch under way.

    Attributes:
        rejected: The credential that it replaces.
        at: The strategy's service, where that is not the line's.
    """

    line: Line
    strategy: Strategy
    rejected: Credential | None
    at: Origin | None
    done: anyio.Event = field(factory=anyio.Event)
    credential: Credential | None = None
    error: Exception | None = None


@define(eq=False, repr=False)
class _State:
    """What is going on for one strategy, which it must not keep alive: a failure is kept without its trace."""

    flight: _Flight | None = None
    failure: Exception | None = None
    pause: float = 0.0
    until: float = 0.0

    def failed(self, error: Exception, now: float) -> None:
        """Begin a pause, twice as long as the one before."""
        self.failure = error
        self.pause = min(max(self.pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        self.until = now + self.pause

    def worked(self) -> None:
        """Forget failures."""
        self.failure, self.pause, self.until = None, 0.0, 0.0


class Renewals:
    """The credentials of one client in one event loop.

    Args:
        host: Owns the flights.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._states: ByIdentity[_State] = ByIdentity()

    async def credential(
        self, line: Line, strategy: Strategy, *, rejected: Credential | None = None, at: Origin | None = None
    ) -> Credential:
        """Have a strategy's credential.

        Raises:
            CredentialError: It could not be obtained; each waiter gets an error of its own.
            ConfigurationError: The strategy cannot be used here.
        """
        state = self._state(strategy)
        while True:
            flight = state.flight
            if flight is None:
                if state.failure is not None and line.clock() < state.until:
                    raise own_error(strategy, state.failure)
                flight = self._begin(state, _Flight(line, strategy, rejected, at))
            await flight.done.wait()
            if flight.error is not None:
                raise own_error(strategy, flight.error)
            assert flight.credential is not None
            if flight.credential is not rejected or flight.rejected is rejected:
                return flight.credential
            # It began before this one was refused, and brought the very one that was.

    async def renew_ahead(self, line: Line, strategy: Strategy, held: Credential, *, at: Origin | None = None) -> None:
        """Begin to renew a credential that still serves, if nobody has; its failure is no caller's error."""
        state = self._state(strategy)
        if state.flight is None and line.clock() >= state.until:
            self._begin(state, _Flight(line, strategy, held, at))

    def _state(self, strategy: Strategy) -> _State:
        return self._states.get(strategy) or self._states.set(strategy, _State())

    def _begin(self, state: _State, flight: _Flight) -> _Flight:
        state.flight = flight
        if not self._host.start_soon(self._fly, state, flight):
            _land(state, flight)
        return flight

    async def _fly(self, state: _State, flight: _Flight) -> None:
        line, strategy = flight.line, flight.strategy
        limit, began = line.timeouts.token, line.clock()
        try:
            with anyio.CancelScope(deadline=line.clock() + limit):
                fetch = LineFetch(line, self, flight.at)
                flight.credential = await strategy.credential(fetch, rejected=flight.rejected)
            if flight.credential is None:
                flight.error = CredentialError(f"not within Timeouts(token={limit:g})")
        except Exception as error:  # noqa: BLE001 - told to every waiter; a user's strategy may raise anything
            flight.error = error
        finally:
            _land(state, flight)
        if flight.error is None:
            state.worked()
            if line.hooks:
                elapsed = line.clock() - began
                line.hooks.tell(CredentialRenewed(service=line.name, strategy=type(strategy).__name__, elapsed=elapsed))
        else:
            state.failed(own_error(strategy, flight.error), line.clock())
            assert state.failure is not None
            state.failure.__cause__ = None
            log.warning("%s: no credential: %s", line.name, mask_numbers(str(state.failure)))


def _land(state: _State, flight: _Flight) -> None:
    if flight.credential is None and flight.error is None:
        flight.error = CredentialError("the fetch was cancelled")
    if state.flight is flight:
        state.flight = None
    flight.done.set()


class LineFetch:
    """The I/O of a strategy: over its service's transport, in the token lane, repeated as what it is: idempotent."""

    def __init__(self, line: Line, renewals: Renewals, at: Origin | None = None) -> None:
        self._line = line
        self._renewals = renewals
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
        """Send a token request.

        Raises:
            CredentialError: There was no answer.
        """
        line = self._line
        deadline = line.clock() + line.timeouts.token
        seen: set[Reason] = set()
        number = 1
        while True:
            wire = Wire()
            try:
                return await self._once(self._complete(request), wire, deadline)
            except Fault as fault:
                reason, detail = fault.reason, fault.detail
            ended = Ended(number, without_answer(reason, left=wire.left), reason, seen_before=reason in seen)
            delay = wait_before_repeat(line.retry, Effect.IDEMPOTENT, ended)
            if (
                delay is None
                or line.clock() + delay + line.timeouts.least > deadline
                or not line.budget.pay(ended, None)
            ):
                break
            seen.add(reason)
            number += 1
            await anyio.sleep(delay)
        said = f" ({detail})" if detail else ""
        error = CredentialError(f"no token from {request.origin or self.origin}: {reason.value}{said}")
        # What kept the connection from opening keeps its name: it has remedies of its own.
        raise error if wire.left or reason is Reason.DEADLINE else error.because(reason)

    async def _once(self, request: WireRequest, wire: Wire, deadline: float) -> Answer:
        line = self._line
        await line.token_lane.acquire(deadline)
        try:
            return await line.transport.exchange(
                request, wire, deadline=deadline, timeouts=line.timeouts, limits=line.limits, on_head=_ignore
            )
        finally:
            line.token_lane.release()

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


def _ignore(_: AnswerHead) -> None:
    """A token's answer teaches nothing by its head."""
