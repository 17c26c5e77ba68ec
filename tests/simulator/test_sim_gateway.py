"""Rules of the gateway."""

import re

import pytest

from aiocc.simulator import DeliveredNote


def retcode(answer):
    """Give the HTTP status and the code of the envelope."""
    return answer.status_code, answer.json()["retcode"]


def test_send_note(caller, sim):
    """A note is answered as on the page and comes into each inbox."""
    assert {"result": None, "message": "success", "retcode": "0"} == caller.send_note().json()
    assert (DeliveredNote(101, 31002, "hello"), DeliveredNote(101, 31003, "hello")) == sim.notes
    assert (DeliveredNote(101, 31003, "hello"),) == sim.inbox(31003)


def test_guid_has_the_documented_form(sim):
    """A GUID is a UUID and the gateway's name."""
    form = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.AgentGateway1"

    assert re.fullmatch(form, sim.environment["AIOCC_AGENT_GUID"])
    assert re.fullmatch(form, sim.sign_in(31000))


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x"},
        {"agentIds": [], "content": "x"},
        {"agentIds": 31002, "content": "x"},
        {"agentIds": ["31002"], "content": "x"},
        {"agentIds": [31002.0], "content": "x"},
        {"agentIds": [True], "content": "x"},
        {"agentIds": [31002, None], "content": "x"},
        {"agentIds": [31002, 100], "content": "x"},
        {"agentIds": [31002, 1_000_000], "content": "x"},
        {"agentIds": list(range(31000, 31101)), "content": "x"},
        {"agentIds": [31002]},
        {"agentIds": [31002], "content": None},
        {"agentIds": [31002], "content": 1},
        {"agentIds": [31002], "content": "x" * 1024},
        {"agentIds": [31002], "content": "通" * 342},
        {"agentIds": [31002], "content": "\ud800"},
        b"{",
    ],
)
def test_note_parameter_error(caller, sim, body):
    """Receivers are 1 to 100 JSON integers of existing agents, content is text of 0 to 1023 bytes."""
    answer = caller.send_note(body)

    assert ((200, "100-001"), {}) == (retcode(answer), answer.json()["result"])
    assert () == sim.notes


@pytest.mark.parametrize("content", ["", "x" * 1023, "通" * 341])
def test_note_content_limits(caller, sim, content):
    """Content may be empty and has up to 1023 bytes in UTF-8."""
    caller.send_note({"agentIds": [31002], "content": content})

    assert content == sim.inbox(31002)[0].content


def test_hundred_receivers(caller, sim):
    """A note goes to up to 100 receivers."""
    caller.send_note({"agentIds": list(range(31000, 31100)), "content": "x"})

    assert 100 == len(sim.notes)


def test_receiver_not_signed_in(caller, sim):
    """A note to an agent who is not signed in is taken, kept, and not delivered."""
    assert (200, "0") == retcode(caller.send_note({"agentIds": [500], "content": "x"}))
    assert (DeliveredNote(101, 500, "x", delivered=False),) == sim.notes
    assert () == sim.inbox(500)


def test_duplicate_receivers_and_the_sender(caller, sim):
    """A receiver named twice gets the note twice; the sender may be one."""
    caller.send_note({"agentIds": [31002, 31002, 101], "content": "x"})

    assert (2, 1) == (len(sim.inbox(31002)), len(sim.inbox(101)))


def test_guid_is_missing(caller):
    """No Guid is 000-003."""
    assert (200, "000-003") == retcode(caller.send_note(Guid=None))


def test_guid_twice(caller, sim):
    """Two Guid headers are none."""
    guid = sim.environment["AIOCC_AGENT_GUID"]
    headers = [("Guid", guid), ("Guid", guid), ("Content-Type", "application/json; charset=UTF-8")]
    url = sim.url("gateway") + "/agentgateway/resource/onlineagent/101/sendnoteletex"

    assert (200, "000-003") == retcode(caller.http.post(url, headers=headers))


def test_guid_is_wrong(caller, sim):
    """A GUID of nobody or of another agent is 100-006."""
    answer = caller.send_note(Guid="x")

    assert ((200, "100-006"), {}) == (retcode(answer), answer.json()["result"])
    assert (200, "100-006") == retcode(caller.send_note(Guid=sim.sign_in(31002)))
    assert () == sim.notes


@pytest.mark.parametrize("agent", ["100", "1000000", "0101", "abc", "-1", "%D9%A1%D9%A0%D9%A1"])
def test_agent_in_the_path(caller, agent):
    """The path names an existing agent, in plain digits."""
    assert (200, "000-002") == retcode(caller.send_note(agent=agent))


def test_rotation_is_announced_once(caller, sim):
    """The next answer to that agent brings the new GUID; both serve while the grace lasts."""
    new = sim.rotate_guid(101)
    first = caller.send_note()
    second = caller.send_note(Guid=new)

    assert f"JSESSIONID={new}" == first.headers["Set-GUID"]
    assert "Set-GUID" not in second.headers
    assert ((200, "0"), (200, "0")) == (retcode(first), retcode(second))


def test_rotation_without_announcement(caller, sim):
    """A rotation may go unannounced."""
    sim.rotate_guid(101, announce=False)

    assert "Set-GUID" not in caller.send_note().headers


def test_grace_ends(caller, sim):
    """After its grace the former GUID is 100-006, and that answer announces nothing."""
    new = sim.rotate_guid(101)
    sim.advance(120)
    late = caller.send_note()

    assert ((200, "100-006"), False) == (retcode(late), "Set-GUID" in late.headers)
    assert (200, "0") == retcode(caller.send_note(Guid=new))


def test_grace_is_a_setting(caller, sim):
    """Without a grace the former GUID is refused at once."""
    sim.configure(guid_grace=0.0)
    sim.rotate_guid(101)

    assert (200, "100-006") == retcode(caller.send_note())


def test_sign_out_and_in(caller, sim):
    """An agent who is signed out has no good GUID and gets no notes; signing in gives a new one."""
    old = sim.environment["AIOCC_AGENT_GUID"]
    sim.sign_out(101)
    sim.sign_out(31002)

    assert (200, "100-006") == retcode(caller.send_note())
    new = sim.sign_in(101)
    assert (True, new) == (new != old, sim.sign_in(101))
    caller.send_note(Guid=new)
    assert (0, 1) == (len(sim.inbox(31002)), len(sim.inbox(31003)))


def test_unknown_agents_cannot_sign_in(sim):
    """Only agents who exist can be signed in or rotated."""
    with pytest.raises(ValueError, match="no agent"):
        sim.sign_in(7)
    with pytest.raises(ValueError, match="not signed in"):
        sim.rotate_guid(500)


def test_signed_in_agents_are_a_setting(caller, sim):
    """Who is signed in can be changed."""
    sim.configure(signed_in=(500,))
    caller.send_note({"agentIds": [500, 31002], "content": "x"})

    assert (1, 0) == (len(sim.inbox(500)), len(sim.inbox(31002)))
