"""The small values of a request and an answer."""

from urllib.parse import parse_qsl

import pytest

from aiocc.delivery import Reason
from aiocc.errors import ConfigurationError
from aiocc.protocol.messages import (
    Answer,
    AnswerHead,
    Fault,
    Origin,
    WireRequest,
    encode_query,
    parse_url,
    quote_segment,
    shown_headers,
)


@pytest.mark.parametrize(
    ("url", "origin", "path", "authority"),
    [
        ("https://10.10.10.3:8043", Origin("https", "10.10.10.3", 8043), "", "10.10.10.3:8043"),
        ("https://service.besclouds.com/", Origin("https", "service.besclouds.com", 443), "", "service.besclouds.com"),
        ("https://h:443/a/b/", Origin("https", "h", 443), "/a/b", "h"),
        ("http://127.0.0.1:80", Origin("http", "127.0.0.1", 80), "", "127.0.0.1"),
        ("HTTPS://Example.COM:9443", Origin("https", "example.com", 9443), "", "example.com:9443"),
        ("https://[::1]:8043/x", Origin("https", "::1", 8043), "/x", "[::1]:8043"),
        ("https://bücher.example", Origin("https", "xn--bcher-kva.example", 443), "", "xn--bcher-kva.example"),
    ],
)
def test_parse_url(url, origin, path, authority):
    """An address is an origin and a path; the Host header names the port unless it is the scheme's own."""
    found, prefix = parse_url(url, what="url")

    assert (origin, path, authority, f"{origin.scheme}://{authority}") == (found, prefix, found.authority, str(found))


@pytest.mark.parametrize(
    "url",
    [
        None,
        b"https://h",
        "",
        "h",
        "//h",
        "/path",
        "ftp://h",
        "https://",
        "https://:8043",
        "https://h:99999",
        "https://h:0",
        "https://h:port",
        "https://[::1",
        "https://user@h",
        "https://user:pa55word@h",
        "https://h\\@evil.example",
        "https://h?x=1",
        "https://h/#x",
        "https://h/a b",
        "https://h/a\n",
        " https://h",
        "https://h\x00",
        "https://" + "ü" * 64 + ".example",
        "https://h/ü",
    ],
)
def test_parse_url_refuses(url):
    """Row 13: no absolute http(s) URL, user info, query or fragment are refused, and nothing of it is shown."""
    with pytest.raises(ConfigurationError, match=r"^what ") as caught:
        parse_url(url, what="what")
    assert "pa55word" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", False), ("10.0.0.1", False), ("h", False)],
)
def test_loopback_is_literal(host, expected):
    """A name, `localhost` too, is no loopback address: a resolver could say anything."""
    assert expected is Origin("http", host, 80).is_loopback


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("101", "101"),
        ("../admin", "..%2Fadmin"),
        ("a?b#c&d=e", "a%3Fb%23c%26d%3De"),
        ("%2F", "%252F"),
        ("a b\r\n", "a%20b%0D%0A"),
        ("张", "%E5%BC%A0"),
        ("-._~", "-._~"),
    ],
)
def test_segment_cannot_leave_its_place(text, expected):
    """Row 12: whatever a value holds, it stays one segment of the path."""
    assert expected == quote_segment(text)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], ""),
        ([("pageSize", "50"), ("pageNum", "1")], "pageSize=50&pageNum=1"),
        ([("a b", "c+d/e"), ("name", "张"), ("z", ""), ("z", "*~")], "a%20b=c%2Bd%2Fe&name=%E5%BC%A0&z=&z=%2A~"),
    ],
)
def test_query(pairs, expected):
    """A query is encoded by RFC 3986 in its order, a blank as `%20`, and any server reads it back."""
    assert (expected, pairs) == (encode_query(pairs), parse_qsl(expected, keep_blank_values=True))


def test_target():
    """The request line holds the query only where there is one."""
    assert ("/a", "/a?b=c") == (WireRequest("GET", "/a").target, WireRequest("GET", "/a", (("b", "c"),)).target)


def test_headers_are_found_by_any_spelling():
    """Names of a request's headers have no case, those of an answer are lower; the first counts, and all can be had."""
    sent = WireRequest("GET", "/", headers=[("Guid", "1"), ("guid", "2")])
    head = AnswerHead(200, [("set-guid", "1"), ("set-guid", "2")])

    assert ("1", None, "1", ["1", "2"]) == (
        sent.header("GUID"),
        sent.header("cookie"),
        head.header("set-guid"),
        head.all_headers("set-guid"),
    )


@pytest.mark.parametrize(
    "value",
    [
        WireRequest("POST", "/a", (("q", "s3cr3t"),), [("Authorization", "s3cr3t")], b"s3cr3t", credential="s3cr3t"),
        AnswerHead(200, [("set-guid", "s3cr3t")]),
        Answer(AnswerHead(200, [("set-guid", "s3cr3t")]), b"s3cr3t"),
    ],
)
def test_repr_hides_what_travels(value):
    """The repr of what travels shows names and sizes, never a value of a header, a query or a body."""
    assert "s3cr3t" not in repr(value)


def test_shown_headers():
    """A header whose value is not known to be public is shown without it."""
    headers = [("Host", "h"), ("Content-Type", "t"), ("Guid", "g"), ("X-TenantSpaceID", "1"), ("Cookie", "c")]

    assert [("Host", "h"), ("Content-Type", "t"), ("Guid", "***"), ("X-TenantSpaceID", "***"), ("Cookie", "***")] == (
        shown_headers(headers)
    )


def test_fault_carries_its_reason():
    """A fault says why, and what little may be said beside it."""
    fault = Fault(Reason.BODY_TOO_LARGE, "over 7 bytes")

    assert (Reason.BODY_TOO_LARGE, "over 7 bytes", "over 7 bytes") == (fault.reason, fault.detail, str(fault))
