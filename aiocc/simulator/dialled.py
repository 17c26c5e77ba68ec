"""The life of click-to-dial calls: waiting for an agent, connected, over."""

from collections import deque
from typing import Any

from attrs import define, field

from aiocc.simulator.clock import Clock
from aiocc.simulator.world import World

__all__ = ["CONNECTED", "DISCONNECTED", "QUEUE_TIMEOUT", "WAITING", "Dialled"]

CONNECTED = 168101
"""The one event id that is published; the others are this simulator's own."""
WAITING = 168100
DISCONNECTED = 168102
QUEUE_TIMEOUT = 168103

_TEXTS = {
    WAITING: "in queue",
    CONNECTED: "call connected",
    DISCONNECTED: "call disconnected",
    QUEUE_TIMEOUT: "queue timeout",
}


@define
class _Line:
    """What a visitor has: calls that occupy an agent each, calls that wait, and the events not yet told."""

    occupied: int = 0
    waiting: deque[float] = field(factory=deque)
    events: deque[int] = field(factory=deque)


class Dialled:
    """Which visitors' calls occupy agents, and which wait for one."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world = world
        self._clock = clock
        self._lines: dict[str, _Line] = {}

    @property
    def occupied(self) -> int:
        """How many agents are occupied."""
        return sum(line.occupied for line in self._lines.values())

    def visitors(self) -> list[str]:
        """List the visitors whose calls occupy an agent or wait for one."""
        return [user for user, line in self._lines.items() if line.occupied or line.waiting]

    def create(self, user: str) -> None:
        """Begin a call: with an agent who is free, else in the queue."""
        line = self._lines.setdefault(user, _Line())
        if self.occupied < self.world.dial_agents:
            self._connect(line)
        else:
            line.waiting.append(self._clock.now())
            line.events.append(WAITING)

    def drop(self, user: str) -> bool:
        """End all of a visitor's calls; tells whether there were any."""
        line = self._lines.get(user)
        if line is None or not (line.occupied or line.waiting):
            return False
        line.occupied = 0
        line.waiting.clear()
        line.events.append(DISCONNECTED)
        self._serve_queue()
        return True

    def next_event(self, user: str) -> dict[str, Any]:
        """Take the next event of a visitor's calls as an answer has it; without one only a text."""
        self._give_up_waiting()
        line = self._lines.get(user)
        if line is None or not line.events:
            return {"resultDesc": "polled without events"}
        event = line.events.popleft()
        content = {"causeId": 0, "causeDesc": _TEXTS[event]}
        if event == CONNECTED:
            content |= {"domain": "cc.example", "gwAddresses": ["10.137.203.215:5063"], "accessCode": "179080024609291"}
            content["clickToCallCaller"] = user
        return {"resultDesc": _TEXTS[event], "eventId": event, "content": content}

    def _connect(self, line: _Line) -> None:
        line.occupied += 1
        line.events.append(CONNECTED)

    def _serve_queue(self) -> None:
        waiting = sorted((line.waiting[0], user) for user, line in self._lines.items() if line.waiting)
        for _, user in waiting[: max(0, self.world.dial_agents - self.occupied)]:
            line = self._lines[user]
            line.waiting.popleft()
            self._connect(line)

    def _give_up_waiting(self) -> None:
        until = self._clock.now() - self.world.dial_queue_time
        for line in self._lines.values():
            while line.waiting and line.waiting[0] < until:
                line.waiting.popleft()
                line.events.append(QUEUE_TIMEOUT)
