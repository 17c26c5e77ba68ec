"""Opening an answer: the order of reading, and rows 37 to 50 of the fault matrix."""

import json

import pytest

from aiocc.delivery import Delivery, Reason
from aiocc.protocol.codes import Act, Code
from aiocc.protocol.envelope import FABRIC, GATEWAY, ISALES, WEBADAPTER, CodeField, EnvelopeRule
from aiocc.protocol.operation import Effect
from aiocc.protocol.reading import DESCRIPTION_LIMIT, code_text, escape

from .conftest import opened, short

REJECTED, ACCEPTED, UNKNOWN = Delivery.REJECTED, Delivery.ACCEPTED, Delivery.UNKNOWN

OK = b'{"resultCode":"0","resultDesc":"Success"}'
REFUSED = b'{"resultCode":"7","resultDesc":"no"}'
LEAVE_MESSAGE = EnvelopeRule((WEBADAPTER.codes[0], CodeField("returnCode", "0", ("description",), required=False)))

CODES = [
    Code("7", "Refused."),
    Code("13", "Anything may have happened.", UNKNOWN),
    Code("12", "Come again.", act=Act.WAIT_AND_REPEAT),
    Code("22", "Too often.", act=Act.WAIT_AND_REPEAT, reason=Reason.RATE_LIMITED),
    Code("000-003", "Not valid.", act=Act.RENEW),
]


@pytest.mark.parametrize(
    ("rule", "status", "body", "delivery", "reason", "code"),
    [
        # By status first: what authenticates, throttles or redirects, whatever the envelope says.
        (WEBADAPTER, 401, OK, REJECTED, Reason.UNAUTHORIZED, "0"),
        (WEBADAPTER, 407, OK, REJECTED, Reason.UNAUTHORIZED, "0"),
        (WEBADAPTER, 429, REFUSED, REJECTED, Reason.RATE_LIMITED, "7"),
        (WEBADAPTER, 302, OK, UNKNOWN, Reason.REDIRECTED, "0"),
        (WEBADAPTER, 307, OK, REJECTED, Reason.REDIRECTED, "0"),
        (WEBADAPTER, 999, OK, UNKNOWN, Reason.BAD_STATUS, "0"),
        (FABRIC, 401, b'{"errorCode":"0","exceptionInfo":"auth fail!"}', REJECTED, Reason.UNAUTHORIZED, "0"),
        # Then the operation's own rule, at any status.
        (WEBADAPTER, 200, REFUSED, REJECTED, Reason.SERVICE_CODE, "7"),
        (WEBADAPTER, 500, REFUSED, REJECTED, Reason.SERVICE_CODE, "7"),
        (WEBADAPTER, 404, b'{"resultCode":"13"}', UNKNOWN, Reason.OPEN_CODE, "13"),
        (FABRIC, 502, b'{"resultCode":"7","errorCode":"0"}', REJECTED, Reason.SERVICE_CODE, "7"),
        # A success code counts only with a 2xx.
        (WEBADAPTER, 200, OK, ACCEPTED, None, "0"),
        (WEBADAPTER, 201, OK, ACCEPTED, None, "0"),
        (WEBADAPTER, 500, OK, UNKNOWN, Reason.SUCCESS_CODE_ON_FAILURE_STATUS, "0"),
        (WEBADAPTER, 403, OK, UNKNOWN, Reason.SUCCESS_CODE_ON_FAILURE_STATUS, "0"),
        (FABRIC, 500, b'{"resultCode":"0","errorCode":"0"}', UNKNOWN, Reason.SUCCESS_CODE_ON_FAILURE_STATUS, "0"),
        # Then the service's fault rule: there "0" is a failure, and the status says which.
        (FABRIC, 403, b'{"errorCode":"0","exceptionInfo":"illegal"}', REJECTED, Reason.FORBIDDEN, "0"),
        (FABRIC, 400, b'{"errorCode":"0"}', REJECTED, Reason.CLIENT_STATUS, "0"),
        (FABRIC, 500, b'{"errorCode":"0"}', UNKNOWN, Reason.SERVER_STATUS, "0"),
        (FABRIC, 200, b'{"errorCode":"0"}', UNKNOWN, Reason.STATUS, "0"),
        (FABRIC, 200, b'{"errorCode":null}', UNKNOWN, Reason.STATUS, None),
        (WEBADAPTER, 200, b'{"errorCode":"0"}', UNKNOWN, Reason.CODE_MISSING, None),
        # Else by status.
        (WEBADAPTER, 404, b"{}", REJECTED, Reason.CLIENT_STATUS, None),
        (WEBADAPTER, 400, b"<html>", REJECTED, Reason.CLIENT_STATUS, None),
        (WEBADAPTER, 503, b"", UNKNOWN, Reason.FRONT_END, None),
    ],
    ids=short,
)
@pytest.mark.parametrize("kind", [Effect.READ, Effect.MESSAGE, Effect.CALL])
def test_order_of_reading(kind, rule, status, body, delivery, reason, code):  # noqa: PLR0917 - columns of a table
    """Status of authentication; the operation's rule; success only with a 2xx; the fault rule; else by status."""
    reading = opened(body, status=status, envelope=rule, codes=CODES, effect=kind)

    assert (delivery, reason, code) == (reading.delivery, reading.reason, reading.code)


