"""CC-iSales: the result codes of outbound calls, for requests signed by C2."""

import re
from urllib.parse import parse_qsl

from aiocc.simulator.answers import Answer, Refused, json_answer, text_answer
from aiocc.simulator.arrival import Arrival
from aiocc.simulator.c2 import find_fault
from aiocc.simulator.centre import Centre
from aiocc.simulator.operation import Operation

__all__ = ["OPERATIONS"]

PATH = "/rest/isales/v1/openapi/campaigns/{vdn_id}/queryOBSResultCode"
SUCCESS = "0200000"
LOCALES = (None, "zh_CN", "en_US")

FIRST_CODES = (
    ("00605", "The switch is busy."),
    ("00604", "The call is rejected."),
    ("00603", "The called party does not answer the call."),
    ("00602", "No resource available on the ACD."),
    ("00606", "The ACD times out."),
)

TEXTS = {
    "0200001": "The parameter is abnormal.",
    "02000001": "The parameter value is empty.",
    "02000002": "The parameter contains invalid characters.",
    "02000006": "The type of the parameter value is incorrect.",
    "02000007": "The parameter value is out of range.",
    "0200022": "The interface is called too often.",
}


def obs_code(index: int) -> dict[str, str]:
    """Give the result code at a place of the list, counted from 0."""
    code, text = (
        FIRST_CODES[index]
        if index < len(FIRST_CODES)
        else (f"{1000 + index:05d}", f"Outbound call result {1000 + index}.")
    )
    return {"obsCodeDesc": text, "obsCode": code}


def _envelope(code: str, description: str | None, status: int) -> Answer:
    text = description or TEXTS.get(code, "query queryOBSResultCode failed!")
    content = {"returnCode": code, "resultCode": code, "resultDesc": text, "returnDesc": text}
    return json_answer(content, status=status, code=code, reason=text)


def _refusal(code: str, name: str) -> Refused:
    return Refused(_envelope(code, f"{name}: {TEXTS[code]}", 200))


def _admit(centre: Centre, arrival: Arrival) -> None:
    arrival.require_json(charset=True)
    world = centre.world
    fault = find_fault(
        arrival,
        access_key=world.access_key,
        secret_key=world.secret_key,
        now=centre.clock.now(),
        skew=world.clock_skew,
        blank_query_line=world.c2_blank_query_line,
        milliseconds=world.c2_milliseconds,
        signed_headers=world.c2_signed_headers,
        host_without_port=world.c2_host_without_port,
    )
    if fault is not None:
        raise Refused(text_answer(401, fault))


def _integer(name: str, text: str, least: int, most: int) -> int:
    if text == "":
        raise _refusal("02000001", name)
    if not re.fullmatch(r"-?[0-9]+", text, re.ASCII):
        raise _refusal("02000006", name)
    # Ten digits hold every number in range; more of them are not worth converting.
    if len(text) > 10 or not least <= int(text) <= most:
        raise _refusal("02000007", name)
    return int(text)


def _parameter(query: list[tuple[str, str]], name: str, most: int) -> int:
    values = [value for found, value in query if found == name]
    if len(values) > 1:
        raise _refusal("0200001", name)
    return _integer(name, values[0] if values else "", 1, most)


def _obs_result_codes(centre: Centre, arrival: Arrival) -> Answer:
    _admit(centre, arrival)
    if arrival.header_values("locale") and arrival.header("locale") not in LOCALES[1:]:
        raise _refusal("0200001", "locale")
    vdn_id = _integer("vdnId", arrival.params["vdn_id"], 1, 9999)
    query = parse_qsl(arrival.query.decode("latin-1"), keep_blank_values=True)
    page_num = _parameter(query, "pageNum", 2**31 - 1)
    page_size = _parameter(query, "pageSize", 50)
    total = centre.world.obs_totals.get(vdn_id, 0)
    first = (page_num - 1) * page_size
    text = "query queryOBSResultCode Success!"
    content = {
        "obsCodes": [obs_code(index) for index in range(first, min(first + page_size, total))],
        "returnCode": SUCCESS,
        "resultCode": SUCCESS,
        "resultDesc": text,
        "totalCount": total,
        "returnDesc": text,
    }
    return json_answer(content, code=SUCCESS, accepted=True)


OPERATIONS = (Operation("obs_result_codes", "GET", PATH, _obs_result_codes, _envelope),)
