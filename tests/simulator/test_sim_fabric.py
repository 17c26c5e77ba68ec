"""Rules of API Fabric."""

import gzip

import pytest

from aiocc.simulator import PlacedCall

BAD_TOKEN = {"errorCode": "0", "exceptionInfo": "auth fail! illegal or expired token info."}


def refusal(answer):
    """Give what tells one error of API Fabric from another."""
    return answer.status_code, answer.json()["errorCode"]


def test_token_answer_is_all_strings(caller, sim):
    """A token comes with the documented fields, each of them a string."""
    content = caller.token().json()

    assert {"AccessToken", "ApplyType", "CreateTime", "Expires", "Scope", "AppKey", "UserID"} == content.keys()
    assert {str} == {type(value) for value in content.values()}
    assert ("Bearer", "600", "Anonymous") == (content["ApplyType"], content["Expires"], content["UserID"])
    assert sim.environment["AIOCC_FABRIC_APP_KEY"] == content["AppKey"]


@pytest.mark.parametrize(("header", "expires"), [("1", "1"), ("3600", "3600"), (None, "600")])
def test_token_lifetime(caller, header, expires):
    """X-Token-Expire is 1 to 3600 seconds, and 600 without it."""
    assert expires == caller.token(X_Token_Expire=header).json()["Expires"]


@pytest.mark.parametrize("header", ["0", "3601", "-1", "", "600.0", "99999"])
def test_token_lifetime_out_of_range(caller, header):
    """Another X-Token-Expire is 400 in the error envelope."""
    assert (400, "0") == refusal(caller.token(X_Token_Expire=header))


@pytest.mark.parametrize("changed", ["app_key", "app_secret"])
@pytest.mark.parametrize("value", ["wrong", None, 1, "é", "\ud800"])
def test_wrong_key_or_secret(caller, changed, value):
    """A wrong or missing key or secret is 403 with errorCode 0 and another text than for a token."""
    content = {**_pair(caller), changed: value}
    answer = caller.token(content)

    assert (403, "0") == refusal(answer)
    assert BAD_TOKEN["exceptionInfo"] != answer.json()["exceptionInfo"]


def _pair(caller):
    environment = caller.sim.environment
    return {
        "app_key": environment["AIOCC_FABRIC_APP_KEY"],
        "app_secret": environment["AIOCC_FABRIC_APP_SECRET"],
    }


def test_token_body_has_to_be_an_object(caller):
    """A body that is no JSON object is 400."""
    assert (400, "0") == refusal(caller.token(b"app_key=x"))


def test_case_of_the_token_path(caller):
    """The path ends in tokenByAkSk and not in the spelling of another page's prose."""
    assert 404 == caller.token(path="tokenByAKSK").status_code


def test_token_requests_are_counted(caller, sim):
    """Every token request that arrives counts, whatever was answered."""
    caller.token()
    caller.token({})

    assert 2 == sim.token_requests


def test_create_call(caller, sim):
    """A call created is answered as on the page, with its serial number, and kept."""
    content = caller.create_call().json()
    call = PlacedCall("88884432", "95599", "1", content["resultData"]["callSerialNo"])

    assert ("0", "Success") == (content["resultCode"], content["resultDesc"])
    assert {"callSerialNo", "sipServiceAddress", "accesscode"} == content["resultData"].keys()
    assert (1, (call,)) == (sim.calls_placed, sim.calls)


def test_serial_number_may_be_left_out(caller, sim):
    """By setting the answer has no serial number, as on the page; the ledger has one all the same."""
    sim.configure(send_call_serial_no=False)

    assert {"sipServiceAddress", "accesscode"} == caller.create_call().json()["resultData"].keys()
    assert sim.calls[0].call_serial_no


def test_only_called_is_needed(caller, sim):
    """A call may come without callerPresent and callData."""
    assert "0" == caller.create_call({"called": "1"}).json()["resultCode"]
    assert (None, None) == (sim.calls[0].caller_present, sim.calls[0].call_data)


@pytest.mark.parametrize(
    "body",
    [
        {"called": "1" * 32, "callerPresent": "2" * 32, "callData": "通" * 1024},
        {"called": "1", "callerPresent": "", "callData": ""},
    ],
)
def test_call_limits(caller, body):
    """Lengths are counted in characters: 32, 32 and 1024."""
    assert "0" == caller.create_call(body).json()["resultCode"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"called": ""},
        {"called": "1" * 33},
        {"called": 1},
        {"called": "\ud800"},
        {"called": "1", "callerPresent": "2" * 33},
        {"called": "1", "callerPresent": None},
        {"called": "1", "callData": "x" * 1025},
        {"called": "1", "callData": 1},
    ],
)
def test_call_parameter_error(caller, sim, body):
    """Another argument is 30010000003 with null data, and no call."""
    answer = caller.create_call(body)

    assert (200, "30010000003", None) == (
        answer.status_code,
        answer.json()["resultCode"],
        answer.json()["resultData"],
    )
    assert 0 == sim.calls_placed


