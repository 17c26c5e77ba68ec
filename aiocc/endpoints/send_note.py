"""Send a note from one agent to others, at CC-Gateway.

https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_1205.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import attrs
from attrs import field, frozen

from aiocc.call.line import Caller
from aiocc.endpoints.gateway_codes import GATEWAY_CODES
from aiocc.protocol.checks import kind, number, refuse, utf8_text
from aiocc.protocol.codec import structure
from aiocc.protocol.envelope import GATEWAY
from aiocc.protocol.model import Model
from aiocc.protocol.operation import Effect, Operation, Request
from aiocc.secret import concealing, length_of

MIN_AGENT_ID = 101
MAX_AGENT_ID = 999999
"""The oldest page says 59999, the newer ones this."""

MAX_RECEIVERS = 100
MAX_NOTE_BYTES = 1023

_INT = {int}
_RECEIVERS = f"1 to {MAX_RECEIVERS} agent ids, each a whole number from {MIN_AGENT_ID} to {MAX_AGENT_ID}"


@frozen
class NoteReceipt(Model):
    """The gateway took the note. A receiver who is signed in gets an event for it."""


def _receivers(value: Iterable[int]) -> tuple[int, ...]:
    given: Any = value  # what is no iterable of numbers is left to the check
    if isinstance(given, list):
        return tuple(given)
    return tuple(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes) else given


def check_receivers(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    """Check 1 to 100 agents, each a whole number in range, none twice."""
    if not isinstance(value, tuple):
        refuse(attribute.name, _RECEIVERS, kind(value))
    if not 1 <= len(value) <= MAX_RECEIVERS:
        refuse(attribute.name, _RECEIVERS, f"{len(value)} of them")
    if set(map(type, value)) != _INT or min(value) < MIN_AGENT_ID or max(value) > MAX_AGENT_ID:
        wrong = next(one for one in value if type(one) is not int or not MIN_AGENT_ID <= one <= MAX_AGENT_ID)
        refuse(attribute.name, _RECEIVERS, f"one that is {kind(wrong)}")
    if len(set(value)) != len(value):
        twice = next(agent_id for agent_id in value if value.count(agent_id) > 1)
        refuse(attribute.name, "agent ids that differ", f"{twice} twice")


@concealing
@frozen
class SendNote(Request[NoteReceipt]):
    """Send a note from one agent to others.

    Attributes:
        to: 1 to 100 agents, none twice.
        content: 0 to 1023 bytes of UTF-8.
        agent_id: The sender, 101 to 999999; None for the agent that sends it.
    """

    to: tuple[int, ...] = field(converter=_receivers, validator=check_receivers)
    content: str = field(validator=utf8_text(MAX_NOTE_BYTES), repr=length_of)
    agent_id: int | None = field(
        default=None, kw_only=True, validator=number(MIN_AGENT_ID, MAX_AGENT_ID, optional=True)
    )

    operation: ClassVar[Operation[NoteReceipt]] = Operation(
        name="send_note",
        log_name="sendNoteletEx",
        service="gateway",
        method="POST",
        path="/agentgateway/resource/onlineagent/{agent_id}/sendnoteletex",
        envelope=GATEWAY,
        structure=structure(NoteReceipt),
        effect=Effect.MESSAGE,
        codes=GATEWAY_CODES,
        page="https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_1205.html",
    )

    def path_params(self) -> Mapping[str, str]:
        """Give the sender."""
        return {"agent_id": str(self.agent_id)}

    def payload(self) -> Mapping[str, Any]:
        """Give the JSON object of the body: the receivers as the page's example has them, an array of numbers."""
        return {"agentIds": self.to, "content": self.content}


def sent_by(request: SendNote, agent_id: int) -> SendNote:
    """Give a copy with a sender; without the checks, which both have passed."""
    own = object.__new__(SendNote)
    object.__setattr__(own, "to", request.to)
    object.__setattr__(own, "content", request.content)
    object.__setattr__(own, "agent_id", agent_id)
    return own


async def send_note(self: Caller, to: Iterable[int], content: str) -> NoteReceipt:
    """Send a note from this agent, who must be signed in, to other agents.

    Args:
        to: 1 to 100 agents, each 101 to 999999, none twice.
        content: 0 to 1023 bytes of UTF-8.

    Returns:
        A receipt: the gateway took the note.

    Raises:
        InvalidRequestError: An argument is outside its limit; nothing was sent.
        NotSentError: Nothing left; repeating is safe.
        AgentSignedOutError: The agent is not signed in, or its GUID is an old one (000-003, 100-006).
        RejectedError: The gateway refused it, 100-001 for a wrong parameter.
        DeliveryUnknownError: The note may have arrived, also after 100-007; it is not repeated by itself.

    See https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_1205.html
    """
    try:
        request = SendNote(to, content)
    finally:
        del content  # a person's, and this frame stands in the traceback of any error
    return (await self.send(request)).unwrap()
