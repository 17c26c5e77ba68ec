"""Who is signed in at the gateway, under which GUID, and what each of them is to be told."""

import hmac
from collections import deque
from typing import Any

from attrs import define, field

from aiocc.simulator.bell import Bell
from aiocc.simulator.clock import Clock
from aiocc.simulator.world import World, new_guid

__all__ = ["MOST_EVENTS", "Agents", "Session"]

MOST_EVENTS = 10_000
"""Events that are kept for an agent who does not ask for them; the oldest go first."""


@define
class Session:
    """An agent's signed-in time: the GUID that counts now, and the one before it while its grace lasts.

    `polled`: it began with a sign-in request, so that it ends without polls, its GUID changes, and it gets events.
    """

    guid: str
    former: str | None = None
    former_until: float = 0.0
    announce: bool = False
    """The next answer to this agent has to carry the GUID."""
    polled: bool = False
    guid_since: float = 0.0
    seen_at: float = 0.0
    events: deque[dict[str, Any]] = field(factory=lambda: deque(maxlen=MOST_EVENTS))


class Agents:
    """The agents' sessions; those of agents signed in from the beginning are made when first asked for."""

    def __init__(self, world: World, clock: Clock, bell: Bell) -> None:
        self.world = world
        self._clock = clock
        self._bell = bell
        self._sessions = {world.agent_id: Session(world.agent_guid)}
        self._signed_out: set[int] = set()

    def session(self, agent_id: int) -> Session | None:
        """Give the agent's session, or None when the agent is not signed in; one that fell silent has ended."""
        session = self._sessions.get(agent_id)
        if session is not None and session.polled and self._clock.now() - session.seen_at > self.world.agent_silence:
            self.sign_out(agent_id)
            return None
        if session is None and agent_id in self.world.signed_in and agent_id not in self._signed_out:
            session = self._sessions[agent_id] = Session(new_guid())
        return session

    def signed_in(self, agent_id: int) -> bool:
        """Tell whether the agent is signed in."""
        return self.session(agent_id) is not None

    def everyone(self) -> list[int]:
        """List all who are signed in, in order."""
        return sorted({*self._sessions, *self.world.signed_in} - self._signed_out)

    def polled(self) -> list[int]:
        """List those whose session began with a sign-in request and has not ended, in order."""
        begun = [agent_id for agent_id, session in self._sessions.items() if session.polled]
        return sorted(agent_id for agent_id in begun if self.session(agent_id) is not None)

    def sign_in(self, agent_id: int) -> Session:
        """Sign the agent in; one who is signed in keeps the session there is."""
        if agent_id not in self.world.agents:
            raise ValueError(f"no agent {agent_id} exists in this world")
        session = self.session(agent_id)
        if session is None:
            session = self._sessions[agent_id] = Session(new_guid())
            self._signed_out.discard(agent_id)
        return session

    def begin(self, agent_id: int) -> Session:
        """Begin a session as a sign-in request does, in place of any there is."""
        now = self._clock.now()
        session = self._sessions[agent_id] = Session(new_guid(), polled=True, guid_since=now, seen_at=now)
        self._signed_out.discard(agent_id)
        self._bell.ring(agent_id)  # whoever polls for the session that ended is told so
        return session

    def sign_out(self, agent_id: int) -> None:
        """End the agent's session, if there is one."""
        self._sessions.pop(agent_id, None)
        self._signed_out.add(agent_id)
        self._bell.ring(agent_id)

    def tell(self, agent_id: int, kind: str, content: Any = None) -> None:
        """Put an event before an agent whose session is polled."""
        session = self.session(agent_id)
        if session is not None and session.polled:
            now = round(self._clock.now() * 1000)
            session.events.append({"eventType": kind, "workNo": str(agent_id), "content": content, "eventGenTime": now})
            self._bell.ring(agent_id)

    def due(self, session: Session) -> bool:
        """Tell whether a session's GUID has had its time."""
        interval = self.world.guid_interval
        return session.polled and interval is not None and self._clock.now() - session.guid_since >= interval

    def rotate(self, agent_id: int, *, announce: bool, grace: float) -> str:
        """Give the agent a new GUID; the old one is good for `grace` seconds more."""
        session = self.session(agent_id)
        if session is None:
            raise ValueError(f"agent {agent_id} is not signed in")
        session.former = session.guid
        session.former_until = self._clock.now() + grace
        session.guid_since = self._clock.now()
        session.guid = new_guid()
        session.announce = announce
        return session.guid

    def owner(self, agent_id: int, guid: str) -> Session | None:
        """Give the agent's session if the GUID is good for it; the agent has been heard of then."""
        session = self.session(agent_id)
        if session is None:
            return None
        presented = guid.encode()
        good = hmac.compare_digest(session.guid.encode(), presented)
        if session.former is not None and self._clock.now() < session.former_until:
            good |= hmac.compare_digest(session.former.encode(), presented)
        if not good:
            return None
        session.seen_at = self._clock.now()
        return session
