"""The same answers read by httpx, over a real socket, and by us: every difference is listed, with its reason."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from .corpus import CORPUS, Case, pieces, read

Seen = tuple[int, bytes] | None
TAKEN: Seen = (200, b"ok")
STRICT_LENGTH = (
    "two lengths, even alike, may be read differently by whatever stands between (RFC 9110, 8.6 allows both)"
)
SMUGGLING = "two framings are how requests are smuggled past a front end (faults.md row 26)"
VERSION = "there is no such version of HTTP/1"
CRLF = "a line ends with CR LF; being lax about it (RFC 9112, 2.2) is how answers are split"
INTERIM_BODY = "an interim answer may announce no body (RFC 9110, 8.6); whoever reads one takes the final answer for it"
BOUNDED = "what an answer may cost is bounded"

DIFFERENCES: dict[str, tuple[Seen, Seen, str]] = {
    "duplicate content-length": (TAKEN, None, STRICT_LENGTH),
    "content-length as a list": (TAKEN, None, STRICT_LENGTH),
    "both lengths": (TAKEN, None, SMUGGLING),
    "both lengths, the other way": (TAKEN, None, SMUGGLING),
    "a length as a trailer": (TAKEN, None, "framing has no place after the body (RFC 9110, 6.5.1)"),
    "one interim too many": (TAKEN, None, BOUNDED),
    "unknown interim with a length": (TAKEN, None, INTERIM_BODY),
    "unknown interim in chunks": (TAKEN, None, INTERIM_BODY),
    "interim that closes": (TAKEN, None, "whoever closes after an interim answer has not given the final one"),
    "status 099": (None, (99, b"ok"), "the status is told as it came, and a call names it BAD_STATUS"),
    "0.9": (TAKEN, None, VERSION),
    "1.2": (TAKEN, None, VERSION),
    "2.0": (TAKEN, None, VERSION),
    "line breaks before it": (None, TAKEN, "harmless: some old servers end a body with a line break too many"),
    "folded header": (TAKEN, None, "obsolete; a proxy may see another header in it (RFC 9112, 5.2)"),
    "control character in a header": (TAKEN, None, "no header may hold one (RFC 9110, 5.5)"),
    "bare line feeds": (TAKEN, None, CRLF),
    "one header too many": (TAKEN, None, BOUNDED),
    "huge header": (TAKEN, None, BOUNDED),
}
"""By the case: what httpx gives, what we give, None for a refusal; and why."""


@contextmanager
def raw_server(data: bytes) -> Iterator[str]:
    """Send these bytes to whoever connects, then end the stream."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join()


def by_httpx(case: Case) -> Seen:
    """Read an answer as httpx does."""
    with raw_server(case.data) as url, httpx.Client(trust_env=False, timeout=10) as client:
        try:
            response = client.request("HEAD" if case.head else "GET", url)
        except httpx.TransportError:
            return None
        return response.status_code, response.content


def by_us(case: Case) -> Seen:
    """Read an answer as we do."""
    result = read(*pieces(case.data), head=case.head)
    return result[:2] if isinstance(result, tuple) else None


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CORPUS])
def test_httpx_reads_the_same_but_for_the_listed_differences(case: Case) -> None:
    """An answer is taken or refused as by httpx, unless the table says otherwise and why."""
    seen, ours = by_httpx(case), by_us(case)
    expected = DIFFERENCES.get(case.name, (ours, ours, ""))

    assert expected[:2] == (seen, ours)


def test_the_table_holds_differences_alone() -> None:
    """A row of the table names a case, and is a difference."""
    assert DIFFERENCES.keys() <= {case.name for case in CORPUS}
    assert [] == [
        name for name, (httpx_gives, we_give, why) in DIFFERENCES.items() if httpx_gives == we_give or not why
    ]
