"""The vendor's documented answers as they stand, opened and structured by their operations; and row 49."""

import json
from pathlib import Path

import pytest

from aiocc.delivery import Delivery
from aiocc.endpoints.click_to_dial import ClickToDial, DialReceipt
from aiocc.endpoints.create_call import Call, CreateCall
from aiocc.endpoints.leave_message import LeaveMessage, MessageReceipt
from aiocc.endpoints.obs_result_codes import ObsResultCode, ObsResultCodePage, QueryObsResultCodes
from aiocc.endpoints.send_note import NoteReceipt, SendNote
from aiocc.protocol.messages import Answer, AnswerHead
from aiocc.protocol.reading import open_answer

SAMPLES = Path(__file__).parent.parent / "samples"
MODELS = [ClickToDial, CreateCall, LeaveMessage, QueryObsResultCodes, SendNote]

UNREADABLE = (TypeError, ValueError, KeyError, AttributeError)
"""What `aiocc.call` takes as "the payload could not be read"."""


@pytest.mark.parametrize(
    ("model", "code", "result"),
    [
        (LeaveMessage, "0", MessageReceipt()),
        (ClickToDial, "0", DialReceipt()),
        (SendNote, "0", NoteReceipt()),
        (
            QueryObsResultCodes,
            "0200000",
            ObsResultCodePage(
                total_count=120,
                codes=(
                    ObsResultCode("00605", "The switch is busy."),
                    ObsResultCode("00604", "The call is rejected."),
                    ObsResultCode("00603", "The called party does not answer the call."),
                    ObsResultCode("00602", "No resource available on the ACD."),
                    ObsResultCode("00606", "The ACD times out."),
                ),
            ),
        ),
        (CreateCall, "0", Call("10.137.203.215:5063", "179080024609291", None)),
    ],
    ids=lambda value: value.operation.name if value in MODELS else None,
)
def test_sample(model, code, result):
    """A documented answer is a success of its operation, and its payload has every documented value."""
    operation = model.operation
    body = (SAMPLES / f"{operation.name}.json").read_bytes()

    reading = open_answer(
        operation, Answer(AnswerHead(200, [("content-type", "application/json;charset=UTF-8")]), body)
    )

    assert (Delivery.ACCEPTED, None, code) == (reading.delivery, reading.reason, reading.code)
    assert result == operation.structure(reading.data)


def test_every_sample_has_its_operation():
    """No sample lies there unread."""
    assert {f"{model.operation.name}.json" for model in MODELS} == {file.name for file in SAMPLES.iterdir()}


CALL = {"sipServiceAddress": "10.0.0.1:5063", "accesscode": "179"}
CODE = {"obsCode": "00605", "obsCodeDesc": "busy"}


@pytest.mark.parametrize(
    ("model", "data", "expected"),
    [
        (CreateCall, {"resultData": {**CALL, "callSerialNo": None}}, Call("10.0.0.1:5063", "179")),
        (CreateCall, {"resultData": {**CALL, "callSerialNo": "1-2"}}, Call("10.0.0.1:5063", "179", "1-2")),
        (CreateCall, {"resultData": {**CALL, "accesscode": 179, "more": {}}}, Call("10.0.0.1:5063", "179")),
        (
            QueryObsResultCodes,
            {"totalCount": "1", "obsCodes": [CODE]},
            ObsResultCodePage(1, (ObsResultCode("00605", "busy"),)),
        ),
        (QueryObsResultCodes, {"totalCount": 0, "obsCodes": []}, ObsResultCodePage(0, ())),
        (SendNote, {"retcode": "0"}, NoteReceipt()),
        (SendNote, {"retcode": "0", "result": {}}, NoteReceipt()),
        (LeaveMessage, {"resultCode": "0", "resultDesc": None}, MessageReceipt()),
        (ClickToDial, {"resultCode": 0}, DialReceipt()),
    ],
)
def test_payloads_that_are_read(model, data, expected):
    """What a page declares optional may be missing or null, numbers may be text, and unknown fields are ignored."""
    assert expected == model.operation.structure(data)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        *((CreateCall, {"resultData": value}) for value in (None, {}, "", "text", [], [CALL], 0, True)),
        (CreateCall, {}),
        (CreateCall, {"resultData": {"sipServiceAddress": "a"}}),
        (CreateCall, {"resultData": {**CALL, "accesscode": None}}),
        (CreateCall, {"resultData": {**CALL, "accesscode": True}}),
        (CreateCall, {"resultData": {**CALL, "callSerialNo": {}}}),
        *(
            (QueryObsResultCodes, {"totalCount": 1, "obsCodes": value})
            for value in (None, {}, "", "text", {"0": CODE}, [None], [{}], ["00605"], 0, True)
        ),
        (QueryObsResultCodes, {"totalCount": 1}),
        (QueryObsResultCodes, {"obsCodes": [CODE]}),
        (QueryObsResultCodes, {"totalCount": None, "obsCodes": [CODE]}),
        (QueryObsResultCodes, {"totalCount": "many", "obsCodes": [CODE]}),
        (QueryObsResultCodes, {"totalCount": True, "obsCodes": [CODE]}),
        (QueryObsResultCodes, {"totalCount": 1, "obsCodes": [{**CODE, "obsCode": 1.5}]}),
    ],
    ids=lambda value: value.operation.name if value in MODELS else json.dumps(value),
)
def test_payloads_that_are_not(model, data):
    """Row 49: null, an empty object, text or a list where the page has something else is no payload."""
    with pytest.raises(UNREADABLE):
        model.operation.structure(data)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.operation.name)
def test_code_table_has_its_sources(model):
    """Every failure code says what it means, what it proves, and on which page that stands; success is none of them."""
    codes = model.operation.codes

    assert {} == {
        text: code
        for text, code in codes.items()
        if code.code != text
        or not code.page.startswith("https://support.huaweicloud.com/")
        or not code.meaning.endswith(".")
        or code.proves not in (Delivery.REJECTED, Delivery.UNKNOWN)
        or code.code in {field.success for field in model.operation.envelope.codes}
    }
