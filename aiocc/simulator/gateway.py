"""CC-Gateway: what a signed-in agent does, proved by the `Guid` header."""

import re
from collections.abc import Callable
from typing import TypeGuard

from aiocc.simulator.agents import Session
from aiocc.simulator.answers import Answer, HeaderPairs, Refused, json_answer
from aiocc.simulator.arrival import Arrival, utf8_length
from aiocc.simulator.centre import Centre
from aiocc.simulator.ledger import DeliveredNote
from aiocc.simulator.operation import Operation

__all__ = ["OPERATIONS"]

ROOT = "/agentgateway/resource/onlineagent"
MOST_RECEIVERS = 100
MOST_BYTES = 1023

TEXTS = {
    "000-000": "Unknown error.",
    "000-002": "Invalid URL, parameter or address.",
    "000-003": "No permission, or the authentication is no longer valid.",
    "000-004": "The agent is being switched over.",
    "000-006": "Error in message parameters.",
    "000-007": "Repeated call.",
    "100-001": "The parameter is empty or invalid.",
    "100-003": "The resource is unavailable.",
    "100-006": "The agent is not signed in.",
    "100-007": "Internal exception of the gateway.",
}


def _envelope(code: str, description: str | None, status: int) -> Answer:
    text = description if description is not None else TEXTS.get(code, "failure")
    return json_answer({"message": text, "retcode": code, "result": {}}, status=status, code=code, reason=text)


def _refusal(code: str) -> Refused:
    return Refused(_envelope(code, None, 200))


def _admit(centre: Centre, arrival: Arrival) -> tuple[int, Session]:
    arrival.require_json(charset=True)
    guid = arrival.header("guid")
    if guid is None:
        raise _refusal("000-003")
    text = arrival.params["agent_id"]
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text, re.ASCII) or int(text) not in centre.world.agents:
        raise _refusal("000-002")
    session = centre.agents.owner(int(text), guid)
    if session is None:
        raise _refusal("100-006")
    return int(text), session


def _announcement(session: Session) -> HeaderPairs:
    if not session.announce:
        return ()
    session.announce = False
    return (("Set-GUID", f"JSESSIONID={session.guid}"),)


def _for_agents(act: Callable[[Centre, int, Arrival], Answer]) -> Callable[[Centre, Arrival], Answer]:
    def handle(centre: Centre, arrival: Arrival) -> Answer:
        agent_id, session = _admit(centre, arrival)
        return act(centre, agent_id, arrival).with_headers(_announcement(session))

    return handle


def _send_note(centre: Centre, agent_id: int, arrival: Arrival) -> Answer:
    body = arrival.json_object() or {}
    receivers, content = body.get("agentIds"), body.get("content")
    if not _are_receivers(receivers, centre.world.agents) or not isinstance(content, str):
        return _envelope("100-001", None, 200)
    length = utf8_length(content)
    if length is None or length > MOST_BYTES:
        return _envelope("100-001", None, 200)
    centre.ledger.add(
        *(
            DeliveredNote(agent_id, receiver, content, delivered=centre.agents.signed_in(receiver))
            for receiver in receivers
        )
    )
    return json_answer({"result": None, "message": "success", "retcode": "0"}, code="0", accepted=True)


def _are_receivers(value: object, agents: range) -> TypeGuard[list[int]]:
    # True and False are 1 and 0 to Python, which are no agents.
    return (
        isinstance(value, list)
        and 1 <= len(value) <= MOST_RECEIVERS
        and all(isinstance(receiver, int) and receiver in agents for receiver in value)
    )


OPERATIONS = (Operation("send_note", "POST", ROOT + "/{agent_id}/sendnoteletex", _for_agents(_send_note), _envelope),)
