"""Rules of the web adapter."""

import base64
import json
from urllib.parse import unquote

import pytest

from aiocc.simulator import ClickToDialCall, LeftMessage, World

PARAMETER_ERROR = {
    "returnCode": "3",
    "resultCode": "0",
    "description": "the leaveMessageParams is error.",
    "resultDesc": "",
}


def user(token):
    """Read the user id out of a visitor's token."""
    return json.loads(base64.b64decode(unquote(token)))["userId"]


def test_leave_message(caller, sim):
    """A message left is answered as on the page, and kept."""
    expected = {
        "returnCode": "0",
        "resultCode": "0",
        "description": "",
        "resultDesc": "Save leaveMessage success!",
    }

    assert expected == caller.leave_message().json()
    visitor = user(sim.environment["AIOCC_WEBADAPTER_TOKEN"])
    assert (LeftMessage(visitor, "123456", "call back"),) == sim.messages


@pytest.mark.parametrize(
    "body",
    [
        {"phoneNo": "", "leaveMessage": "x"},
        {"phoneNo": "1", "leaveMessage": ""},
        {"leaveMessage": "x"},
        {"phoneNo": "1"},
        {"phoneNo": 1, "leaveMessage": "x"},
        {"phoneNo": "1", "leaveMessage": None},
        {"phoneNo": "1", "leaveMessage": "\ud800"},
        b"",
        b"[]",
        b"{",
        b'{"phoneNo": "1", "leaveMessage": "x", "leaveMessage": "y"}',
        b'{"phoneNo": "1", "leaveMessage": "x", "z": NaN}',
        '{"phoneNo": "1", "leaveMessage": "é"}'.encode("latin-1"),
        '\ufeff{"phoneNo": "1", "leaveMessage": "x"}'.encode(),
        b'{"z":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"z":' + b"1" * 5_000 + b"}",
    ],
)
def test_leave_message_parameter_error(caller, sim, body):
    """Empty, missing or non-string fields, and bodies that are no strict JSON object, are returnCode 3."""
    assert PARAMETER_ERROR == caller.leave_message(body).json()
    assert () == sim.messages


def test_result_code_beside_3_is_a_setting(caller, sim):
    """The page does not say which resultCode goes with returnCode 3."""
    sim.configure(parameter_error_result_code="3")

    assert "3" == caller.leave_message({}).json()["resultCode"]


def test_extra_fields_are_ignored(caller, sim):
    """A field that no page names changes nothing."""
    caller.leave_message({"phoneNo": "1", "leaveMessage": "x", "more": 1})

    assert 1 == len(sim.messages)


@pytest.mark.parametrize("media", ["0", "1"])
def test_click_to_dial(caller, sim, media):
    """Click-to-dial takes voice and video, and needs no session but the token."""
    expected = {"resultCode": "0", "resultDesc": "connect successfully."}

    assert expected == caller.click_to_dial({"mediaAbility": media}).json()
    assert (ClickToDialCall(user(sim.environment["AIOCC_WEBADAPTER_TOKEN"]), media),) == sim.dials


@pytest.mark.parametrize("body", [{"mediaAbility": "2"}, {"mediaAbility": 0}, {"mediaAbility": ["0"]}, {}, b"x"])
def test_click_to_dial_parameter_error(caller, sim, body):
    """Another media ability is result code 13."""
    assert {"resultCode": "13", "resultDesc": "connect failed"} == caller.click_to_dial(body).json()
    assert () == sim.dials


def test_channel_has_to_be_configured(caller, sim):
    """Without the web channel nothing is done, and both operations say so."""
    sim.channel_configured = False
    message = caller.leave_message().json()

    assert ("13", "0") == (message["resultCode"], message["returnCode"])
    assert "7" == caller.click_to_dial().json()["resultCode"]
    assert ((), ()) == (sim.messages, sim.dials)


def test_token_has_the_documented_form(sim):
    """The token is URL-encoded base64 of a JSON object and holds a percent sign."""
    token = sim.new_visitor("ada")
    content = json.loads(base64.b64decode(unquote(token), validate=True))

    assert {"tenantId", "channelId", "userId", "createTime"} == content.keys()
    assert "%" in token


