"""The ledger, planned answers, reset, and the administration over HTTP."""

import json
import threading

import pytest

from aiocc.simulator import Simulator

EFFECTS = {
    "leave_message": lambda sim: len(sim.messages),
    "click_to_dial": lambda sim: len(sim.dials),
    "send_note": lambda sim: len(sim.notes) // 2,
    "create_call": lambda sim: sim.calls_placed,
}
CODES = {
    "leave_message": ("3", "returnCode"),
    "click_to_dial": ("12", "resultCode"),
    "send_note": ("100-007", "retcode"),
    "obs_result_codes": ("0200022", "resultCode"),
    "create_call": ("30010010002", "resultCode"),
    "token": ("7", "errorCode"),
    "apply_token": ("1", "resultCode"),
}


def act(caller, operation):
    """Perform an operation, with a token fetched before where it needs one."""
    if operation in ("create_call", "apply_token") and caller.bearer is None:
        caller.bearer = caller.token().json()["AccessToken"]
    return getattr(caller, {"obs_result_codes": "obs"}.get(operation, operation))()


@pytest.mark.parametrize("operation", CODES)
def test_planned_code(caller, sim, operation):
    """A planned code comes once, in the operation's own envelope and with its documented text."""
    code, key = CODES[operation]
    sim.answer_with(operation, code=code, status=500 if operation == "token" else 200)
    planned, after = act(caller, operation), act(caller, operation)

    assert code == planned.json()[key]
    assert code != after.json().get(key)
    assert any(text and text != code for text in planned.json().values() if isinstance(text, str))


@pytest.mark.parametrize("operation", EFFECTS)
def test_plan_without_effect(caller, sim, operation):
    """A planned answer stands before every check, and nothing happens."""
    sim.answer_with(operation, status=503, headers={"Retry-After": "2"}, times=2)
    answers = [act(caller, operation) for _ in range(3)]

    assert [503, 503, 200] == [answer.status_code for answer in answers]
    assert ("2", 1) == (answers[0].headers["Retry-After"], EFFECTS[operation](sim))


@pytest.mark.parametrize("operation", EFFECTS)
def test_plan_after_effect(caller, sim, operation):
    """With after_effect the thing happens, and then the planned answer is given."""
    sim.answer_with(operation, status=502, body="<html>", headers=[("Content-Type", "text/html")], after_effect=True)
    answer = act(caller, operation)

    assert (502, "<html>", "text/html") == (answer.status_code, answer.text, answer.headers["Content-Type"])
    assert 1 == EFFECTS[operation](sim)


def test_plan_after_effect_waits_for_an_accepted_request(caller, sim):
    """A request that is refused gets its refusal, and the plan stays."""
    sim.answer_with("send_note", status=502, after_effect=True)
    answers = [caller.send_note(Guid="x"), caller.send_note(), caller.send_note()]

    assert [200, 502, 200] == [answer.status_code for answer in answers]
    assert 4 == len(sim.notes)


def test_plans_queue_up(caller, sim):
    """Plans of one operation are used first in, first out; raw bodies are bytes, text or JSON."""
    sim.answer_with("send_note", body=b"\xff")
    sim.answer_with("send_note", body={"retcode": 0})
    sim.answer_with("send_note", code="100-007", description="so")

    assert [b"\xff", b'{"retcode": 0}'] == [caller.send_note().content for _ in range(2)]
    assert {"message": "so", "retcode": "100-007", "result": {}} == caller.send_note().json()


def test_leave_message_codes_have_their_own_place(caller, sim):
    """A code other than 3 is a resultCode of leave message."""
    sim.answer_with("leave_message", code="13")
    answer = caller.leave_message().json()

    assert ("13", "0") == (answer["resultCode"], answer["returnCode"])


@pytest.mark.parametrize(
    ("operation", "options"),
    [("none", {}), ("token", {"status": 600}), ("token", {"status": 100}), ("token", {"times": 0})],
)
def test_plan_arguments(sim, operation, options):
    """A plan for no operation, with no status or for no request is a mistake of the test."""
    with pytest.raises(ValueError, match=r"operation|status|times"):
        sim.answer_with(operation, **options)


