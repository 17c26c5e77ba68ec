"""Rules that all services share: paths, methods, content types, lengths, and what arrives broken."""

import time

import pytest

TYPE = "application/json; charset=UTF-8"
OPERATIONS = ("leave_message", "click_to_dial", "send_note", "create_call", "token", "apply_token", "obs")
WITH_CHARSET = ("leave_message", "click_to_dial", "send_note", "obs")
FABRIC = ("create_call", "token", "apply_token")


@pytest.mark.parametrize("service", ["webadapter", "gateway", "isales", "fabric"])
@pytest.mark.parametrize("path", ["/", "/nothing", "/agentgateway", "/%2e%2e/"])
def test_unknown_path(caller, sim, service, path):
    """An unknown path is 404 and in the ledger without an operation."""
    answer = caller.http.get(sim.url(service) + path)

    assert (404, None) == (answer.status_code, sim.requests[-1].operation)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_path_of_another_service(caller, sim, operation):
    """Each service is an origin of its own: its paths are unknown on the others' ports."""
    request = getattr(caller, operation)().request
    own = sim.requests[-1].service
    others = {"webadapter", "gateway", "isales", "fabric"} - {own}
    path = request.url.raw_path.decode()
    again = {"headers": request.headers, "content": request.content}
    answers = [caller.http.request(request.method, sim.url(other) + path, **again) for other in others]

    assert [404] * 3 == [answer.status_code for answer in answers]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_trailing_slash_and_case(caller, operation):
    """A path with a slash more or in another case is unknown, and nothing is redirected."""
    request = getattr(caller, operation)().request
    url = request.url

    for path in (url.path + "/", url.path.upper()):
        assert 404 == caller.http.request(request.method, url.copy_with(path=path)).status_code


@pytest.mark.parametrize("operation", OPERATIONS)
def test_wrong_method(caller, sim, operation):
    """Another method is 405 with Allow, and has no effect."""
    request = getattr(caller, operation)().request
    sim.reset()
    headers = {**request.headers}
    methods = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"} - {request.method}

    for method in sorted(methods):
        answer = caller.http.request(method, request.url, headers=headers, content=request.content)
        assert (405, request.method) == (answer.status_code, answer.headers["Allow"])
    assert (0, (), ()) == (sim.calls_placed, sim.notes, sim.messages)
    assert {None} == {seen.operation for seen in sim.requests}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "value", [None, "", "text/json", "application/json; charset=GBK", "application/json; charset=UTF-8; x=1",
              "application/json; charset = UTF-8", "application/x-www-form-urlencoded"],
)  # fmt: skip
def test_wrong_content_type(caller, sim, operation, value):
    """A missing or another content type is 415, on the GET too."""
    caller.bearer = caller.token().json()["AccessToken"]

    assert 415 == getattr(caller, operation)(Content_Type=value).status_code
    assert (0, (), ()) == (sim.calls_placed, sim.notes, sim.messages)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("value", [TYPE, "Application/JSON;charset=utf-8", 'application/json; charset="UTF-8"'])
def test_content_type_spellings(caller, operation, value):
    """Media type and charset are compared regardless of case."""
    assert 200 == getattr(caller, operation)(Content_Type=value).status_code


def test_charset_has_to_be_said_but_at_fabric(caller):
    """Without a charset, three services answer 415 and API Fabric does not mind."""
    answers = {name: getattr(caller, name)(Content_Type="application/json").status_code for name in OPERATIONS}

    assert dict.fromkeys(WITH_CHARSET, 415) | dict.fromkeys(FABRIC, 200) == answers


def test_body_over_a_mebibyte(caller, sim):
    """A body over 1 MiB is read and answered with 413; one of 1 MiB is read."""
    large = b'{"phoneNo":"1","leaveMessage":"' + b"x" * (1 << 20)
    exact = large[: (1 << 20) - 2] + b'"}'

    assert (413, 413) == (
        caller.leave_message(large + b'"}').status_code,
        caller.send_note(b"x" * 5_000_000).status_code,
    )
    assert ("0", 1) == (caller.leave_message(exact).json()["returnCode"], len(sim.messages))
    assert 1 << 20 == len(sim.requests[0].body)


def test_chunked_body(caller, sim):
    """A body may come in chunks."""
    chunks = iter([b'{"agentIds": [31002], ', b'"content": "x"}'])
    headers = {"Content-Type": TYPE, "Guid": sim.environment["AIOCC_AGENT_GUID"]}
    url = sim.url("gateway") + "/agentgateway/resource/onlineagent/101/sendnoteletex"

    assert "0" == caller.http.post(url, headers=headers, content=chunks).json()["retcode"]


def test_bytes_that_are_no_request(caller, sim):
    """What is not HTTP is 400 and in the ledger without a method."""
    received = caller.raw("gateway", b"GET /x y HTTP/9\r\nGuid: secret\r\n\r\n")

    assert b"HTTP/1.1 400 " == received[:13]
    assert ("gateway", "", 400) == (sim.requests[0].service, sim.requests[0].method, sim.requests[0].status)


def test_conflicting_lengths(caller, sim):
    """A request with two ways to tell its length is refused."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"

    assert b"HTTP/1.1 400 " == caller.raw("gateway", head)[:13]


def test_request_broken_off(caller, sim):
    """A request that ends before its body does has no effect and is in the ledger with status 0."""
    caller.send_note()
    request = sim.requests[-1]
    sim.reset()
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
    with caller.connect("gateway") as connection:
        connection.sendall(f"POST {request.target} HTTP/1.1\r\n{head}\r\n".encode() + request.body[:-1])
    until(lambda: sim.requests)

    assert ("send_note", 0) == (sim.requests[0].operation, sim.requests[0].status)
    assert () == sim.notes


def until(condition):
    """Wait until another thread has made something true."""
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.005)


def test_headers_as_they_arrived(caller, sim):
    """The ledger has target, header spelling, order and repetitions as they came."""
    caller.raw("isales", b"GET /a%2Fb?x=%31&y HTTP/1.1\r\nHOST: h\r\nX-Two: 1\r\nx-two: 2\r\nConnection: close\r\n\r\n")
    seen = sim.requests[0]

    assert "/a%2Fb?x=%31&y" == seen.target
    assert (("HOST", "h"), ("X-Two", "1"), ("x-two", "2"), ("Connection", "close")) == seen.headers
    assert ("1", None) == (seen.header("X-TWO"), seen.header("none"))


def test_date_comes_once(caller):
    """Every answer has one Date and no Server."""
    headers = caller.send_note().headers

    assert (1, None) == (len(headers.get_list("Date")), headers.get("Server"))
