"""API Fabric: tokens, and what an app does with one."""

import hmac
import re
from secrets import token_hex
from typing import Any

from aiocc.simulator.answers import Answer, Refused, json_answer
from aiocc.simulator.arrival import Arrival, text_within
from aiocc.simulator.centre import Centre
from aiocc.simulator.ledger import PlacedCall
from aiocc.simulator.operation import Operation

__all__ = ["OPERATIONS"]

LONGEST_TOKEN = 3600
BAD_TOKEN = "auth fail! illegal or expired token info."
BAD_KEY = "auth fail! illegal app_key or app_secret."
BAD_PARAMETER = "30010000003"

CALL_TEXTS = {
    "30010000001": "This feature is not enabled and cannot be used",
    "30010000002": "No SIP server information is found",
    "30010000003": "Input parameter verification failed",
    "30010009999": "Chat other exception",
    "30010010001": "Failed to add the outbound call task",
    "30010010002": "The VDN is unavailable",
    "30010010003": "The VDN configuration is incorrect, and the record path fails to be generated",
    "30010019999": "CCM other exception",
    "30011010001": "Failed to create a call without waiting for the call setup success event",
    "30011019999": "CCUCS other exception",
}


def _fault(code: str, description: str | None, status: int) -> Answer:
    text = description or BAD_TOKEN
    return json_answer({"errorCode": code, "exceptionInfo": text}, status=status, code=code, reason=text)


def _refusal(status: int, text: str) -> Refused:
    return Refused(_fault("0", text, status))


def _same(claimed: object, right: str) -> bool:
    return isinstance(claimed, str) and hmac.compare_digest(claimed.encode("utf-8", "replace"), right.encode())


def _required_object(arrival: Arrival) -> dict[str, Any]:
    body = arrival.json_object()
    if body is None:
        raise _refusal(400, "the body is not a JSON object")
    return body


def _admit(centre: Centre, arrival: Arrival) -> None:
    arrival.require_json(charset=False)
    if not _same(arrival.header("x-app-key"), centre.world.app_key):
        raise _refusal(403, "auth fail! illegal X-APP-Key.")
    scheme, _, token = (arrival.header("authorization") or "").partition(" ")
    if scheme != "Bearer" or not centre.bearer.good(token):
        raise _refusal(centre.world.expired_token_status, BAD_TOKEN)


def _lifetime(centre: Centre, arrival: Arrival) -> int:
    values = arrival.header_values("x-token-expire")
    if not values:
        return centre.world.token_lifetime
    if len(values) > 1 or not re.fullmatch(r"[0-9]{1,4}", values[0], re.ASCII):
        raise _refusal(400, "X-Token-Expire is not a number of seconds")
    if not 1 <= int(values[0]) <= LONGEST_TOKEN:
        raise _refusal(400, "X-Token-Expire is not between 1 and 3600")
    return int(values[0])


def _token(centre: Centre, arrival: Arrival) -> Answer:
    arrival.require_json(charset=False)
    body = _required_object(arrival)
    lifetime = _lifetime(centre, arrival)
    world = centre.world
    if not _same(body.get("app_key"), world.app_key) or not _same(body.get("app_secret"), world.app_secret):
        raise _refusal(403, BAD_KEY)
    content = {
        "AccessToken": centre.bearer.issue(lifetime),
        "ApplyType": "Bearer",
        "CreateTime": str(int(centre.clock.now())),
        "Expires": str(lifetime),
        "Scope": token_hex(16),
        "AppKey": world.app_key,
        "UserID": "Anonymous",
    }
    return json_answer(content, accepted=True)


def _apply_envelope(code: str, description: str | None, status: int) -> Answer:
    text = description or "apply token failed"
    return json_answer({"resultCode": code, "resultDesc": text}, status=status, code=code, reason=text)


def _apply_token(centre: Centre, arrival: Arrival) -> Answer:
    _admit(centre, arrival)
    body = _required_object(arrival)
    user_id = body.get("userId")
    if not text_within(user_id, 1, 32):
        return _apply_envelope("1", "userId is not a text of 1 to 32 characters", 200)
    for name in ("userName", "channelId", "locale"):
        if not text_within(body.get(name), 1, 1024):
            return _apply_envelope("1", f"{name} is missing", 200)
    visitors = centre.visitors
    visitor = visitors.admit(str(user_id), visitors.compose(str(user_id)), centre.world.visitor_lifetime)
    return json_answer({"resultCode": "0", "token": visitor.token}, code="0", accepted=True)


def _call_envelope(code: str, description: str | None, status: int) -> Answer:
    text = description or CALL_TEXTS.get(code, "failure")
    content = {"resultCode": code, "resultDesc": text, "resultData": None}
    return json_answer(content, status=status, code=code, reason=text, gzip=True)


def _create_call(centre: Centre, arrival: Arrival) -> Answer:
    _admit(centre, arrival)
    body = _required_object(arrival)
    valid = text_within(body.get("called"), 1, 32)
    for name, most in (("callerPresent", 32), ("callData", 1024)):
        valid = valid and (name not in body or text_within(body[name], 0, most))
    if not valid:
        return _call_envelope(BAD_PARAMETER, None, 200)
    call = PlacedCall(body["called"], body.get("callerPresent"), body.get("callData"), token_hex(16))
    data = {
        "sipServiceAddress": centre.world.sip_service_address,
        "accesscode": f"1790800{centre.ledger.calls_placed:08d}",
    }
    if centre.world.send_call_serial_no:
        data["callSerialNo"] = call.call_serial_no
    centre.ledger.add(call)
    content = {"resultCode": "0", "resultDesc": "Success", "resultData": data}
    return json_answer(content, code="0", accepted=True, gzip=True)


OPERATIONS = (
    Operation("token", "POST", "/apigovernance/api/oauth/tokenByAkSk", _token, _fault),
    Operation("apply_token", "POST", "/apiaccess/ccmessaging/applyToken", _apply_token, _apply_envelope),
    Operation(
        "create_call",
        "POST",
        "/apiaccess/ccmessaging/v1/mobileagent/createcall",
        _create_call,
        _call_envelope,
    ),
)
