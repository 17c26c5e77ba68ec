"""What the page on the admin port shows: the newest of everything, as values that JSON can hold."""

from collections.abc import Sequence
from typing import Any

from attrs import asdict

from aiocc.simulator.centre import Centre
from aiocc.simulator.faults import Armed
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
            "faults": _in_force(centre),
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


def _in_force(centre: Centre) -> list[dict[str, Any]]:
    """Give what spoils the next requests: faults that lie in wait, then planned answers."""
    found = [_fault(armed) for armed in centre.faults.armed]
    found += [_planned(operation, plan) for operation, plan in centre.plans.waiting()]
    return [{"number": number, **row} for number, row in enumerate((row for row in found if row["left"] != 0), 1)]


def _fault(armed: Armed) -> dict[str, Any]:
    fault = armed.fault
    chance = f", one in {1 / fault.probability:g}" if fault.probability < 1 else ""
    left = None if fault.count is None else fault.count - armed.struck
    return {
        "name": f"{fault.name}{chance}",
        "operation": fault.operation or "any",
        "left": left,
        "struck": armed.struck,
    }


def _planned(operation: str, plan: Plan) -> dict[str, Any]:
    what = f"code {plan.code}" if plan.code is not None else f"HTTP {plan.status}"
    when = "after the effect" if plan.after_effect else "before any check"
    name = f"planned answer: {what}, {when}"
    return {"name": name, "operation": operation, "left": plan.remaining, "struck": None}


def _ranges(numbers: Sequence[int]) -> list[list[int]]:
    """Give ascending numbers as first and last of each run without a gap."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return runs