@pytest.mark.parametrize(
    ("row", "body", "content_type", "reason"),
    [
        (37, b"[" * 200_000, None, Reason.TOO_DEEP),
        (38, b'{"resultCode":"0","resultDesc":"\xff"}', None, Reason.BAD_CHARSET),
        (39, '{"resultCode":"0","resultDesc":"好"}'.encode("gbk"), None, Reason.BAD_CHARSET),
        (41, b'{"resultCode":"0","x":NaN}', None, Reason.BAD_NUMBER),
        (41, b'{"resultCode":"0","x":1e999}', None, Reason.BAD_NUMBER),
        (42, b'{"resultCode":"0","x":' + b"1" * 5000 + b"}", None, Reason.BAD_NUMBER),
        (43, b'{"resultCode":"7","resultCode":"0"}', None, Reason.DUPLICATE_KEY),
        (44, b"<html><body>Welcome</body></html>", "text/html", Reason.NOT_JSON),
        (46, b"0", None, Reason.NOT_AN_OBJECT),
        (46, b'"0"', None, Reason.NOT_AN_OBJECT),
        (46, b"null", None, Reason.NOT_AN_OBJECT),
        (46, b'[{"resultCode":"0"}]', None, Reason.NOT_AN_OBJECT),
        (46, b"", None, Reason.EMPTY_BODY),
        (47, b'{"resultCode":true}', None, Reason.BAD_CODE),
        (47, b'{"resultCode":false}', None, Reason.BAD_CODE),
        (47, b'{"resultCode":0.0}', None, Reason.BAD_CODE),
        (47, b'{"resultCode":["0"]}', None, Reason.BAD_CODE),
        (47, b'{"resultCode":{}}', None, Reason.BAD_CODE),
        (48, b"{}", None, Reason.CODE_MISSING),
        (48, b'{"resultCode":null}', None, Reason.CODE_MISSING),
        (48, b'{"ResultCode":"0"}', None, Reason.CODE_MISSING),
    ],
    ids=short,
)
def test_unreadable_answer_is_no_success(effect, row, body, content_type, reason):
    """Rows 37 to 48: a 200 that cannot be read settles nothing, for any effect."""
    reading = opened(body, content_type=content_type, effect=effect)

    assert (row, UNKNOWN, reason) == (row, reading.delivery, reading.reason)


