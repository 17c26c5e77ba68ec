"""CC-Messaging web adapter: what a web visitor does, proved by the `ccmessaging-token` cookie."""

from collections.abc import Callable
from secrets import token_hex

from aiocc.simulator.answers import Answer, HeaderPairs, Refused, json_answer, text_answer
from aiocc.simulator.arrival import Arrival, text_within
from aiocc.simulator.centre import Centre
from aiocc.simulator.ledger import ClickToDialCall, LeftMessage
from aiocc.simulator.operation import Operation
from aiocc.simulator.visitors import Visitor

__all__ = ["OPERATIONS"]

ROOT = "/service-cloud/rest/webadapter/v1/webadapterfacade"
PARAMETER_ERROR = "3"
FAILED = "13"
STICKY = "JSESSIONID"
"""The cookie by which a load balancer would find the node that has the call."""
UNLIMITED = 1 << 20  # no page limits these texts; the body's own limit does

DIAL_TEXTS = {
    "7": "The channel does not support click-to-dial.",
    "12": "Not in working hours.",
    "13": "connect failed",
}


def _admit(centre: Centre, arrival: Arrival) -> tuple[Visitor, HeaderPairs]:
    arrival.require_json(charset=True)
    token = arrival.cookie("ccmessaging-token")
    visitor = None if token is None else centre.visitors.find(token)
    if visitor is None:
        raise Refused(text_answer(401, "no cookie ccmessaging-token with a known value"))
    if not centre.visitors.expired(visitor):
        return visitor, ()
    if not centre.world.renew_visitor_tokens:
        raise Refused(text_answer(401, "the visitor's token is expired"))
    renewed = centre.visitors.admit(
        visitor.user_id, centre.visitors.compose(visitor.user_id), centre.world.visitor_lifetime
    )
    return renewed, (("ccmessaging-token", renewed.token),)


def _for_visitors(
    act: Callable[[Centre, Visitor, Arrival], Answer],
) -> Callable[[Centre, Arrival], Answer]:
    def handle(centre: Centre, arrival: Arrival) -> Answer:
        visitor, headers = _admit(centre, arrival)
        return act(centre, visitor, arrival).with_headers(headers)

    return handle


def _message_envelope(code: str, description: str | None, status: int, beside: str = "0") -> Answer:
    # "3" is a returnCode; any other failure is a resultCode, as on the twin of this operation in API Fabric.
    if code == PARAMETER_ERROR:
        content = {
            "returnCode": code,
            "resultCode": beside,
            "description": description or "the leaveMessageParams is error.",
            "resultDesc": "",
        }
    else:
        content = {
            "returnCode": "0",
            "resultCode": code,
            "description": "",
            "resultDesc": description or "Save leaveMessage failed!",
        }
    return json_answer(content, status=status, code=code, reason=content["description"] or content["resultDesc"])


def _dial_envelope(code: str, description: str | None, status: int) -> Answer:
    text = description or DIAL_TEXTS.get(code, "connect failed")
    return json_answer({"resultCode": code, "resultDesc": text}, status=status, code=code, reason=text)


def _leave_message(centre: Centre, visitor: Visitor, arrival: Arrival) -> Answer:
    if not centre.world.channel_configured:
        return _message_envelope(FAILED, None, 200)
    body = arrival.json_object() or {}
    phone_no, content = body.get("phoneNo"), body.get("leaveMessage")
    if not text_within(phone_no, 1, UNLIMITED) or not text_within(content, 1, UNLIMITED):
        return _message_envelope(PARAMETER_ERROR, None, 200, centre.world.parameter_error_result_code)
    centre.ledger.add(LeftMessage(visitor.user_id, str(phone_no), str(content)))
    return json_answer(
        {"returnCode": "0", "resultCode": "0", "description": "", "resultDesc": "Save leaveMessage success!"},
        code="0",
        accepted=True,
    )


def _click_to_dial(centre: Centre, visitor: Visitor, arrival: Arrival) -> Answer:
    if not centre.world.channel_configured:
        return _dial_envelope("7", None, 200)
    media = (arrival.json_object() or {}).get("mediaAbility")
    if media not in ("0", "1"):
        return _dial_envelope(FAILED, None, 200)
    centre.ledger.add(ClickToDialCall(visitor.user_id, media))
    centre.dialled.create(visitor.user_id)
    answer = json_answer({"resultCode": "0", "resultDesc": "connect successfully."}, code="0", accepted=True)
    return answer.with_headers((("Set-Cookie", f"{STICKY}={token_hex(8)}; Path=/; HttpOnly"),))


def _dial_events(centre: Centre, visitor: Visitor, arrival: Arrival) -> Answer:
    content = {"resultCode": "0", **centre.dialled.next_event(visitor.user_id)}
    return json_answer(content, code="0", accepted=True)


def _drop(centre: Centre, visitor: Visitor, arrival: Arrival) -> Answer:
    dropped = centre.dialled.drop(visitor.user_id)
    text = "disconnect successfully."
    return json_answer(
        {"resultCode": "0", "resultDesc": text}, code="0", reason="" if dropped else "no call", accepted=True
    )


OPERATIONS = (
    Operation("leave_message", "POST", f"{ROOT}/doLeaveMessage", _for_visitors(_leave_message), _message_envelope),
    Operation("click_to_dial", "POST", f"{ROOT}/createClickToCall", _for_visitors(_click_to_dial), _dial_envelope),
    Operation("dial_events", "GET", f"{ROOT}/getClickToCallEvents", _for_visitors(_dial_events), _dial_envelope),
    Operation("drop_dial", "POST", f"{ROOT}/dropClickToCall", _for_visitors(_drop), _dial_envelope),
)
