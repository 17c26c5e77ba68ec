"""A click-to-dial call as a scope: it occupies an agent from its beginning until it is dropped, at the scope's end."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import ClassVar, Final

import anyio
import anyio.abc
from attrs import evolve

from aiocc.auth.sticky import Sticky
from aiocc.auth.strategy import Strategy
from aiocc.call.desk import Desk
from aiocc.call.line import CallOptions
from aiocc.delivery import Delivery
from aiocc.endpoints.click_to_dial import ClickToDial, DialReceipt
from aiocc.endpoints.dial_events import DialEvent, DropDial, GetDialEvents
from aiocc.errors import AioccError, AuthenticationError, ConfigurationError
from aiocc.outcome import Outcome
from aiocc.protocol.retry import RetryPolicy
from aiocc.scopes.beginning import begin
from aiocc.scopes.holding import Holding
from aiocc.scopes.listeners import BUFFER, Listener, Listeners, OnFull

SETTLE_WITHIN: Final = 5.0
"""Seconds for which the events are asked whether a call exists whose creation was not answered; fewer where the view's
own `deadline` is shorter.
"""

DROP_WITHIN: Final = 5.0
"""Seconds for which leaving a scope waits for the drop."""

log: logging.Logger = logging.getLogger("aiocc")


class DialledCall:
    """A call that occupies an agent, or waits for one. Made by `async with visitor.dial(...)`.

    Attributes:
        settled: Whether it was the events that told of the call, since its creation was not answered.
    """

    def __init__(self) -> None:
        self._listeners: Listeners[DialEvent] = Listeners()
        self._seen: list[DialEvent] = []
        self._connected = anyio.Event()
        self.settled: bool = False

    @property
    def connected(self) -> bool:
        """Whether the visitor was connected with an agent."""
        return self._connected.is_set()

    async def wait_connected(self) -> None:
        """Wait until the visitor is connected with an agent; bound it with a time-out of your own."""
        await self._connected.wait()

    def events(self, *, buffer: int = BUFFER, on_full: OnFull = "drop_oldest") -> Listener[DialEvent]:
        """Listen to the call: `async with dialled.events() as events: async for event in events`.

        What came before anyone listened comes first.

        Args:
            buffer: Events that are kept for this listener until it takes them.
            on_full: What a listener that is too slow loses: "drop_oldest" or "drop_newest"; it is counted.

        Raises:
            InvalidRequestError: An argument is outside its limit.
        """
        listener = Listener(self._listeners, buffer, on_full)
        for event in self._seen:
            listener.hear(event)
        return listener

    def _hear(self, event: DialEvent) -> None:
        self._seen = [*self._seen, event][-BUFFER:]
        if event.connected:
            self._connected.set()
        self._listeners.tell(event)

    def __repr__(self) -> str:
        return f"<DialledCall {'connected' if self.connected else 'not connected'}, {len(self._seen)} events>"


class DialScope(Holding[DialledCall]):
    """`async with visitor.dial(...) as dialled`; see `Visitor.dial`."""

    leftover: ClassVar[str] = "the call may still occupy an agent"

    def __init__(
        self, desk: Desk, request: ClickToDial, strategy: Strategy, options: CallOptions, *, poll_pause: float
    ) -> None:
        super().__init__(desk)
        self._request = request
        self._inner = strategy
        self._strategy = Sticky(strategy)
        self._options = options
        self._pause = poll_pause
        self._poll_options = evolve(options, retry=RetryPolicy(max_attempts=1))
        self._keys: set[Hashable] = set()
        self._unheard = False  # told that its events are refused
        self._call = DialledCall()

    def _names(self) -> set[Hashable]:
        """Give by what this visitor is known: its strategy, and the token that it has, if it has one."""
        held = self._inner.held()
        return {("dial", id(self._inner)), *([("dial", held.secret)] if held is not None else [])}

    def _take(self) -> None:
        if not self._desk.taken.isdisjoint(self._names()):
            raise ConfigurationError("this visitor is dialling already: one call at a time for each token")
        self._take_names()

    def _take_names(self) -> None:
        names = self._names() - self._desk.taken
        self._keys |= names
        self._desk.taken |= names

    def _leave(self) -> None:
        super()._leave()
        self._desk.taken -= self._keys

    async def _hold(self) -> DialledCall:
        await self._create()
        self._take_names()  # the token may be another one now, or have come only for this
        return self._call

    async def _create(self) -> None:
        """Create the call; what was begun is dropped where the scope is cancelled meanwhile.

        Raises:
            CallError: It was refused, or it is not known what became of it; then it was dropped as well.
        """
        options = evolve(self._options, seen_through=True)
        try:
            begun = await begin(lambda: self._desk.perform(self._request, self._strategy, options), self._strategy)
        except Exception as error:  # of a part of the application's own, perhaps after the call was created
            if self._strategy.left:
                await self._undo(error)
            raise
        outcome = begun.outcome
        exists = outcome is None or outcome.delivery in (Delivery.ACCEPTED, Delivery.UNKNOWN)
        if begun.stop is not None:
            if exists and self._strategy.left:
                await self._undo(begun.stop)
            raise begun.stop
        assert outcome is not None
        if outcome.delivery is Delivery.UNKNOWN:
            await self._settle(outcome)
        else:
            outcome.unwrap()

    async def _settle(self, outcome: Outcome[DialReceipt]) -> None:
        """Let the events say whether there is a call; drop it where they do not.

        Raises:
            DeliveryUnknownError: They did not.
        """
        error = outcome.error
        assert error is not None
        try:
            with anyio.move_on_after(min(SETTLE_WITHIN, self._options.deadline or SETTLE_WITHIN)):
                await self._first_event()
                self._call.settled = True
                log.warning("click_to_dial %s: not answered, but its events tell of the call", outcome.call_id)
                return
        except BaseException as stop:
            await self._undo(stop)
            raise
        failure = await self._undo(None)
        error.add_note("aiocc: no event told of the call; " + (f"dropping failed: {failure}" if failure else "dropped"))
        raise error

    async def _first_event(self) -> None:
        while True:
            if await self._ask():
                return
            await anyio.sleep(self._pause)

    async def _ask(self) -> bool:
        """Ask for one event; says whether there was one."""
        outcome = await self._desk.perform(GetDialEvents(), self._strategy, self._poll_options)
        if isinstance(outcome.error, AuthenticationError) and not self._unheard:
            self._unheard = True
            log.warning("dial_events %s: the token is refused: the call goes on unheard", outcome.call_id)
        if outcome.result is None:
            return False
        self._unheard = False
        self._call._hear(outcome.result)
        return True

    async def _poll(self, _: DialledCall, /) -> None:
        while True:
            if not await self._ask():
                await anyio.sleep(self._pause)

    def _end_events(self) -> None:
        self._call._listeners.end()

    async def _give_back(self) -> AioccError | None:
        """Drop the call; gives what went wrong, for an agent may be left occupied then."""
        options = evolve(self._options, deadline=DROP_WITHIN)
        try:
            outcome = await self._desk.perform_last(DropDial(), self._strategy, options)
        except AioccError as error:  # the client was closed in another event loop
            return error
        if outcome.error is not None:
            log.warning("drop_dial %s: the call may still occupy an agent: %s", outcome.call_id, outcome.error.reason)
        return outcome.error
