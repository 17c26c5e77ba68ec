"""The matrix as data: what each fault must come to, and where a cell does not exist, why.

An entry is "error delivery attempts", first for the reading (obs_result_codes), then for the four operations with an
effect; `|` separates an operation of its own from those before. How many effects the ledger must hold follows from
the cell: one where the service acted, none where it did not, and never two.
"""

from __future__ import annotations

from collections.abc import Iterator

from aiocc.simulator import FAULTS
from aiocc.simulator.faults import Effect, Stage

from .cells import CONNECTIONS, OPERATIONS, READ, Cell, Connection, Seen

LOST = ("ConnectionLostError unknown 3", "ConnectionLostError unknown 1")
BAD = ("BadAnswerError unknown 3", "BadAnswerError unknown 1")
BAD_ONCE = ("BadAnswerError unknown 2", "BadAnswerError unknown 1")
BAD_NEVER = ("BadAnswerError unknown 1", "BadAnswerError unknown 1")
LATE = ("DeadlineUnknownError unknown 1", "DeadlineUnknownError unknown 1")
FRONT = ("FrontEndError unknown 3", "FrontEndError unknown 1")
FRONT_NEVER = ("FrontEndError unknown 1", "FrontEndError unknown 1")
OPEN = ("DeliveryUnknownError unknown 3", "DeliveryUnknownError unknown 1")
NO_CONNECTION = ("ConnectFailedError not_sent 3", "ConnectFailedError not_sent 3")
NO_TLS = ("TLSError not_sent 1", "TLSError not_sent 1")
NO_HANDSHAKE = ("TLSError not_sent 3", "TLSError not_sent 3")
REFUSED = ("RejectedError rejected 1", "RejectedError rejected 1")
FINE = ("ok accepted 1", "ok accepted 1")
THROTTLED = ("RateLimitedError rejected 3", "RateLimitedError rejected 3")
UNREADABLE = ("AcceptedButUnreadableError accepted 1", "AcceptedButUnreadableError accepted 1")