def test_204_is_never_success(effect):
    """Row 46: "no content" says nothing of what was done."""
    assert (UNKNOWN, Reason.EMPTY_BODY) == (
        opened(b"", status=204, effect=effect).delivery,
        opened(b"", status=204, effect=effect).reason,
    )


@pytest.mark.parametrize("status", [502, 504])
def test_page_of_a_front_end(effect, status):
    """Row 45: HTML with 502 or 504 came from in front of the service, and says nothing of it."""
    reading = opened(b"<html>Bad Gateway</html>", status=status, effect=effect)

    assert (UNKNOWN, Reason.FRONT_END, "<html>Bad Gateway</html>") == (
        reading.delivery,
        reading.reason,
        reading.description,
    )


@pytest.mark.parametrize(
    ("row", "body", "content_type"),
    [
        (39, '{"resultCode":"0","resultDesc":"好"}'.encode("gbk"), "application/json;charset=GBK"),
        (40, b'\xef\xbb\xbf{"resultCode":"0"}', None),
        (40, '{"resultCode":"0"}'.encode("utf-16"), None),
        (47, b'{"resultCode":0}', None),
        (47, b'{"resultCode":" 0 "}', None),
    ],
    ids=short,
)
def test_forms_of_success(effect, row, body, content_type):
    """Rows 39, 40, 47: the charset that is declared, a byte order mark, and a code as number or padded are read."""
    reading = opened(body, content_type=content_type, effect=effect)

    assert (row, ACCEPTED, None, "0") == (row, reading.delivery, reading.reason, reading.code)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", "0"),
        (" 0\t", "0"),
        ("0200000", "0200000"),
        (0, "0"),
        (30010000001, "30010000001"),
        (True, None),
        (0.0, None),
        (None, None),
        ([], None),
    ],
)
def test_code_text(value, expected):
    """Row 47: text and whole numbers are brought to one form; True is not 1."""
    assert expected == code_text(value)


@pytest.mark.parametrize("code", ["200000", "02000000", "00", "", "0 0"])
def test_codes_are_compared_as_text(code):
    """No code counts as success but the documented one, character for character."""
    body = json.dumps({"resultCode": code, "returnCode": code}).encode()

    assert {Reason.UNKNOWN_CODE} == {opened(body, envelope=rule).reason for rule in (WEBADAPTER, ISALES)}


@pytest.mark.parametrize("code", ["99", "0200000", "success"])
def test_unknown_code(effect, code):
    """Row 50: a code of no table is a refusal of a read; for anything with an effect it settles nothing."""
    reading = opened(json.dumps({"resultCode": code}).encode(), effect=effect, codes=CODES)

    assert (REJECTED if effect is Effect.READ else UNKNOWN, Reason.UNKNOWN_CODE, code, None) == (
        reading.delivery,
        reading.reason,
        reading.code,
        reading.known,
    )


@pytest.mark.parametrize(
    ("code", "delivery", "reason"),
    [
        ("7", REJECTED, Reason.SERVICE_CODE),
        ("12", REJECTED, Reason.SERVICE_CODE),
        ("22", REJECTED, Reason.RATE_LIMITED),
        ("13", UNKNOWN, Reason.OPEN_CODE),
        ("000-003", REJECTED, Reason.AGENT_SIGNED_OUT),
    ],
)
def test_known_code(effect, code, delivery, reason):
    """A code of the table proves what its table says, for every effect, and brings its entry along."""
    reading = opened(json.dumps({"retcode": code}).encode(), envelope=GATEWAY, effect=effect, codes=CODES)

    assert (delivery, reason, code) == (reading.delivery, reading.reason, reading.known.code)