@pytest.mark.parametrize("user_id", ["a", "ab", "abc", "abcd"])
def test_token_is_compared_still_encoded(caller, sim, user_id):
    """A cookie that was decoded is another value."""
    token = sim.new_visitor(user_id)

    assert 200 == caller.leave_message(Cookie=f"ccmessaging-token={token}").status_code
    assert 401 == caller.leave_message(Cookie=f"ccmessaging-token={unquote(token)}").status_code


def test_other_cookies_are_allowed(caller, sim):
    """The token is found among other cookies."""
    token = sim.environment["AIOCC_WEBADAPTER_TOKEN"]

    assert 200 == caller.leave_message(Cookie=f"a=b; ccmessaging-token={token}; c=").status_code


@pytest.mark.parametrize(
    "cookie",
    [
        None,
        "ccmessaging-token=",
        "ccmessaging-token=unknown",
        "other={}",
        "CCMESSAGING-TOKEN={}",
        'ccmessaging-token="{}"',
        "ccmessaging-token={}; ccmessaging-token={}",
        "ccmessaging-token={},a=b",
        "ccmessaging-token={};a=b",
        "ccmessaging-token={}; bare",
        "ccmessaging-token={}; a=b c",
        "ccmessaging-token={};",
    ],
)
def test_cookie_is_read_strictly(caller, sim, cookie):
    """A missing, unknown, doubled or malformed cookie is 401 with an opaque body and without effect."""
    token = sim.environment["AIOCC_WEBADAPTER_TOKEN"]
    answer = caller.leave_message(Cookie=cookie and cookie.replace("{}", token))

    assert (401, "Unauthorized") == (answer.status_code, answer.text)
    assert () == sim.messages


def test_token_as_a_header_counts_for_nothing(caller, sim):
    """The table of the page asks for the cookie."""
    token = sim.environment["AIOCC_WEBADAPTER_TOKEN"]

    assert 401 == caller.leave_message(Cookie=None, ccmessaging_token=token).status_code


def test_token_lives_an_hour(caller, sim):
    """A token is good for an hour on the centre's clock."""
    token = sim.new_visitor("ada")
    sim.advance(3599)
    before = caller.leave_message(Cookie=f"ccmessaging-token={token}").status_code
    sim.advance(1)

    assert (200, 401) == (before, caller.leave_message(Cookie=f"ccmessaging-token={token}").status_code)


def test_expire_one_visitor(caller, sim):
    """An expired token is 401; another visitor's stays good."""
    token = sim.new_visitor("ada")
    sim.expire_visitor(token)

    assert 401 == caller.leave_message(Cookie=f"ccmessaging-token={token}").status_code
    assert 200 == caller.leave_message().status_code
    sim.expire_visitor()
    assert 401 == caller.leave_message().status_code


def test_expire_unknown_visitor(sim):
    """To expire a token that nobody has is a mistake of the test."""
    with pytest.raises(ValueError, match="no visitor"):
        sim.expire_visitor("x")


def test_newest_token_of_a_visitor_counts(caller, sim):
    """A visitor has one token."""
    old, new = sim.new_visitor("ada"), sim.new_visitor("ada")

    assert 401 == caller.leave_message(Cookie=f"ccmessaging-token={old}").status_code
    assert 200 == caller.leave_message(Cookie=f"ccmessaging-token={new}").status_code


def test_renewal_in_a_live_session(caller, sim):
    """By setting, an expired token serves once more and the answer brings the new one."""
    sim.configure(renew_visitor_tokens=True)
    sim.expire_visitor()
    answer = caller.leave_message()
    renewed = answer.headers["ccmessaging-token"]

    assert 1 == len(sim.messages)
    assert user(sim.environment["AIOCC_WEBADAPTER_TOKEN"]) == user(renewed)
    assert 401 == caller.leave_message().status_code
    again = caller.leave_message(Cookie=f"ccmessaging-token={renewed}")
    assert (200, False) == (again.status_code, "ccmessaging-token" in again.headers)


def test_renewed_token_comes_with_a_parameter_error_too(caller, sim):
    """The new token is not lost when the operation fails."""
    sim.configure(renew_visitor_tokens=True)
    sim.expire_visitor()

    assert "ccmessaging-token" in caller.leave_message({}).headers


def test_world_hides_credentials():
    """The repr of a world shows no credential."""
    world = World(agent_guid="g-secret", secret_key="s-secret", app_secret="a-secret", agent_password="p-secret")

    assert "-secret" not in repr(world)
