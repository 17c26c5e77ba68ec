"""Faults on demand: how they are named, counted, put together and lifted."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

import httpx
import pytest

from aiocc.simulator import FAULTS, Fault, Simulator
from aiocc.simulator.controls import NAMES
from aiocc.simulator.faults import parse_fault
from aiocc.testing import InProcess

TOKEN = "/apigovernance/api/oauth/tokenByAkSk"


@pytest.fixture
def sim():
    """One without TLS."""
    with Simulator(tls=False) as simulator:
        yield simulator


def ask(sim, **headers):
    """Ask for a token once, on a connection of its own; an operation without arguments and with no effect."""
    environ = sim.environment
    body = {"app_key": environ["AIOCC_FABRIC_APP_KEY"], "app_secret": environ["AIOCC_FABRIC_APP_SECRET"]}
    return httpx.post(environ["AIOCC_FABRIC_URL"] + TOKEN, json=body, headers=headers)


def test_a_count_is_used_up(sim):
    """A fault strikes as often as it was told, and says how often that was."""
    fault = sim.fault("bad_gateway", "token", count=2)

    assert [502, 502, 200] == [ask(sim).status_code for _ in range(3)]
    assert 2 == fault.struck


def test_a_seed_gives_the_same_draws(sim):
    """The same probability and seed strike the same requests."""
    seen = []
    for _ in range(2):
        sim.clear_faults()
        sim.fault("bad_gateway", "token", p=0.5, seed=7)
        seen.append([ask(sim).status_code for _ in range(12)])

    assert seen[0] == seen[1]
    assert {200, 502} == set(seen[0])


def test_faults_strike_together(sim):
    """A composed name strikes in its order, and so do faults that lie in wait for the same request."""
    sim.fault("bad_gateway+cut", "token", at=20)
    with pytest.raises(httpx.RemoteProtocolError):
        ask(sim)
    sim.clear_faults()
    sim.fault("set_cookie", "token")
    sim.fault("code_padded+then_close", "token")

    assert "tracker=1; Path=/" == ask(sim).headers["set-cookie"]


def test_another_operation_is_left_alone(sim):
    """A fault of one operation strikes no other."""
    sim.fault("bad_gateway", "send_note")

    assert 200 == ask(sim).status_code


def test_lifted_by_reset(sim):
    """`reset()` lifts every fault, a closed door included, at the same port."""
    sim.fault("refused", "token")
    with pytest.raises(httpx.ConnectError):
        ask(sim)
    sim.reset()

    assert 200 == ask(sim).status_code


def test_a_door_lets_the_other_services_in(sim):
    """A fault of the connection strikes the service of its operation alone."""
    sim.fault("refused", "send_note")
    address = urlsplit(sim.environment["AIOCC_GATEWAY_URL"])

    assert 200 == ask(sim).status_code
    with pytest.raises(ConnectionRefusedError), socket.create_connection((address.hostname, address.port)):
        pass


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("bytes_cut", httpx.RemoteProtocolError),
        ("bytes_reset", httpx.ReadError),
        ("request_cut", httpx.TransportError),
        ("bytes_stall", httpx.ReadTimeout),
    ],
)
def test_the_proxy_mistreats_bytes(sim, name, error):
    """A proxy between client and service cuts, resets and stalls after so many bytes."""
    sim.fault(name, "token", at=30)

    with pytest.raises(error):
        ask_briefly(sim)


def ask_briefly(sim):
    """Ask with little patience."""
    environ = sim.environment
    body = {"app_key": environ["AIOCC_FABRIC_APP_KEY"], "app_secret": environ["AIOCC_FABRIC_APP_SECRET"]}
    return httpx.post(environ["AIOCC_FABRIC_URL"] + TOKEN, json=body, timeout=0.2)


def test_a_request_that_was_cut_had_no_effect(sim):
    """A request that never came whole is in the ledger without an answer, and nothing has happened."""
    sim.fault("request_cut", "token", at=120)
    with pytest.raises(httpx.TransportError):
        ask(sim)
    sim.clear_faults()
    ask(sim)

    assert {0, 200} >= {request.status for request in sim.requests}
    assert 1 == sum(request.status == 200 for request in sim.requests)


def test_small_pieces_are_a_whole(sim):
    """An answer in pieces of one byte is the same answer."""
    sim.fault("small_pieces", "token")

    assert 200 == ask(sim).status_code


def test_a_good_answer_again_over_tls():
    """After the faults of TLS are lifted a new connection is a good one."""
    with Simulator() as sim:
        context = ssl.create_default_context(cafile=sim.ca_file)
        address = urlsplit(sim.environment["AIOCC_FABRIC_URL"])
        for name in ("unknown_ca", "expired_certificate", "wrong_host", "old_tls"):
            sim.fault(name, count=1)
            with pytest.raises(ssl.SSLError), socket.create_connection((address.hostname, address.port)) as raw:
                context.wrap_socket(raw, server_hostname=address.hostname)
        with (
            socket.create_connection((address.hostname, address.port)) as raw,
            context.wrap_socket(raw, server_hostname=address.hostname) as tls,
        ):
            assert tls.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("reset", Fault.make("reset")),
        ("reset:create_call", Fault.make("reset", "create_call")),
        ("reset:create_call:3", Fault.make("reset", "create_call", count=3)),
        ("reset:3", Fault.make("reset", count=3)),
        ("reset:send_note:p=0.1,seed=7", Fault.make("reset", "send_note", p=0.1, seed=7)),
        ("cut:1,at=20,effect=no", Fault.make("cut", count=1, at=20, effect=False)),
        ("bad_gateway+then_reset:send_note", Fault.make("bad_gateway+then_reset", "send_note")),
        ("rate_limited:retry_after=-1", Fault.make("rate_limited", retry_after="-1")),
    ],
)
def test_texts_name_faults(text, made):
    """A text names a fault, its operation, and how often it strikes."""
    assert made == parse_fault(text, NAMES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rest", "Did you mean reset"),
        ("rest", "There are: array"),
        ("reset:creat_call", "operation is one of"),
        ("reset:create_call:x", "is not NAME"),
        ("reset:create_call:0", "count is at least 1"),
        ("reset:p=2", "p is over 0"),
        ("reset:p=x", "p is a number"),
        ("reset:at=3", "takes no options"),
        ("cut:wrong=3", "it takes at"),
        ("unauthorized:effect=yes", "cannot have had its effect"),
        ("delay:effect=no", "cannot be given for nothing"),
        ("reset:effect=perhaps", "yes or no"),
        ("refused:2", "lasts until it is lifted"),
        ("refused+reset", "goes with no other fault"),
        ("dns_failure", "no server can bring about dns_failure"),
    ],
)
def test_wrong_texts_say_what_there_is(text, said):
    """What cannot be read says why, and what there is."""
    with pytest.raises(ValueError, match=said):
        parse_fault(text, NAMES)


def test_what_needs_sockets_says_so(sim):
    """A contact centre without sockets, or without TLS, refuses the faults that need them; others it has."""
    centre = InProcess()
    for name in ("reset", "refused"):
        with pytest.raises(ValueError, match="sockets"):
            centre.fault(name)
    with pytest.raises(ValueError, match="TLS"):
        sim.fault("unknown_ca")
    with pytest.raises(ValueError, match="operation is one of"):
        sim.fault("reset", "nothing")

    assert "bad_gateway" == centre.fault("bad_gateway").fault.name


def test_every_kind_says_what_happens():
    """Each kind has a line for its reader."""
    assert [] == [kind.name for kind in FAULTS.values() if not kind.text or "\n" in kind.text]
