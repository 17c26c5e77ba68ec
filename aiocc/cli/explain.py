"""`aiocc explain`: what an operation is, what its codes mean and prove. Needs no configuration, sends nothing."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Final

import typer

from aiocc.cli import exits
from aiocc.cli.options import AsJson
from aiocc.cli.output import Form, form_of, show_one, show_rows
from aiocc.cli.running import guarded
from aiocc.delivery import Delivery, Reason
from aiocc.endpoints.agent_events import PollAgentEvents
from aiocc.endpoints.click_to_dial import ClickToDial
from aiocc.endpoints.create_call import CreateCall
from aiocc.endpoints.dial_events import DropDial, GetDialEvents
from aiocc.endpoints.leave_message import LeaveMessage
from aiocc.endpoints.obs_result_codes import QueryObsResultCodes
from aiocc.endpoints.send_note import SendNote
from aiocc.endpoints.sign_in import ForceSignIn, SignIn, SignOut
from aiocc.protocol.codes import Act, Code
from aiocc.protocol.next_step import next_step
from aiocc.protocol.operation import Effect, Operation

OPERATIONS: Final[dict[str, Operation[Any]]] = {
    request.operation.name: request.operation
    for request in (
        LeaveMessage, ClickToDial, GetDialEvents, DropDial, SendNote, SignIn, ForceSignIn, SignOut, PollAgentEvents,
        QueryObsResultCodes, CreateCall,
    )
}  # fmt: skip

PROVES: Final[dict[Delivery, str]] = {
    Delivery.REJECTED: "rejected: nothing was done",
    Delivery.UNKNOWN: "unknown: it may have been done",
    Delivery.ACCEPTED: "accepted: it was done",
}

REPEATS: Final = "waits a little and repeats the request by itself, as often as its RetryPolicy allows"

GIVES: Final = "gives the answer's payload"

DOES: Final[dict[Act, str]] = {
    Act.FAIL: "raises the error at once, and does not repeat the request by itself",
    Act.WAIT_AND_REPEAT: REPEATS,
    Act.RENEW: "repeats the request once where it has a newer credential, else raises the error",
}
"""What a client does about a code by itself, in words."""

DOCUMENTED: Final[dict[str, str]] = {
    "doc": "by the vendor: {page}",
    "code": "only in the code of the vendor's demos; others of its kind: {page}",
    "inferred": "only for another operation of its kind: {page}",
}
"""Where a code is documented, in words."""

NOWHERE: Final = "by nobody; the operation's page: {page}"

SHORT: Final[dict[str, str]] = {"doc": "by the vendor", "code": "in a demo's code", "inferred": "for another operation"}


class _UnlistedCode(Code):
    """A code that nobody documents."""


def explain(
    operation: Annotated[str, typer.Argument(help="An operation, by our name or the one in the vendor's logs.")],
    code: Annotated[str | None, typer.Argument(help="A result code, leading zeros included.")] = None,
    as_json: AsJson = False,
) -> None:
    """Explain an operation, or what one of its result codes means, proves and asks for."""
    form = form_of(as_json=as_json, as_csv=False)
    found = _operation(operation)

    def work() -> int:
        if code is not None:
            known = found.codes.get(code) or _success(found, code) or _unlisted(found, code)
            facts = _facts(known) if form is Form.JSON else _words(found, known)
            show_one({"operation": found.name, **facts}, form)
        elif form is Form.JSON:
            show_one({**_about(found), "codes": [_facts(one) for one in found.codes.values()]}, form)
        else:
            show_one(_about(found), form)
            typer.echo()
            rows = ({**_facts(one), "documented": SHORT[one.source]} for one in found.codes.values())
            show_rows(rows, ("code", "proves", "meaning", "documented"), form)
        return exits.OK

    raise typer.Exit(guarded(work, form, []))


def _about(operation: Operation[Any]) -> dict[str, Any]:
    return {
        "operation": operation.name,
        "log_name": operation.log_name,
        "service": operation.service,
        "method": operation.method,
        "path": operation.path,
        "effect": operation.effect.value,
        "repeats": _repeat(operation),
        "page": operation.page,
    }


def _operation(name: str) -> Operation[Any]:
    by_name = {**OPERATIONS, **{one.log_name: one for one in OPERATIONS.values()}}
    for known, found in by_name.items():
        if known.lower() == name.lower().replace("-", "_"):
            return found
    near = difflib.get_close_matches(name, by_name, 1, 0.4)
    hint = f": did you mean {near[0]}?" if near else f": one of {', '.join(OPERATIONS)}"
    raise typer.BadParameter(f"{name!r} is no operation{hint}")


def _success(operation: Operation[Any], code: str) -> Code | None:
    if code not in {one.success for one in operation.envelope.codes}:
        return None
    return Code(code, "all is well", proves=Delivery.ACCEPTED, page=operation.page)


def _unlisted(operation: Operation[Any], code: str) -> _UnlistedCode:
    """Say of a code that is in no table what a client takes it for; it is the one that is looked up at night."""
    proves: Delivery = Delivery.REJECTED if operation.effect is Effect.READ else Delivery.UNKNOWN
    step = next_step(delivery=proves, reason=Reason.UNKNOWN_CODE, effect=operation.effect)
    listed = f"listed are {', '.join(operation.codes)}" if operation.codes else "none is documented"
    return _UnlistedCode(
        code,
        f"in no table of {operation.name}; {listed}",
        proves=proves,
        page=operation.page,
        remedy=step if proves is Delivery.REJECTED else f"{step} Ask the operator what the code means.",
    )


def _facts(code: Code) -> dict[str, Any]:
    return {
        "code": code.code,
        "meaning": code.meaning,
        "proves": code.proves,
        "act": code.act,
        "source": None if isinstance(code, _UnlistedCode) else code.source,
        **({"remedy": code.remedy} if code.remedy else {}),
        "page": code.page,
    }


def _words(operation: Operation[Any], code: Code) -> dict[str, Any]:
    """Give the facts as people read them."""
    harmless = operation.effect.harmless and code.proves is Delivery.UNKNOWN
    does = GIVES if code.proves is Delivery.ACCEPTED else REPEATS if harmless else DOES[code.act]
    documented = NOWHERE if isinstance(code, _UnlistedCode) else DOCUMENTED[code.source]
    return {
        "code": code.code,
        "meaning": code.meaning,
        "proves": PROVES[code.proves],
        "the client": does,
        "what to do": code.remedy or None,
        "documented": documented.format(page=code.page),
    }


def _repeat(operation: Operation[Any]) -> str:
    if operation.effect.harmless:
        return "repeated by itself"
    return (
        "repeated by itself only while not one byte has left, when it was refused for coming too soon "
        "(429, or a code that says so), and once with a renewed credential"
    )