@pytest.mark.parametrize(
    ("rule", "body", "delivery", "reason", "code"),
    [
        (LEAVE_MESSAGE, {"resultCode": "0", "returnCode": "0"}, ACCEPTED, None, "0"),
        (LEAVE_MESSAGE, {"resultCode": "0"}, ACCEPTED, None, "0"),
        (LEAVE_MESSAGE, {"resultCode": "0", "returnCode": None}, ACCEPTED, None, "0"),
        (LEAVE_MESSAGE, {"resultCode": "0", "returnCode": "7"}, REJECTED, Reason.SERVICE_CODE, "7"),
        (LEAVE_MESSAGE, {"resultCode": "7", "returnCode": "0"}, REJECTED, Reason.SERVICE_CODE, "7"),
        (LEAVE_MESSAGE, {"returnCode": "7"}, REJECTED, Reason.SERVICE_CODE, "7"),
        (LEAVE_MESSAGE, {"returnCode": "0"}, UNKNOWN, Reason.CODE_MISSING, None),
        (LEAVE_MESSAGE, {"resultCode": "0", "returnCode": True}, UNKNOWN, Reason.BAD_CODE, None),
        (ISALES, {"resultCode": "0200000", "returnCode": "0200000"}, ACCEPTED, None, "0200000"),
        (ISALES, {"resultCode": "0200000"}, UNKNOWN, Reason.CODE_MISSING, None),
        (ISALES, {"returnCode": "0200000"}, UNKNOWN, Reason.CODE_MISSING, None),
        (ISALES, {"resultCode": "0200000", "returnCode": "7"}, REJECTED, Reason.SERVICE_CODE, "7"),
        (ISALES, {"resultCode": 200000, "returnCode": 200000}, REJECTED, Reason.UNKNOWN_CODE, "200000"),
    ],
    ids=short,
)
def test_two_codes_in_one_envelope(rule, body, delivery, reason, code):
    """Where two codes count, neither may fail and none that is required may be missing."""
    reading = opened(json.dumps(body).encode(), envelope=rule, codes=CODES)

    assert (delivery, reason, code) == (reading.delivery, reading.reason, reading.code)


def test_accepted_answer_gives_its_whole_object():
    """What an operation structures is the JSON object as it came, inner codes and unknown fields included."""
    body = {"resultCode": "0", "resultData": {"resultCode": "13"}, "extra": [1]}

    assert body == opened(json.dumps(body).encode()).data


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b" <h1>No</h1>\r\n", "<h1>No</h1>"),
        (b"\xff<p>", "\ufffd<p>"),
        ("<p>维护".encode(), "<p>维护"),
        (b"  \n", None),
        (b"", None),
    ],
    ids=short,
)
def test_excerpt_of_a_foreign_page(body, expected):
    """Row 44: a body that is no JSON is kept as text, for `escape` to cut to its first 200 characters."""
    assert expected == opened(body, content_type="text/html").description


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain 文字", "plain 文字"),
        ("a\nb\tc\x7f\u2028\ud800", "a\\nb\\tc\\x7f\\u2028\\ud800"),
        ("it's", "it's"),
        ("x" * 5000, "x" * DESCRIPTION_LIMIT + "…"),
        ("x" * 200, "x" * 200),
    ],
)
def test_escape(text, expected):
    """Foreign text becomes fit for one line of a log."""
    assert expected == escape(text)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"resultCode":"9","resultDesc":"no token"}', "no token"),
        (b'{"resultCode":"9"}', '{"resultCode":"9"}'),
        (b"<html>who are you</html>", "<html>who are you</html>"),
        (b"", None),
    ],
    ids=["text of the envelope", "no text", "page", "empty"],
)
@pytest.mark.parametrize("status", [401, 429, 307])
def test_a_status_that_decides_is_described(status, body, expected):
    """Beside a status that decides by itself stands the envelope's text, or the beginning of the body."""
    assert expected == opened(body, status=status).description


@pytest.mark.parametrize(("length", "expected"), [(200, "x" * 200), (201, "x" * 200 + "…")])
def test_foreign_text_is_capped(length, expected):
    """Foreign text has at most 200 characters, and says where it was cut."""
    assert expected == escape("x" * length)
