"""The agents whom a client knows: one GUID for each, which all who call as this agent share."""

from __future__ import annotations

from aiocc.auth.agent_guid import AgentGuid, Cookies
from aiocc.environment import AgentSettings
from aiocc.errors import ConfigurationError
from aiocc.secret import Secret


class Agents:
    """The GUIDs that are known.

    Attributes:
        own: The agent of the environment.
    """

    def __init__(self) -> None:
        self.own: AgentSettings = AgentSettings()
        self._guids: dict[int, AgentGuid] = {}

    def why_not(self, agent_id: int | None, name: str) -> str:
        """Say why the environment cannot give the agent's id, password or phone."""
        variable = f"AIOCC_AGENT_{name.removeprefix('agent_').upper()}"
        if getattr(self.own, name) is None:
            return f"{variable} is not set"
        return f"{variable} is agent {self.own.agent_id}'s (AIOCC_AGENT_ID), not agent {agent_id}'s"

    def guid(self, agent_id: int, given: str | Secret | None = None, cookies: Cookies | None = None) -> AgentGuid:
        """Give where an agent's GUID is kept; one that is given now, and cookies, replace what was known.

        Raises:
            ConfigurationError: None is known.
        """
        if given is None and agent_id == self.own.agent_id and agent_id not in self._guids:
            given = self.own.guid
        known = self._guids.get(agent_id)
        if known is None:
            if given is None:
                raise ConfigurationError(
                    f"no GUID of agent {agent_id} is known: give client.agent({agent_id}, guid=...), "
                    "or set AIOCC_AGENT_ID and AIOCC_AGENT_GUID"
                )
            known = self._guids[agent_id] = AgentGuid(given, cookies=cookies or ())
        elif given is not None or cookies is not None:
            known.learn(given if given is not None else known.current, cookies=cookies)
        return known

    def forget(self, agent_id: int) -> None:
        """The agent's session has ended."""
        self._guids.pop(agent_id, None)
