"""What the page on the admin port shows: the newest of everything, as values that JSON can hold."""

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import asdict

from aiocc.simulator.centre import Centre
from aiocc.simulator.ledger import SeenRequest, hide_credentials
from aiocc.simulator.operation import Plan

__all__ = ["state"]

NEWEST = 100
"""Of each kind; the counts are of all."""


def state(centre: Centre) -> dict[str, Any]:
    """Give the contact centre as it is now; credentials and bodies of requests are left out."""
    with centre.lock:
        ledger = centre.ledger
        calls, dials, messages = ledger.calls, ledger.dials, ledger.messages
        notes, requests = ledger.notes, ledger.requests
        signed_in = centre.agents.everyone()
        return {
            "epoch": ledger.epoch,
            "counts": {
                "calls": len(calls),
                "dials": len(dials),
                "messages": len(messages),
                "notes": len(notes),
                "requests": len(requests),
                "refused": sum(not _accepted(request) for request in requests),
            },
            "calls": _newest(calls),
            "dials": _newest(dials),
            "messages": _newest(messages),
            "notes": _newest(notes),
            "agents": {"count": len(signed_in), "ranges": _ranges(signed_in)},
            "faults": _planned(centre.plans.waiting()),
            "requests": [_request(number, request) for number, request in _numbered(requests)],
        }


def _numbered(rows: Sequence[Any]) -> list[tuple[int, Any]]:
    """Give the newest rows with their numbers, the last one first."""
    first = max(len(rows) - NEWEST, 0)
    return list(enumerate(rows[first:], first + 1))[::-1]


def _newest(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"number": number, **asdict(row)} for number, row in _numbered(rows)]


def _request(number: int, request: SeenRequest) -> dict[str, Any]:
    return {
        "number": number,
        "service": request.service,
        "operation": request.operation,
        "method": request.method,
        "target": request.target,
        "headers": [list(pair) for pair in hide_credentials(request.headers)],
        "status": request.status,
        "code": request.code,
        "reason": request.reason,
        "accepted": _accepted(request),
    }


def _accepted(request: SeenRequest) -> bool:
    return 200 <= request.status < 300 and not request.reason


def _planned(waiting: Iterable[tuple[str, Plan]]) -> list[dict[str, Any]]:
    rows = []
    for number, (operation, plan) in enumerate(waiting, 1):
        what = f"code {plan.code}" if plan.code is not None else f"HTTP {plan.status}"
        when = "after the effect" if plan.after_effect else "before any check"
        name = f"planned answer: {what}, {when}"
        rows.append({"number": number, "name": name, "operation": operation, "left": plan.remaining, "struck": None})
    return rows


def _ranges(numbers: Sequence[int]) -> list[list[int]]:
    """Give ascending numbers as first and last of each run without a gap."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return runs