EXPECTED: dict[str, tuple[str, str]] = {
    "refused": NO_CONNECTION,
    "blackhole": NO_CONNECTION,
    "unknown_ca": NO_TLS,
    "expired_certificate": NO_TLS,
    "wrong_host": NO_TLS,
    "client_certificate": REFUSED,
    "old_tls": NO_TLS,
    "plain_http": NO_HANDSHAKE,
    "hung_handshake": NO_CONNECTION,
    "reset_in_handshake": NO_HANDSHAKE,
    "reset_at_accept": LOST,
    "bytes_cut": NO_HANDSHAKE,
    "bytes_reset": NO_HANDSHAKE,
    "bytes_stall": ("DeadlineNotSentError not_sent 1", "DeadlineNotSentError not_sent 1"),
    "request_cut": NO_HANDSHAKE,
    "small_pieces": FINE,
    "reset": LOST,
    "close": LOST,
    "vanish": LOST,
    "stale_connection": ("ok accepted 2", "ConnectionLostError unknown 1"),
    "stale_reset": ("ok accepted 2", "ConnectionLostError unknown 1"),
    "silence": LATE,
    "slow_head": LATE,
    "slow_body": LATE,
    "cut": LOST,
    "then_close": FINE,
    "then_reset": FINE,
    "short_length": BAD_ONCE,
    "long_length": LOST,
    "conflicting_lengths": BAD,
    "length_and_chunked": BAD,
    "not_http": BAD,
    "huge_header": BAD,
    "early_hints": BAD,
    "status_999": BAD,
    "http_1_0": FINE,
    "huge_body": BAD_NEVER,
    "endless_body": BAD_NEVER,
    "gzip_bomb": BAD_NEVER,
    "double_gzip": BAD_NEVER,
    "broken_gzip": BAD_ONCE,
    "truncated_gzip": BAD_ONCE,
    "deep_json": BAD_NEVER,
    "bad_utf8": BAD_ONCE,
    "gbk": FINE,
    "unsaid_gbk": BAD_ONCE,
    "byte_order_mark": FINE,
    "utf_16": FINE,
    "not_a_number": BAD_NEVER,
    "infinite_number": BAD_NEVER,
    "long_number": BAD_NEVER,
    "duplicate_code": BAD_NEVER,
    "html": BAD_ONCE,
    "scalar": BAD_ONCE,
    "array": BAD_ONCE,
    "empty": BAD_ONCE,
    "no_content": BAD_ONCE,
    "garbled": BAD_ONCE,
    "code_number": FINE,
    "code_padded": FINE,
    "code_bool": BAD,
    "code_missing": BAD,
    "code_null": BAD,
    "payload_null": UNREADABLE,
    "payload_empty": UNREADABLE,
    "payload_text": UNREADABLE,
    "code_unknown": ("RejectedError rejected 1", "DeliveryUnknownError unknown 1"),
    "pages_repeat": FINE,
    "pages_never_end": FINE,
    "pages_shrink": FINE,
    "bad_gateway": FRONT,
    "gateway_timeout": FRONT,
    "unavailable": FRONT,
    "server_error": FRONT,
    "request_timeout": OPEN,
    "redirect_301": FRONT_NEVER,
    "redirect_302": FRONT_NEVER,
    "redirect_303": FRONT_NEVER,
    "redirect_307": REFUSED,
    "redirect_308": REFUSED,
    "set_cookie": FINE,
    "unauthorized": ("AuthenticationError rejected 1", "AuthenticationError rejected 1"),
    "forbidden": REFUSED,
    "firewall": REFUSED,
    "not_found": REFUSED,
    "rate_limited": THROTTLED,
    "gateway_limit": THROTTLED,
    "success_under_500": OPEN,
    "delay": FINE,
    "late_effect": FINE,
    "expired_credential": ("", "AuthenticationError rejected 1"),
    "signed_out": ("", "AgentSignedOutError rejected 1"),
    "clock_skew": ("ok accepted 2", ""),
}

BUT: dict[tuple[str, str], str] = {
    # A token can be had anew, and the call be sent once more.
    ("unauthorized", "create_call"): "AuthenticationError rejected 2",
    ("expired_credential", "create_call"): "ok accepted 2",
    # Behind a firewall's page a call may have been placed.
    ("firewall", "click_to_dial"): "FrontEndError unknown 1",
    ("firewall", "create_call"): "FrontEndError unknown 1",
}
"""Where an operation differs from the others."""

ONLY: dict[str, tuple[tuple[str, ...], str]] = {
    "pages_repeat": ((READ,), "has no pages"),
    "pages_never_end": ((READ,), "has no pages"),
    "pages_shrink": ((READ,), "has no pages"),
    "payload_null": ((READ, "create_call"), "has no payload to read"),
    "payload_empty": ((READ, "create_call"), "has no payload to read"),
    "payload_text": ((READ, "create_call"), "has no payload to read"),
    "code_number": (OPERATIONS[1:], "has a success code that is no plain number"),
    "expired_credential": (("leave_message", "click_to_dial", "create_call"), "has no credential that expires"),
    "signed_out": (("send_note",), "needs no agent"),
    "clock_skew": ((READ,), "is not signed"),
}
"""Faults that only some operations can meet, and what the others lack."""

