"""`aiocc doctor`: what works, what does not, and what to do about it."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from aiocc.simulator import Simulator

from .conftest import Run

Checks = dict[tuple[str, str], dict[str, Any]]
SERVICES = ("webadapter", "gateway", "isales", "fabric")


def checked(run: Run, *arguments: str, exit_code: int, only: str | None = None, **variables: str | None) -> Checks:
    """Run the doctor, and give its checks by service and name."""
    done = run("doctor", "--json", *arguments, only=only, **variables)

    assert exit_code == done.exit_code, done.output
    return {(check["service"], check["name"]): check for check in json.loads(done.stdout)}


def failed(checks: Checks) -> dict[tuple[str, str], str]:
    """Give the advice of what failed."""
    return {which: check["advice"] for which, check in checks.items() if check["state"] == "failed"}


def test_all_well_exits_with_0_and_changes_nothing(run: Run, aicc: Simulator) -> None:
    """Each service is looked at in each way, and nothing happens in the contact centre."""
    checks = checked(run, exit_code=0)

    assert {
        (service, name) for service in SERVICES for name in ("dns", "tcp", "tls", "latency", "clock", "credential")
    } | {("isales", "no query")} == set(checks)
    assert {"ok", "skipped"} == {check["state"] for check in checks.values()}
    skipped = [
        service for (service, name), check in checks.items() if (name, check["state"]) == ("credential", "skipped")
    ]
    assert ["gateway"] == skipped
    assert "days" in checks["fabric", "tls"]["detail"]
    assert (0, (), (), (), ()) == (aicc.calls_placed, aicc.dials, aicc.messages, aicc.notes, aicc.agents_signed_in)


def test_people_get_a_line_for_each_check(run: Run, aicc: Simulator) -> None:
    """A line begins with the service, the check and what came of it; advice is indented below what failed."""
    done = run("doctor", only="webadapter", AIOCC_WEBADAPTER_TOKEN="wrong")

    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.split()[:2] == ["webadapter", "credential"])
    assert (1, ["failed", "refused"]) == (done.exit_code, lines[at].split()[2:])
    assert lines[at + 1].startswith(" ")
    assert "AIOCC_WEBADAPTER_TOKEN" in lines[at + 1]


@pytest.mark.aiocc_allow("localhost", "nowhere.invalid")
def test_a_host_name_is_resolved(run: Run, aicc: Simulator) -> None:
    """A name's addresses are shown; one that nobody knows fails, and what follows is skipped."""
    known = aicc.environment["AIOCC_FABRIC_URL"].replace("127.0.0.1", "localhost")
    checks = checked(run, exit_code=1, AIOCC_FABRIC_URL=known, AIOCC_ISALES_URL="https://nowhere.invalid")

    assert "127.0.0.1" in checks["fabric", "dns"]["detail"]
    assert {("isales", "dns"): "Check the host name in the service's URL."} == failed(checks)
    assert "dns failed" == checks["isales", "credential"]["detail"]


def test_a_refused_port_is_named(run: Run) -> None:
    """Where nothing listens the connection fails, and the advice is to look at address and port."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        checks = checked(
            run, exit_code=1, only="gateway", AIOCC_GATEWAY_URL=f"https://127.0.0.1:{held.getsockname()[1]}"
        )

    assert {("gateway", "tcp"): "Check that the service runs at this address and port."} == failed(checks)


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        ("unknown_ca", "AIOCC_CA_FILE"),
        ("expired_certificate", "renewed"),
        ("wrong_host", "Use the name in the certificate"),
        ("old_tls", "TLS 1.2"),
        ("plain_http", "speaks TLS"),
    ],
)
def test_a_certificate_that_does_not_fit_is_named(run: Run, aicc: Simulator, fault: str, advice: str) -> None:
    """Each fault of TLS fails that check, with its own advice, and no request is sent."""
    aicc.fault(fault)

    found = failed(checked(run, exit_code=1, only="gateway"))

    assert [("gateway", "tls")] == list(found)
    assert advice in found["gateway", "tls"]
    assert () == tuple(request for request in aicc.requests if request.operation)


@pytest.mark.parametrize(
    ("fault", "advice"),
    [("client_certificate", "TLS(client_cert=...)"), ("reset_at_accept", "what stands in front of the service")],
)
def test_a_connection_that_is_not_answered_is_named(run: Run, aicc: Simulator, fault: str, advice: str) -> None:
    """What goes wrong after the handshake fails the first request, with an advice of its own."""
    aicc.fault(fault)

    found = failed(checked(run, exit_code=1, only="gateway"))

    assert 1 == len(found)
    assert advice in next(iter(found.values()))


def test_a_certificate_near_its_end_fails(run: Run) -> None:
    """A certificate that ends in fewer days than asked for is a failure, and the rest is looked at all the same."""
    checks = checked(run, "--days", "1000000", exit_code=1, only="fabric")

    assert [("fabric", "tls")] == list(failed(checks))
    assert "ok" == checks["fabric", "credential"]["state"]


def test_a_skewed_clock_is_told(run: Run, aicc: Simulator) -> None:
    """The clocks are compared by the service's Date; the signature is accepted all the same."""
    aicc.advance(1800)

    checks = checked(run, exit_code=1, only="isales")

    assert [("isales", "clock")] == list(failed(checks))
    assert "ahead" in checks["isales", "clock"]["detail"]
    assert "ok" == checks["isales", "credential"]["state"]


