"""Poll the events of a signed-in agent at CC-Gateway; a session of `client.sign_in(...)` does it by itself.

https://support.huaweicloud.com/api-ccfs-cec/cec_07_1274.html: the gateway holds a poll up to 10 s, and answers with one
event or none; the next poll follows after 200 to 500 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from attrs import field, frozen

from aiocc.endpoints.gateway_codes import GATEWAY_CODES
from aiocc.endpoints.generic import AGENT_PREFIX
from aiocc.endpoints.send_note import MAX_AGENT_ID, MIN_AGENT_ID
from aiocc.protocol.checks import number
from aiocc.protocol.envelope import GATEWAY
from aiocc.protocol.model import Model
from aiocc.protocol.operation import Effect, Lane, Operation, Request

NOTE: Final = "AgentOther_Note"

READ: Final = 20.0
"""Seconds that an answer may take: the gateway holds a poll for 10, an operator may raise that."""


@frozen(kw_only=True)
class AgentEvent(Model):
    """Something happened to a signed-in agent.

    Attributes:
        type: The gateway's word, `AgentState_Ready`.
        work_no: The agent it is for, as text; None where the gateway did not say.
        generated_at: When the gateway made it, in UTC; older gateways do not say.
        content: What came with it, as it came.
    """

    type: str
    work_no: str | None = None
    generated_at: datetime | None = None
    content: Any = field(default=None, repr=False)


@frozen(kw_only=True)
class NoteReceived(AgentEvent):
    """A note came in. The page says that its text does not come with it; the vendor's demo reads it all the same.

    Attributes:
        sender: The agent who sent it, as text; None where the gateway did not say.
        sender_name: Of that agent.
        text: Of the note.
        received: When, as the gateway wrote it.
    """

    sender: str | None = None
    sender_name: str | None = None
    text: str | None = field(default=None, repr=False)
    received: str | None = None


@frozen(kw_only=True)
class UnknownEvent(AgentEvent):
    """An event that this version has no class for."""


def agent_event(data: Mapping[str, Any]) -> AgentEvent | None:
    """Read the event of a poll's answer; None where there is none."""
    event = data.get("event")
    if not isinstance(event, Mapping):
        return None
    kind = _text(event.get("eventType")) or ""
    facts: dict[str, Any] = {
        "type": kind,
        "work_no": _text(event.get("workNo")),
        "generated_at": _moment(event.get("eventGenTime")),
        "content": event.get("content"),
    }
    if kind != NOTE:
        return UnknownEvent(**facts)
    content = facts["content"] if isinstance(facts["content"], Mapping) else {}
    return NoteReceived(
        **facts,
        sender=_text(content.get("sender")),
        sender_name=_text(content.get("sendername")),
        text=_text(content.get("context")),
        received=_text(content.get("timestring")) or _text(content.get("receivetime")),
    )


@frozen(kw_only=True)
class PollAgentEvents(Request[AgentEvent | None]):
    """Ask for an agent's next event. One poller for each agent: an event is taken once.

    Attributes:
        agent_id: 101 to 999999.
    """

    agent_id: int = field(validator=number(MIN_AGENT_ID, MAX_AGENT_ID))

    operation: ClassVar[Operation[AgentEvent | None]] = Operation(
        name="agent_events",
        log_name="agentevent",
        service="gateway",
        method="GET",
        path=AGENT_PREFIX + "agentevent/{agent_id}",
        envelope=GATEWAY,
        structure=agent_event,
        effect=Effect.READ,
        codes=GATEWAY_CODES,
        page="https://support.huaweicloud.com/api-ccfs-cec/cec_07_1274.html",
        lane=Lane.POLL,
        read=READ,
    )

    def path_params(self) -> Mapping[str, str]:
        """Give the values for the path's placeholders."""
        return {"agent_id": str(self.agent_id)}


def _text(value: object) -> str | None:
    return None if value is None or isinstance(value, Mapping | list) else str(value)


def _moment(value: object) -> datetime | None:
    text = _text(value)
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 15):
        return None
    return datetime.fromtimestamp(int(text) / 1000, UTC)