ELSEWHERE: dict[str, tuple[str, ...]] = {
    "dns_failure": ("tests/faults/test_before_sending.py::test_a_name_without_an_address",),
    "queue_wait": ("tests/faults/test_before_sending.py::test_no_slot_comes_free",),
    "bad_credential": ("tests/auth/test_cookie.py", "tests/auth/test_app_key.py", "tests/auth/test_aksk.py"),
    "bad_agent_id": ("tests/live/test_send_note.py",),
    "other_origin": ("tests/live/test_any_request.py", "tests/live/test_attacks.py"),
    "deadline_spent": ("tests/faults/test_before_sending.py::test_a_deadline_that_is_over",),
    "server_restart": ("tests/campaigns/stale.py",),
    "credential_storm": ("tests/credentials/test_storms.py::test_an_expired_token_is_renewed_once",),
    "renewal_cancelled": ("tests/credentials/test_storms.py::test_a_fetch_outlives_its_first_waiter",),
    "cancelled_in_queue": (
        "tests/faults/test_cancelled.py::test_cancelled_before_anything_left",
        "tests/call/test_admission.py::test_storm_of_cancellations",
    ),
    "cancelled_after_send": ("tests/faults/test_cancelled.py::test_cancelled_after_the_request_left",),
    "closed_in_flight": ("tests/live/test_client.py::test_closing_lets_calls_on_their_way_end",),
    "second_loop": ("tests/credentials/test_one_client.py::test_three_loops_in_turn",),
    "fork": ("tests/credentials/test_one_client.py::test_a_forked_child_leaves_its_parents_connections_alone",),
    "never_closed": ("tests/credentials/test_one_client.py::test_never_closed",),
    "other_loops": ("tests/conftest.py",),
    "proxy_environment": ("tests/live/test_foreign.py::test_the_environment_s_proxy_is_not_used",),
}
"""What no server can bring about, and where it is tested."""


def why_not(fault: str, operation: str, connection: Connection) -> str | None:
    """Say why a cell does not exist; None where it does."""
    kind = FAULTS[fault]
    if kind.stage is Stage.CLIENT:
        return f"a condition of the client's, see {', '.join(ELSEWHERE[fault])}"
    if fault in ONLY and operation not in ONLY[fault][0]:
        return f"{operation} {ONLY[fault][1]}"
    if kind.stage is Stage.DOOR and connection == "reused":
        return "strikes new connections alone"
    if kind.reused and connection == "fresh":
        return "strikes connections alone that have served before"
    return None


def cells(fault: str) -> list[Cell]:
    """Give the cells of a fault that exist."""
    kind = FAULTS[fault]
    ways = {Effect.EITHER: (True, False), Effect.NEVER: (False,), Effect.AS_EVER: (True,)}[kind.effect]
    return [
        Cell(fault, operation, connection, effect)
        for operation in OPERATIONS
        for connection in CONNECTIONS
        if why_not(fault, operation, connection) is None
        for effect in ways
    ]


def expected(cell: Cell) -> Seen:
    """Say what must become of a cell."""
    read, others = EXPECTED[cell.fault]
    text = BUT.get((cell.fault, cell.operation), read if cell.operation == READ else others)
    error, delivery, attempts = text.split()
    # Where the service acts, it acts once; a refusal, or a connection that never was, means that it did not.
    acts = cell.effect and cell.operation != READ and delivery not in ("not_sent", "rejected")
    return Seen(error, delivery, int(attempts), int(acts))


def lines() -> Iterator[str]:
    """Write the whole matrix as a table in Markdown."""
    yield "| row | fault | operation | fresh | reused |"
    yield "|---|---|---|---|---|"
    for fault, kind in sorted(FAULTS.items(), key=lambda item: _order(item[1].row)):
        for operation in OPERATIONS:
            columns = " | ".join(_entry(fault, operation, connection) for connection in CONNECTIONS)
            yield f"| {kind.row} | {fault} | {operation} | {columns} |"


def _order(row: str) -> tuple[int, str]:
    digits = row.rstrip("abc")
    return int(digits), row


def _entry(fault: str, operation: str, connection: Connection) -> str:
    reason = why_not(fault, operation, connection)
    if reason is not None:
        return f"none: {reason}"
    found = {
        str(expected(cell)) for cell in cells(fault) if (cell.operation, cell.connection) == (operation, connection)
    }
    return " or ".join(sorted(found))
