"""Obtaining credentials: one flight for each strategy, however many callers wait, in a lane of its own.

A flight is owned by the client's host task, so that it goes on when its first waiter is cancelled. It is
keyed by what it replaces: whoever was refused with an older credential than the current takes the current one,
and nothing is fetched.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import anyio
from attrs import define, field

from aiocc.auth.held import held_credential
from aiocc.auth.strategy import Credential, Strategy
from aiocc.call.host import Host
from aiocc.delivery import Reason
from aiocc.errors import ConfigurationError, CredentialError
from aiocc.protocol.evidence import without_answer
from aiocc.protocol.messages import Answer, AnswerHead, Fault, Origin, Wire, WireRequest
from aiocc.protocol.operation import Effect
from aiocc.protocol.retry import Ended, wait_before_repeat

if TYPE_CHECKING:
    from aiocc.call.line import Line

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
"""Seconds after a failed fetch in which no other begins: the failure is told again instead. Doubles with each."""

log = logging.getLogger("aiocc")


@define(eq=False)
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


@define(eq=False)
class _State:
    """What is going on for one strategy."""

    flight: _Flight | None = None
    failure: Exception | None = None
    pause: float = 0.0
    until: float = 0.0


class Renewals:
    """The credentials of one client in one event loop.

    Args:
        host: Owns the flights.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._states: WeakKeyDictionary[Strategy, _State] = WeakKeyDictionary()

    async def credential(
        self, line: Line, strategy: Strategy, *, rejected: Credential | None = None, at: Origin | None = None
    ) -> Credential:
        """Have a strategy's credential.

        Raises:
            CredentialError: It could not be obtained; each waiter gets an error of its own.
            ConfigurationError: The strategy cannot be used here.
        """
        state = self._states.setdefault(strategy, _State())
        if state.flight is None and state.failure is not None and line.clock() < state.until:
            raise _own(strategy, state.failure)
        flight = state.flight or await self._begin(state, _Flight(line, strategy, rejected, at))
        await flight.done.wait()
        if flight.error is not None:
            raise _own(strategy, flight.error)
        assert flight.credential is not None
        return flight.credential

    async def renew_ahead(self, line: Line, strategy: Strategy, held: Credential) -> None:
        """Begin to renew a credential that still serves, if nobody has; its failure is no caller's error."""
        state = self._states.setdefault(strategy, _State())
        if state.flight is None and line.clock() >= state.until:
            await self._begin(state, _Flight(line, strategy, held, None))

    async def _begin(self, state: _State, flight: _Flight) -> _Flight:
        state.flight = flight
        try:
            await self._host.start_soon(self._fly, state, flight)
        except BaseException:
            # Cancelled before the host had it: the next caller begins anew.
            self._land(state, flight)
            raise
        return flight

    async def _fly(self, state: _State, flight: _Flight) -> None:
        line, strategy = flight.line, flight.strategy
        limit = line.timeouts.token
        try:
            with anyio.CancelScope(deadline=line.clock() + limit):
                fetch = LineFetch(line, self, flight.at)
                flight.credential = await strategy.credential(fetch, rejected=flight.rejected)
            if flight.credential is None:
                flight.error = CredentialError(f"not within Timeouts(token={limit:g})")
        except Exception as error:  # noqa: BLE001 - told to every waiter; a user's strategy may raise anything
            flight.error = error
        finally:
            self._land(state, flight)
        if flight.error is None:
            state.failure, state.pause, state.until = None, 0.0, 0.0
        else:
            state.failure = flight.error
            state.pause = min(max(state.pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            state.until = line.clock() + state.pause
            log.warning("%s: no credential: %s", line.name, _own(strategy, flight.error))

    def _land(self, state: _State, flight: _Flight) -> None:
        if flight.credential is None and flight.error is None:
            flight.error = CredentialError("the fetch was ended with its client")
        if state.flight is flight:
            state.flight = None
        flight.done.set()


class LineFetch:
    """The I/O of a strategy: over its service's transport, in the token lane, repeated as what it is: idempotent."""

    def __init__(self, line: Line, renewals: Renewals, at: Origin | None = None) -> None:
        self._line = line
        self._renewals = renewals
        self._at = at

    async def credential(
        self, strategy: Strategy, /, *, rejected: Credential | None = None, at: Origin | None = None
    ) -> Credential:
        """Obtain the credential of another strategy that this one builds upon."""
        held = held_credential(strategy, rejected)
        return held or await self._renewals.credential(self._line, strategy, rejected=rejected, at=at)

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
            ended = Ended(number, without_answer(left=wire.left), reason, seen_before=reason in seen)
            delay = wait_before_repeat(line.retry, Effect.IDEMPOTENT, ended)
            if delay is None or line.clock() + delay >= deadline:
                break
            seen.add(reason)
            number += 1
            await anyio.sleep(delay)
        said = f" ({detail})" if detail else ""
        raise CredentialError(f"no token from {request.origin or self._at or line.target.origin}: {reason.value}{said}")

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
        origin = request.origin or self._at or line.target.origin
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


def _own(strategy: Strategy, error: Exception) -> Exception:
    """Give a waiter an error of its own: one that is raised in two tasks would carry both their traces."""
    if isinstance(error, ConfigurationError | CredentialError):
        return type(error)(*error.args)
    own = CredentialError(f"{type(strategy).__name__} raised {type(error).__name__}")
    own.__cause__ = error
    return own


def _ignore(_: AnswerHead) -> None:
    """A token's answer teaches nothing by its head."""
