"""Who is signed in at the gateway, and under which GUID."""

import hmac

from attrs import define

from aiocc.simulator.clock import Clock
from aiocc.simulator.world import World, new_guid

__all__ = ["Agents", "Session"]


@define
class Session:
    """An agent's signed-in time: the GUID that counts now, and the one before it while its grace lasts."""

    guid: str
    former: str | None = None
    former_until: float = 0.0
    announce: bool = False
    """The next answer to this agent has to carry the GUID."""


class Agents:
    """The agents' sessions; those of agents signed in from the beginning are made when first asked for."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world = world
        self._clock = clock
        self._sessions = {world.agent_id: Session(world.agent_guid)}
        self._signed_out: set[int] = set()

    def session(self, agent_id: int) -> Session | None:
        """Give the agent's session, or None when the agent is not signed in."""
        session = self._sessions.get(agent_id)
        if session is None and agent_id in self.world.signed_in and agent_id not in self._signed_out:
            session = self._sessions[agent_id] = Session(new_guid())
        return session

    def signed_in(self, agent_id: int) -> bool:
        """Tell whether the agent is signed in."""
        return self.session(agent_id) is not None

    def everyone(self) -> list[int]:
        """List all who are signed in, in order."""
        return sorted({*self._sessions, *self.world.signed_in} - self._signed_out)

    def sign_in(self, agent_id: int) -> Session:
        """Sign the agent in; one who is signed in keeps the session there is."""
        if agent_id not in self.world.agents:
            raise ValueError(f"no agent {agent_id} exists in this world")
        session = self.session(agent_id)
        if session is None:
            session = self._sessions[agent_id] = Session(new_guid())
            self._signed_out.discard(agent_id)
        return session

    def sign_out(self, agent_id: int) -> None:
        """End the agent's session, if there is one."""
        self._sessions.pop(agent_id, None)
        self._signed_out.add(agent_id)

    def rotate(self, agent_id: int, *, announce: bool, grace: float) -> str:
        """Give the agent a new GUID; the old one is good for `grace` seconds more."""
        session = self.session(agent_id)
        if session is None:
            raise ValueError(f"agent {agent_id} is not signed in")
        session.former = session.guid
        session.former_until = self._clock.now() + grace
        session.guid = new_guid()
        session.announce = announce
        return session.guid

    def owner(self, agent_id: int, guid: str) -> Session | None:
        """Give the agent's session if the GUID is good for it."""
        session = self.session(agent_id)
        if session is None:
            return None
        presented = guid.encode()
        good = hmac.compare_digest(session.guid.encode(), presented)
        if session.former is not None and self._clock.now() < session.former_until:
            good |= hmac.compare_digest(session.former.encode(), presented)
        return session if good else None