@pytest.mark.parametrize(
    ("variable", "service", "advice"),
    [
        ("AIOCC_WEBADAPTER_TOKEN", "webadapter", "exactly as received: one lives an hour. WebToken(...)"),
        ("AIOCC_ISALES_ACCESS_KEY", "isales", "AIOCC_ISALES_SECRET_KEY"),
        ("AIOCC_ISALES_SECRET_KEY", "isales", "AIOCC_ISALES_SECRET_KEY"),
        ("AIOCC_FABRIC_APP_KEY", "fabric", "key and its secret"),
        ("AIOCC_FABRIC_APP_SECRET", "fabric", "key and its secret"),
    ],
)
def test_a_wrong_credential_is_named(run: Run, variable: str, service: str, advice: str) -> None:
    """A credential that is refused fails its service's check alone, and shows itself nowhere."""
    done = run("doctor", "--json", only=service, **{variable: "canary-4711"})
    found = failed({(check["service"], check["name"]): check for check in json.loads(done.stdout)})

    assert (1, {(service, "credential")}) == (done.exit_code, set(found))
    assert advice in found[service, "credential"]
    assert "canary-4711" not in done.output


@pytest.mark.parametrize(
    ("world", "switches", "variable"),
    [
        ({"c2_milliseconds": True}, "milliseconds=True", "milliseconds"),
        (
            {"c2_signed_headers": ("content-type", "host")},
            "signed_headers=('content-type', 'host')",
            "signed_headers=content-type;host",
        ),
        ({"c2_host_without_port": True}, "host='127.0.0.1'", "host=127.0.0.1"),
        (
            {"c2_milliseconds": True, "c2_signed_headers": ("content-type", "host"), "c2_host_without_port": True},
            "milliseconds=True, signed_headers=('content-type', 'host'), host='127.0.0.1'",
            "milliseconds signed_headers=content-type;host host=127.0.0.1",
        ),
    ],
)
def test_the_way_a_deployment_signs_is_found(
    run: Run, aicc: Simulator, world: dict[str, Any], switches: str, variable: str
) -> None:
    """Where a signature is refused, the documented others are tried; the one that is named serves when it is given."""
    aicc.configure(**world)

    found = failed(checked(run, exit_code=1, only="isales"))
    advice = f"Give AkSk(access_key, secret_key, {switches}), or AIOCC_ISALES_SIGNATURE='{variable}'."

    assert {("isales", "credential"): advice} == found
    checked(run, exit_code=0, only="isales", AIOCC_ISALES_SIGNATURE=variable)


@pytest.mark.parametrize(
    ("world", "given", "advice"),
    [
        ({"c2_blank_query_line": True}, None, "blank_query_line=True"),
        (
            {"c2_blank_query_line": True, "c2_milliseconds": True},
            "milliseconds",
            "milliseconds=True, blank_query_line=True",
        ),
        ({"c2_milliseconds": True}, "milliseconds blank_query_line", "milliseconds=True"),
    ],
)
def test_a_blank_query_line_is_found(
    run: Run, aicc: Simulator, world: dict[str, Any], given: str | None, advice: str
) -> None:
    """The blank line shows only in a request without a query, so one is asked with and without it."""
    aicc.configure(**world)

    found = failed(checked(run, exit_code=1, only="isales", AIOCC_ISALES_SIGNATURE=given))

    assert [("isales", "no query")] == list(found)
    assert f"Give AkSk(access_key, secret_key, {advice})," in found["isales", "no query"]


def test_a_parameter_refusal_proves_the_signature(run: Run, aicc: Simulator) -> None:
    """An answer with a code of the service's own came after the signature was accepted."""
    aicc.answer_with("obs_result_codes", code="02000007", times=2)

    checks = checked(run, "--vdn", "9999", exit_code=0, only="isales")

    assert "accepted" in checks["isales", "credential"]["detail"]
    assert "02000007" in checks["isales", "credential"]["detail"]


def test_a_service_that_fails_says_nothing_of_the_credential(run: Run, aicc: Simulator) -> None:
    """A failing status is told as such, and not as a refused credential."""
    aicc.answer_with("dial_events", status=503, body="sorry", times=10)

    checks = checked(run, exit_code=1, only="webadapter")

    assert "could not be tried" in checks["webadapter", "credential"]["detail"]


def test_a_service_without_a_credential_is_skipped(run: Run) -> None:
    """A web adapter whose visitors bring their tokens is looked at as far as it goes."""
    checks = checked(run, exit_code=0, only="webadapter", AIOCC_WEBADAPTER_TOKEN=None)

    assert ("skipped", "ok") == (checks["webadapter", "credential"]["state"], checks["webadapter", "tls"]["state"])


def test_a_wrong_configuration_is_3(run: Run) -> None:
    """What keeps a client from being made at all is no check."""
    assert 3 == run("doctor", AIOCC_FABRIC_APP_SECRET=None).exit_code
    assert 3 == run("doctor", AIOCC_CA_FILE="/nowhere/ca.pem").exit_code
