"""Requests and results in the hands of other libraries: pydantic, msgspec, cattrs."""

from __future__ import annotations

import json
from typing import Any

import cattrs
import pytest

from aiocc import (
    Call,
    ClickToDial,
    CreateCall,
    DialReceipt,
    InvalidRequestError,
    LeaveMessage,
    MediaAbility,
    MessageReceipt,
    Note,
    NoteReceipt,
    ObsResultCode,
    ObsResultCodePage,
    QueryObsResultCodes,
    SendNote,
)

MODELS: list[tuple[object, dict[str, Any]]] = [
    (
        CreateCall(called="88884432", call_data="order-4711"),
        {"called": "88884432", "caller_present": None, "call_data": "order-4711"},
    ),
    (SendNote([31002, 31003], "hello"), {"to": [31002, 31003], "content": "hello", "agent_id": None}),
    (LeaveMessage(phone_no="123456", content="hello"), {"phone_no": "123456", "content": "hello"}),
    (ClickToDial(MediaAbility.VIDEO), {"media": "1"}),
    (QueryObsResultCodes(1), {"vdn_id": 1, "page_num": 1, "page_size": 50, "locale": None}),
    (Note([31002], "hello", "first"), {"to": [31002], "content": "hello", "key": "first"}),
    (
        Call("10.137.203.215:5063", "1790"),
        {"sip_service_address": "10.137.203.215:5063", "access_code": "1790", "call_serial_no": None},
    ),
    (
        ObsResultCodePage(1, (ObsResultCode("0101", "busy"),)),
        {"total_count": 1, "codes": [{"code": "0101", "description": "busy"}]},
    ),
    (MessageReceipt(), {}),
    (DialReceipt(), {}),
    (NoteReceipt(), {}),
]

every_model = pytest.mark.parametrize(("model", "data"), MODELS, ids=[type(model).__name__ for model, _ in MODELS])


@every_model
def test_pydantic_reads_and_writes_every_model(model: object, data: dict[str, Any]) -> None:
    """A model is its fields under their own names, and a value of its own class passes as it is."""
    pydantic = pytest.importorskip("pydantic", reason="pydantic is in the extra recipes")
    adapter = pydantic.TypeAdapter(type(model))

    assert model == adapter.validate_json(json.dumps(data))
    assert model == adapter.validate_python(data)
    assert model is adapter.validate_python(model)
    assert data == json.loads(adapter.dump_json(model))
    schema = adapter.json_schema()
    assert (type(model).__name__, set(data)) == (schema["title"], set(schema["properties"]))
    assert set(data) == set(adapter.json_schema(mode="serialization")["properties"])


@every_model
def test_msgspec_reads_and_writes_every_model(model: object, data: dict[str, Any]) -> None:
    """A model goes through msgspec and back."""
    msgspec = pytest.importorskip("msgspec", reason="msgspec is in the extra recipes")

    assert model == msgspec.json.decode(json.dumps(data).encode(), type=type(model))
    assert data == json.loads(msgspec.json.encode(model))


@every_model
def test_a_plain_converter_of_cattrs_reads_and_writes_every_model(model: object, data: dict[str, Any]) -> None:
    """A model needs no hooks in a converter of the user's own."""
    converter = cattrs.Converter()

    assert model == converter.structure(data, type(model))
    assert data == json.loads(json.dumps(converter.unstructure(model)))


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        (CreateCall, {"called": ""}, "called must be text of 1 to 32 characters, not empty text"),
        (SendNote, {"to": [5], "content": "x"}, "to must be 1 to 100 agent ids"),
        (ClickToDial, {"media": "2"}, ""),
        (CreateCall, {}, "Field required"),
        (CreateCall, {"called": 5}, "Input should be a valid string"),
    ],
)
def test_what_a_model_refuses_is_an_error_of_the_framework(model: type, data: dict[str, Any], said: str) -> None:
    """A value outside its limit is pydantic's validation error, msgspec's and ours, before anything is sent."""
    pydantic = pytest.importorskip("pydantic", reason="pydantic is in the extra recipes")
    msgspec = pytest.importorskip("msgspec", reason="msgspec is in the extra recipes")

    with pytest.raises(pydantic.ValidationError) as refused:
        pydantic.TypeAdapter(model).validate_python(data)
    assert said in str(refused.value)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(data, model)
    with pytest.raises((InvalidRequestError, TypeError)):
        model(**data)