def test_reset_goes_back_to_the_beginning(caller, sim):
    """Reset empties the ledger and undoes every control; the environment stays the same and is good."""
    before = sim.environment
    caller.create_call()
    sim.answer_with("send_note", status=500)
    sim.channel_configured = False
    sim.configure(guid_grace=1.0)
    sim.advance(10_000)
    sim.rotate_guid(101)
    sim.expire_visitor()
    sim.reset()

    assert (before, 0, ()) == (sim.environment, sim.calls_placed, sim.requests)
    assert True is sim.channel_configured
    assert ("0", "0") == (caller.send_note().json()["retcode"], caller.leave_message().json()["resultCode"])
    assert "0200000" == caller.obs().json()["resultCode"]
    assert 403 == caller.create_call().status_code  # the token was of the time before


class ResetInside:
    """A set of agents that asks for a reset while a request is being judged, and sees whether it waits."""

    def __init__(self, sim):
        self.thread = threading.Thread(target=sim.reset)
        self.waited = None

    def __contains__(self, agent_id):
        if self.waited is None:
            self.thread.start()
            self.thread.join(0.01)
            self.waited = self.thread.is_alive()
        return True


def test_reset_is_atomic(caller, sim):
    """A reset that is asked for during a request waits for its end, and then takes effect and record together."""
    inside = ResetInside(sim)
    sim.configure(signed_in=inside)
    code = caller.send_note().json()["retcode"]
    inside.thread.join()

    assert ("0", True) == (code, inside.waited)
    assert ((), ()) == (sim.notes, sim.requests)


def test_request_repr_hides_credentials_and_bodies(caller, sim):
    """The repr of a request shows no credential header and no body, but the values are there to read."""
    caller.create_call()
    caller.send_note()
    caller.leave_message()
    caller.obs()
    shown = repr(sim.requests)
    secrets = [
        value
        for seen in sim.requests
        for name, value in seen.headers
        if name.lower() in {"authorization", "cookie", "guid", "x-app-key"}
    ]

    assert 5 == len(secrets)
    assert [] == [secret for secret in secrets if secret in shown]
    assert sim.environment["AIOCC_FABRIC_APP_SECRET"] not in shown
    assert "88884432" not in shown
    assert b"88884432" in sim.requests[1].body


def test_snapshot_is_json_without_credentials(caller, sim):
    """The snapshot is JSON and holds no credential and no body."""
    for operation in CODES:
        act(caller, operation)
    text = json.dumps(sim.ledger.snapshot())
    environment = sim.environment
    names = ("AIOCC_WEBADAPTER_TOKEN", "AIOCC_AGENT_GUID", "AIOCC_ISALES_ACCESS_KEY", "AIOCC_ISALES_SECRET_KEY",
             "AIOCC_FABRIC_APP_KEY", "AIOCC_FABRIC_APP_SECRET")  # fmt: skip

    assert [] == [name for name in names if environment[name] in text]
    assert caller.bearer not in text


def test_admin_shows_the_ledger(caller, sim):
    """GET /ledger is the snapshot, and not in it."""
    caller.create_call()
    answer = caller.http.get(sim.admin_url + "/ledger")

    assert sim.ledger.snapshot() == answer.json()
    assert ["token", "create_call"] == [request["operation"] for request in answer.json()["requests"]]


def test_admin_resets(caller, sim):
    """POST /reset goes back to the beginning; other methods and paths do not."""
    caller.send_note()

    assert (405, 404) == (
        caller.http.get(sim.admin_url + "/reset").status_code,
        caller.http.get(sim.admin_url + "/elsewhere").status_code,
    )
    assert 1 == len(sim.requests)
    assert 204 == caller.http.post(sim.admin_url + "/reset").status_code
    assert () == sim.requests


def test_what_was_answered_is_in_the_ledger(caller, sim):
    """A record has the status and the envelope's code."""
    caller.send_note()
    caller.obs(vdn=0)
    caller.create_call({})
    caller.leave_message(Cookie=None)
    seen = [(request.operation, request.status, request.code) for request in sim.requests]

    expected = [
        ("send_note", 200, "0"),
        ("obs_result_codes", 200, "02000007"),
        ("token", 200, None),
        ("create_call", 200, "30010000003"),
        ("leave_message", 401, None),
    ]
    assert expected == seen


def test_credentials_differ_between_simulators(sim):
    """Each world has credentials of its own."""
    with Simulator(tls=False) as other:
        theirs = other.environment
    names = ("WEBADAPTER_TOKEN", "AGENT_GUID", "ISALES_SECRET_KEY", "FABRIC_APP_KEY", "FABRIC_APP_SECRET")

    assert [] == [name for name in names if sim.environment[f"AIOCC_{name}"] == theirs[f"AIOCC_{name}"]]
