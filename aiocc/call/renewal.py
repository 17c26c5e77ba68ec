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
from aiocc.auth.strategy import Credential, Strategy
from aiocc.call.host import Host
from aiocc.call.token_request import LineFetch
from aiocc.errors import AioccError, CredentialError
from aiocc.hooks import CredentialRenewed
from aiocc.protocol.messages import Origin
from aiocc.secret import mask_numbers

if TYPE_CHECKING:
    from aiocc.call.line import Line

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
"""Seconds after a failed fetch, repeats and all, in which no other begins: the failure is told again instead. Doubles
with each, and is as long as the service asked for where that is more.
"""

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
    failure: AioccError | None = None
    pause: float = 0.0
    since: float = 0.0
    until: float = 0.0

    def failed(self, error: AioccError, now: float) -> None:
        """Begin a pause, twice as long as the one before."""
        self.failure = error
        self.pause = min(max(self.pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        asked = error.retry_after if isinstance(error, CredentialError) else None
        self.since, self.until = now, now + max(self.pause, min(asked or 0.0, LONGEST_PAUSE))

    def worked(self) -> None:
        """Forget failures."""
        self.failure, self.pause, self.since, self.until = None, 0.0, 0.0, 0.0

    def told_again(self, strategy: Strategy, now: float) -> AioccError | None:
        """Give the failure as one of before, while its pause goes on; None after it, or where nothing has failed."""
        if self.failure is None or now >= self.until:
            return None
        error, left = own_error(strategy, self.failure), self.until - now
        if isinstance(error, CredentialError):
            error.retry_after = max(error.retry_after - (now - self.since), left) if error.retry_after else left
        error.args = (f"failed {now - self.since:.1f} s ago, the next try in {left:.1f} s: {error}",)
        return error


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
                if (error := state.told_again(strategy, line.clock())) is not None:
                    raise error
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
                fetch = LineFetch(line, self, strategy, flight.at)
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
