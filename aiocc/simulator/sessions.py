"""CC-Gateway: how an agent's session begins, is polled, and ends."""

import re
from collections.abc import Callable
from secrets import token_hex
from typing import Any

from aiocc.simulator.answers import Answer, Refused, json_answer
from aiocc.simulator.arrival import Arrival
from aiocc.simulator.centre import Centre
from aiocc.simulator.gateway import AGENT, ROOT, SEND_NOTE, admit, agent_number, announcement, envelope, for_agents
from aiocc.simulator.operation import Operation

__all__ = ["OPERATIONS"]

OPTIONAL: dict[str, type] = {
    "autoanswer": bool,
    "autoenteridle": bool,
    "releasephone": bool,
    "agenttype": int,
    "status": int,
    "ip": str,
    "entryIp": str,
    "phonelinkage": bool,
    "checkInWebm": bool,
    "checkInMailm": bool,
    "vcPhoneNumber": str,
    "listenStatus": bool,
}
STICKY = "JSESSIONID"


def _sign_in(*, force: bool) -> Callable[[Centre, Arrival], Answer]:
    def handle(centre: Centre, arrival: Arrival) -> Answer:
        arrival.require_json(charset=True)
        agent_id = agent_number(centre, arrival)
        body = arrival.json_object() or {}
        code = _fault(centre, body)
        if code is None and not force and centre.agents.signed_in(agent_id):
            code = "100-002"
        if code is not None:
            return envelope(code, None, 200)
        session = centre.agents.begin(agent_id)
        ready = body.get("autoenteridle", True)
        centre.agents.tell(agent_id, "AgentState_Ready" if ready else "AgentState_Busy")
        headers = (
            ("Set-GUID", f"JSESSIONID={session.guid}"),
            ("Set-Cookie", f"{STICKY}={token_hex(12)}; Path=/agentgateway; HttpOnly"),
        )
        result = {
            "vdnid": 1,
            "workno": str(agent_id),
            "mediatype": "TTF",
            "loginTime": str(round(centre.clock.now() * 1000)),
            "isForceChange": "false",
            "serverName": "AgentGateway",
            "timeRemaining": "9",
        }
        content = {"message": "", "retcode": "0", "result": result}
        return json_answer(content, code="0", accepted=True).with_headers(headers)

    return handle


def _fault(centre: Centre, body: dict[str, Any]) -> str | None:
    """Give the code of what is wrong with a sign-in's body."""
    password, phone = body.get("password"), body.get("phonenum")
    if not isinstance(password, str) or not 1 <= len(password) <= 32:
        return "100-001"
    if not isinstance(phone, str) or not 1 <= len(phone) <= 24:
        return "100-001"
    for name, kind in OPTIONAL.items():
        if name in body and type(body[name]) is not kind:
            return "100-011"
    if password != centre.world.agent_password:
        return "100-004"
    if not re.fullmatch(centre.world.phones, phone):
        return "100-014"
    return None


def _sign_out(centre: Centre, agent_id: int, arrival: Arrival) -> Answer:
    centre.agents.sign_out(agent_id)
    return json_answer({"message": "", "retcode": "0", "result": None}, code="0", accepted=True)


def _poll(centre: Centre, arrival: Arrival) -> Answer:
    agent_id, session = admit(centre, arrival)
    if centre.agents.due(session):
        centre.agents.rotate(agent_id, announce=True, grace=centre.world.guid_grace)
    content: dict[str, Any] = {"message": "", "retcode": "0"}
    if session.events:
        content["event"] = session.events.popleft()
    return json_answer(content, code="0", accepted=True).with_headers(announcement(session))


def _held(centre: Centre, arrival: Arrival) -> tuple[object, float] | None:
    """Hold a poll while there is nothing to say to it."""
    try:
        agent_id, session = admit(centre, arrival)
    except Refused:
        return None
    if session.events or session.announce or centre.agents.due(session):
        return None
    return agent_id, centre.world.poll_hold


OPERATIONS = (
    SEND_NOTE,
    Operation("sign_in", "PUT", AGENT, _sign_in(force=False), envelope),
    Operation("force_sign_in", "PUT", f"{AGENT}/forcelogin", _sign_in(force=True), envelope),
    Operation("sign_out", "DELETE", f"{AGENT}/logout", for_agents(_sign_out), envelope),
    Operation("force_sign_out", "DELETE", f"{AGENT}/forcelogout", for_agents(_sign_out), envelope),
    Operation("agent_events", "GET", f"{ROOT}/agentevent/{{agent_id}}", _poll, envelope, _held),
)
