"""CC-Gateway: what a signed-in agent does, proved by the `Guid` header."""

import re
from collections.abc import Callable
from time import gmtime, strftime
from typing import TypeGuard

from aiocc.simulator.agents import Session
from aiocc.simulator.answers import Answer, HeaderPairs, Refused, json_answer
from aiocc.simulator.arrival import Arrival, utf8_length
from aiocc.simulator.centre import Centre
from aiocc.simulator.ledger import DeliveredNote
from aiocc.simulator.operation import Operation

__all__ = ["AGENT", "ROOT", "SEND_NOTE", "admit", "agent_number", "announcement", "envelope", "for_agents", "refusal"]

ROOT = "/agentgateway/resource"
AGENT = ROOT + "/onlineagent/{agent_id}"
MOST_RECEIVERS = 100
MOST_BYTES = 1023

TEXTS = {
    "000-000": "Unknown error.",
    "000-002": "Invalid URL, parameter or address.",
    "000-003": "No permission, or the authentication is no longer valid.",
    "000-004": "The agent is being switched over.",
    "000-005": "This cannot be done to oneself.",
    "000-006": "Error in message parameters.",
    "000-007": "Repeated call.",
    "100-001": "The parameter is empty or invalid.",
    "100-002": "The agent has already signed in.",
    "100-003": "The resource is unavailable.",
    "100-004": "The agent or the password is wrong.",
    "100-006": "The agent is not signed in.",
    "100-007": "Internal exception of the gateway.",
    "100-008": "The agent has already signed out.",
    "100-011": "Invalid sign-in parameter.",
    "100-014": "The phone number is outside the configured range.",
}


def envelope(code: str, description: str | None, status: int) -> Answer:
    """Make the gateway's own answer for a failure."""
    text = description if description is not None else TEXTS.get(code, "failure")
    return json_answer({"message": text, "retcode": code, "result": {}}, status=status, code=code, reason=text)


def refusal(code: str) -> Refused:
    """End a request with a failure code."""
    return Refused(envelope(code, None, 200))


def agent_number(centre: Centre, arrival: Arrival) -> int:
    """Read the agent in the path, or refuse."""
    text = arrival.params["agent_id"]
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text, re.ASCII) or int(text) not in centre.world.agents:
        raise refusal("000-002")
    return int(text)


def admit(centre: Centre, arrival: Arrival) -> tuple[int, Session]:
    """Give the agent and the session that a request's GUID is good for, or refuse."""
    arrival.require_json(charset=True)
    guid = arrival.header("guid")
    if guid is None:
        raise refusal("000-003")
    agent_id = agent_number(centre, arrival)
    session = centre.agents.owner(agent_id, guid)
    if session is None:
        raise refusal("100-006")
    return agent_id, session


def announcement(session: Session) -> HeaderPairs:
    """Bring a new GUID, once."""
    if not session.announce:
        return ()
    session.announce = False
    return (("Set-GUID", f"JSESSIONID={session.guid}"),)


def for_agents(act: Callable[[Centre, int, Arrival], Answer]) -> Callable[[Centre, Arrival], Answer]:
    """Make the handler of an operation that a signed-in agent does."""

    def handle(centre: Centre, arrival: Arrival) -> Answer:
        agent_id, session = admit(centre, arrival)
        return act(centre, agent_id, arrival).with_headers(announcement(session))

    return handle


def _send_note(centre: Centre, agent_id: int, arrival: Arrival) -> Answer:
    body = arrival.json_object() or {}
    receivers, content = body.get("agentIds"), body.get("content")
    if not _are_receivers(receivers, centre.world.agents) or not isinstance(content, str):
        return envelope("100-001", None, 200)
    length = utf8_length(content)
    if length is None or length > MOST_BYTES:
        return envelope("100-001", None, 200)
    centre.ledger.add(
        *(
            DeliveredNote(agent_id, receiver, content, delivered=centre.agents.signed_in(receiver))
            for receiver in receivers
        )
    )
    for receiver in receivers:
        centre.agents.tell(receiver, "AgentOther_Note", _note_content(centre, agent_id, content))
    return json_answer({"result": None, "message": "success", "retcode": "0"}, code="0", accepted=True)


def _note_content(centre: Centre, sender: int, content: str) -> dict[str, str] | None:
    """Give what the vendor's demo reads in the event of a note; the page says that nothing comes with it."""
    if not centre.world.note_content:
        return None
    now = centre.clock.now()
    moment = strftime("%Y-%m-%d %H:%M:%S", gmtime(now))
    return {
        "sender": str(sender),
        "sendername": f"agent {sender}",
        "receivetime": str(round(now * 1000)),
        "timestring": moment,
        "context": content,
    }


def _are_receivers(value: object, agents: range) -> TypeGuard[list[int]]:
    # True and False are 1 and 0 to Python, which are no agents.
    return (
        isinstance(value, list)
        and 1 <= len(value) <= MOST_RECEIVERS
        and all(isinstance(receiver, int) and receiver in agents for receiver in value)
    )


SEND_NOTE = Operation("send_note", "POST", AGENT + "/sendnoteletex", for_agents(_send_note), envelope)
