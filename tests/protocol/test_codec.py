"""JSON in both directions: no answer can be read in two ways. Numbers are rows of the fault matrix."""

import codecs
import math
import tracemalloc

import attrs
import pytest

from aiocc.delivery import Reason
from aiocc.protocol.codec import MAX_DIGITS, CodecError, decode_json, decode_text, encode_json, structure

from .conftest import short

GBK = "application/json; charset=GBK"
NAME = '{"name":"张三"}'


def fault(body: bytes, content_type: str | None = None, **options: int) -> Reason | None:
    """Give the kind of fault that a body has, None where it can be read."""
    try:
        decode_json(body, content_type, **options)
    except CodecError as error:
        return error.reason
    return None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, 2.5, None, True]}, b'{"a":[1,2.5,null,true]}'),
        ({"name": "张三"}, '{"name":"张三"}'.encode()),
        ({"text": 'line\n"quoted"'}, b'{"text":"line\\n\\"quoted\\""}'),
        ((31002, 31003), b"[31002,31003]"),
    ],
)
def test_encode_is_compact_utf8(value, expected):
    """What is sent has no blank and no line break of its own, so that signed and sent are the same bytes."""
    assert expected == encode_json(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_encode_refuses_what_json_lacks(value):
    """A number that JSON cannot write is not sent."""
    with pytest.raises(ValueError, match="JSON"):
        encode_json({"value": value})


@pytest.mark.parametrize(
    ("row", "body", "content_type"),
    [
        (39, NAME.encode("gbk"), GBK),
        (39, NAME.encode("gb18030"), 'application/json;charset="gb18030"'),
        (39, NAME.encode("gbk"), "application/json; Charset = gb2312"),
        (40, codecs.BOM_UTF8 + NAME.encode(), None),
        (40, codecs.BOM_UTF8 + NAME.encode(), "application/json; charset=utf-8"),
        (40, NAME.encode("utf-16"), None),
        (40, NAME.encode("utf-16"), "application/json;charset=UTF-16"),
        (40, codecs.BOM_UTF16_BE + NAME.encode("utf-16-be"), "application/json; charset=UTF-8"),
        (40, NAME.encode("utf-16-le"), None),
        (40, NAME.encode("utf-16-be"), "application/json; charset=utf-16be"),
        (40, NAME.encode(), "application/json"),
        (40, NAME.encode(), "application/json;charset=UTF-8"),
    ],
    ids=short,
)
def test_charsets_that_are_read(row, body, content_type):
    """Rows 39, 40: a byte order mark, a declared charset of the short list, and UTF-8 are read."""
    assert (row, {"name": "张三"}) == (row, decode_json(body, content_type))


@pytest.mark.parametrize(
    ("row", "body", "content_type"),
    [
        (38, b'{"name":"\xff"}', None),
        (38, b'{"name":"\xff"}', "application/json;charset=UTF-8"),
        (39, NAME.encode("gbk"), None),
        (39, NAME.encode("gbk"), "application/json;charset=UTF-8"),
        (39, b"{}", "application/json; charset=windows-1252"),
        (39, b"{}", "application/json; charset=hex"),
        (39, b"{}", "application/json; charset=no-such-charset"),
        (39, b"{}", "application/json; charset=é"),
        (40, codecs.BOM_UTF16_LE + b"{", None),
    ],
    ids=short,
)
def test_charsets_that_are_refused(row, body, content_type):
    """Rows 38, 39: bytes that are not valid in their charset, and a charset that is not on the list."""
    assert (row, Reason.BAD_CHARSET) == (row, fault(body, content_type))


@pytest.mark.parametrize(
    ("row", "body", "expected"),
    [
        (37, b"[" * 200_000 + b"]" * 200_000, Reason.TOO_DEEP),
        (37, b'{"a":' * 65 + b"1" + b"}" * 65, Reason.TOO_DEEP),
        (37, b"[" * 65, Reason.TOO_DEEP),
        (41, b'{"a":NaN}', Reason.BAD_NUMBER),
        (41, b'{"a":Infinity}', Reason.BAD_NUMBER),
        (41, b'{"a":-Infinity}', Reason.BAD_NUMBER),
        (41, b'{"a":1e999}', Reason.BAD_NUMBER),
        (41, b'{"a":-1e999}', Reason.BAD_NUMBER),
        (42, b'{"a":' + b"7" * 5000 + b"}", Reason.BAD_NUMBER),
        (42, b'{"a":-' + b"7" * MAX_DIGITS + b"}", Reason.BAD_NUMBER),
        (42, b'{"a":0.' + b"7" * 5000 + b"}", Reason.BAD_NUMBER),
        (43, b'{"resultCode":"1","resultCode":"0"}', Reason.DUPLICATE_KEY),
        (43, b'{"resultData":{"a":1,"\\u0061":2}}', Reason.DUPLICATE_KEY),
        (44, b"<html><body>Welcome</body></html>", Reason.NOT_JSON),
        (44, b'{"resultCode":"0"', Reason.NOT_JSON),
        (44, b'{"resultCode":"0"}{}', Reason.NOT_JSON),
        (44, b"{'resultCode':'0'}", Reason.NOT_JSON),
        (44, b'{"a":"\n"}', Reason.NOT_JSON),
        (46, b"", Reason.EMPTY_BODY),
        (46, b" \r\n\t", Reason.EMPTY_BODY),
    ],
    ids=short,
)
def test_bodies_that_are_refused(row, body, expected):
    """Rows 37, 41 to 44, 46: nesting, numbers, keys and texts that could mislead are refused, each by its name."""
    assert (row, expected) == (row, fault(body))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[" * 64 + b"]" * 64, None),
        (b'{"text":"' + b"[{" * 100 + b'"}', None),
        (b'{"text":"\\"' + b"[" * 100 + b'"}', None),
        (b"[" + b"[],[]," * 100 + b"[]]", None),
        (b'{"text":"\\\\",' + b'"a":[' * 65 + b"]" * 65 + b"}", Reason.TOO_DEEP),
        (b'{"open":"' + b"[" * 100, Reason.NOT_JSON),
    ],
    ids=short,
)
def test_depth_is_that_of_the_structure(body, expected):
    """Row 37: brackets inside texts and beside each other are no depth; the limit itself is allowed."""
    assert expected == fault(body)