def test_call_body_has_to_be_an_object(caller):
    """A body that is no JSON object is 400."""
    assert (400, "0") == refusal(caller.create_call(b"[]"))


def test_wrong_app_key(caller):
    """X-APP-Key is that of the app; another or none is 403 with another text than for a token."""
    for key in ("wrong", None):
        answer = caller.create_call(X_APP_Key=key)
        assert (403, True) == (answer.status_code, answer.json() != BAD_TOKEN)


@pytest.mark.parametrize("value", [None, "Bearer", "Bearer x", "bearer {}", "Bearer  {}", "{}"])
def test_wrong_bearer(caller, sim, value):
    """The token comes after the word Bearer and one space; else 403 with the documented text."""
    token = caller.token().json()["AccessToken"]
    answer = caller.create_call(Authorization=value and value.replace("{}", token))

    assert (403, BAD_TOKEN, 0) == (answer.status_code, answer.json(), sim.calls_placed)


def test_expired_tokens(caller, sim):
    """Tokens can be made to expire; a new one then serves. The status may be 401."""
    caller.create_call()
    sim.expire_tokens()
    first = caller.create_call()
    sim.configure(expired_token_status=401)
    second = caller.create_call()
    caller.bearer = None

    assert [(403, BAD_TOKEN), (401, BAD_TOKEN)] == [(one.status_code, one.json()) for one in (first, second)]
    assert ("0", 2) == (caller.create_call().json()["resultCode"], sim.calls_placed)


def test_token_expires_by_the_clock(caller, sim):
    """A token is good for as long as it said."""
    caller.create_call()
    sim.advance(599)
    before = caller.create_call().status_code
    sim.advance(1)

    assert (200, 403) == (before, caller.create_call().status_code)


def test_new_token_revokes_no_other(caller):
    """Tokens are good side by side."""
    caller.create_call()
    caller.token()

    assert 200 == caller.create_call().status_code


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, deflate", "gzip"), ("br;q=1, GZIP;q=0.5", "gzip"), ("identity", None), ("gzip;q=0.00", None)],
)
def test_create_call_answers_in_gzip(caller, accepted, coding):
    """The envelope of createcall is gzip for a client that accepts it."""
    good = caller.create_call(Accept_Encoding=accepted)
    bad = caller.create_call({}, Accept_Encoding=accepted)

    assert (coding, coding) == (good.headers.get("Content-Encoding"), bad.headers.get("Content-Encoding"))
    assert "0" == good.json()["resultCode"]


def test_gzip_is_real(caller, sim):
    """The bytes on the wire are one gzip member of the declared length."""
    caller.create_call()
    request = sim.requests[-1]
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers if name != "Connection")
    received = caller.raw(
        "fabric", f"POST {request.target} HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode() + request.body
    )
    top, _, body = received.partition(b"\r\n\r\n")

    assert f"content-length: {len(body)}" in top.decode().lower()
    assert b'"resultCode": "0"' in gzip.decompress(body)


def test_other_answers_are_not_compressed(caller):
    """Only createcall's envelopes are compressed."""
    answers = (caller.token(), caller.apply_token(), caller.send_note(), caller.create_call(X_APP_Key=None))

    assert [None] * 4 == [answer.headers.get("Content-Encoding") for answer in answers]


def test_apply_token(caller, sim):
    """A token that was applied for is good as the web adapter's cookie."""
    content = caller.apply_token().json()
    caller.leave_message(Cookie=f"ccmessaging-token={content['token']}")

    assert ({"resultCode", "token"}, "0") == (content.keys(), content["resultCode"])
    assert "u1" == sim.messages[0].visitor


@pytest.mark.parametrize(
    ("name", "value"),
    [("userId", ""), ("userId", "x" * 33), ("userId", 1), ("userName", None), ("channelId", ""), ("locale", None)],
)
def test_apply_token_parameter_error(caller, name, value):
    """All four fields are required; failure is resultCode 1."""
    content = {"userId": "u1", "userName": "Ada", "channelId": "c1", "locale": "zh_CN", name: value}
    answer = caller.apply_token(content)

    assert (200, "1") == (answer.status_code, answer.json()["resultCode"])


def test_apply_token_needs_a_token(caller):
    """The path of applyToken is behind the app key and the bearer token."""
    answer = caller.apply_token(Authorization=None)

    assert (403, BAD_TOKEN) == (answer.status_code, answer.json())
    assert (403, "0") == refusal(caller.apply_token(X_APP_Key=None))
