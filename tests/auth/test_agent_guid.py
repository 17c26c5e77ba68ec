"""The GUID of a signed-in agent, and how it is followed."""

import pytest

from aiocc.auth import AgentGuid, Secret
from aiocc.errors import ConfigurationError

from .conftest import Fetched, answer, sent

GUID = "6a3ee8bc-1ba8-4f9c-8d47-2b5a7ec2b3f1.AgentGateway1"
NEW = "0d1c2b3a-1ba8-4f9c-8d47-2b5a7ec2b3f1.AgentGateway0"


@pytest.mark.parametrize("given", [GUID, f"JSESSIONID={GUID}", f"{GUID}\n", Secret(GUID), f"JSESSIONID={GUID}\r\n"])
async def test_how_it_is_sent(given):
    """The GUID is sent in its header without what stands before it in `Set-GUID`."""
    strategy = AgentGuid(given)

    assert [("Guid", GUID)] == sent(strategy, await strategy.credential(Fetched())).headers


@pytest.mark.parametrize("bad", ["", "JSESSIONID=", f"{GUID}\r\nX: y", f" {GUID}", "ü", None, 101])
def test_refuses(bad):
    """Row 11: a GUID that no header can carry is refused when it is given, unseen."""
    with pytest.raises(ConfigurationError, match=r"^guid ") as caught:
        AgentGuid(bad)
    assert GUID not in str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        f"JSESSIONID={NEW}",
        NEW,
        f"JSESSIONID={NEW}; Path=/agentgateway; Secure",
        f"JSESSIONID={NEW} ; Path=/",
    ],
)
def test_new_guid_is_followed(header):
    """Whatever answer brings a `Set-GUID`, its value is the current one from then on, and the application is told."""
    told = []
    strategy = AgentGuid(GUID, on_guid=told.append)

    strategy.observe(sent(strategy, strategy.held()), answer(200, set_guid=header).head)

    assert (NEW, [NEW]) == (strategy.held().secret.reveal(), told)


@pytest.mark.parametrize("header", ["", "JSESSIONID=", "; Path=/", "a\x00b", "ü", GUID, f"JSESSIONID={GUID}"])
def test_no_new_guid(header):
    """A header that brings none, or the same, changes nothing and tells nobody."""
    told = []
    strategy = AgentGuid(GUID, on_guid=told.append)
    before = strategy.held()

    strategy.observe(sent(strategy, before), answer(200, set_guid=header).head)

    assert (before, []) == (strategy.held(), told)


def test_late_answer_changes_nothing():
    """The answer to an older GUID does not bring a former one back."""
    strategy = AgentGuid(GUID)
    old = sent(strategy, strategy.held())
    strategy.learn(NEW)

    strategy.observe(old, answer(200, set_guid="JSESSIONID=late").head)

    assert NEW == strategy.held().secret.reveal()


def test_learn_says_whether_it_changed():
    """The same GUID again is no new generation."""
    strategy = AgentGuid(GUID)
    before = strategy.held()

    assert [False, True, False] == [strategy.learn(f"JSESSIONID={GUID}"), strategy.learn(NEW), strategy.learn(NEW)]
    assert before is not strategy.held()


@pytest.mark.parametrize(
    ("status", "data", "changed", "expected"),
    [
        (200, {"retcode": "0"}, False, "ok"),
        (200, {"retcode": "100-001"}, True, "ok"),
        (200, {"retcode": "000-003"}, False, "denied"),
        (200, {"retcode": "100-006"}, False, "denied"),
        (200, {"retcode": "000-003"}, True, "renew"),
        (200, {"retcode": "100-006"}, True, "renew"),
        (401, {}, False, "denied"),
        (500, {}, False, "ok"),
    ],
)
def test_verdict(status, data, changed, expected):
    """000-003 and 100-006 are repeated only where the agent's GUID is another one by now."""
    strategy = AgentGuid(GUID)
    request = sent(strategy, strategy.held())
    if changed:
        strategy.learn(NEW)

    assert expected == strategy.verdict(request, answer(status, data))