@pytest.mark.parametrize(("limit", "expected"), [(2, Reason.TOO_DEEP), (3, None)])
def test_depth_limit_is_the_callers(limit, expected):
    """Row 37: `AnswerLimits(depth=...)` is what counts."""
    assert expected == fault(b'{"a":[{}]}', max_depth=limit)


@pytest.mark.parametrize(
    ("body", "limit", "expected"),
    [
        (b"[0,0,0]", 4, None),
        (b"[0,0,0,0]", 3, Reason.TOO_MANY_VALUES),
        (b'[{"a":0},{"a":0}]', 4, None),
        (b'[{"a":0},{"a":0},[]]', 4, Reason.TOO_MANY_VALUES),
        (b'{"text":",,,,,,[[[[{{{{"}', 4, None),
        (b'{"text":"\\",,,,,,[[[[{{{{"}', 4, None),
        (b'{"text":"' + b"a, b" * 100_000 + b'"}', 100_000, None),
        (b"[" * 5 + b"0" + b"]" * 5, 4, Reason.TOO_MANY_VALUES),
        (b"[" * 66 + b"0" + b"]" * 66, 65, Reason.TOO_DEEP),
        (b"[" + b"0," * 100_000 + b"0]", 100_000, Reason.TOO_MANY_VALUES),
        (b"[" + b"0," * 99_998 + b"0]", 100_000, None),
        (b"[" * 200_000, 100_000, Reason.TOO_DEEP),
    ],
    ids=short,
)
def test_values_are_counted(body, limit, expected):
    """More values than `AnswerLimits(values=...)`, which would hold the loop for seconds, are refused unread."""
    assert expected == fault(body, max_values=limit)


def test_depth_beyond_the_interpreter():
    """Row 37: a limit that the interpreter cannot reach is still no RecursionError."""
    assert Reason.TOO_DEEP == fault(b"[" * 200_000 + b"]" * 200_000, max_depth=10**6, max_values=10**6)


@pytest.mark.parametrize("inside", [b"[x", b'\\"[', b"\\\\["], ids=["plain", "quotes", "backslashes"])
def test_depth_scan_is_bounded(inside):
    """Row 37: looking for depth costs a few times the body, whatever its texts hold."""
    body = b'{"text":"' + inside * 100_000 + b'"}'
    tracemalloc.start()
    try:
        decode_json(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert True is (peak < 10 * len(body))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":"\\u5f20"}', {"a": "张"}),
        (b'{"a":1e3}', {"a": 1000.0}),
        (b'{"a":' + b"7" * MAX_DIGITS + b"}", {"a": int("7" * MAX_DIGITS)}),
        (b'{"code":"00605"}', {"code": "00605"}),
        (b"[0]", [0]),
        (b'{"a":{"code":"0"},"code":"1"}', {"a": {"code": "0"}, "code": "1"}),
    ],
    ids=short,
)
def test_decode(body, expected):
    """Valid JSON comes out as it is; one key in two objects is no duplicate."""
    assert expected == decode_json(body)


def test_decode_text_serves_bodies_that_are_no_json():
    """A page of a front end is decoded by the same rule."""
    assert "<p>维护" == decode_text("<p>维护".encode("gbk"), "text/html; charset=gbk")


@attrs.frozen
class Payload:
    text: str
    number: int = 0


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"text": "00605", "number": 7}, Payload("00605", 7)),
        ({"text": 605, "number": "120"}, Payload("605", 120)),
        ({"text": "", "unknown": {}}, Payload("")),
    ],
    ids=short,
)
def test_structure_takes(data, expected):
    """Text given as a number and a number given as text are taken, and unknown fields are ignored."""
    assert expected == structure(Payload)(data)


@pytest.mark.parametrize(
    "data",
    [
        {"text": True},
        {"text": 1.5},
        {"text": None},
        {"text": {}},
        {"text": "a", "number": True},
        {"text": "a", "number": 1.0},
        {"text": "a", "number": "1.0"},
        {"text": "a", "number": "²"},
        {"text": "a", "number": ""},
        {"text": "a", "number": "7" * 19},
        {"number": 7},
        [],
        "text",
        None,
    ],
)
def test_structure_refuses(data):
    """Row 49: a bool, a fraction, null and another shape are no text and no number."""
    with pytest.raises((TypeError, ValueError, KeyError, AttributeError)):
        structure(Payload)(data)
