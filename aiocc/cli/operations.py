"""The commands for single operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from aiocc.cli import exits
from aiocc.cli.options import AsCsv, AsJson, Deadline, DryRun, source_of
from aiocc.cli.output import Form, form_of, show_explanation, show_one, show_rows
from aiocc.cli.running import tell_failure, with_client
from aiocc.client import Client
from aiocc.endpoints.click_to_dial import ClickToDial, MediaAbility
from aiocc.endpoints.create_call import CreateCall
from aiocc.endpoints.leave_message import LeaveMessage
from aiocc.endpoints.obs_result_codes import QueryObsResultCodes
from aiocc.endpoints.send_note import SendNote
from aiocc.protocol.operation import Request

message: typer.Typer = typer.Typer(no_args_is_help=True, help="Messages of a web visitor.")
call: typer.Typer = typer.Typer(no_args_is_help=True, help="Outbound calls, and click-to-dial.")
note: typer.Typer = typer.Typer(no_args_is_help=True, help="Notes to agents.")
codes: typer.Typer = typer.Typer(no_args_is_help=True, help="Result codes of outbound calls.")


class Media(StrEnum):
    """What a click-to-dial call carries."""

    VOICE = "voice"
    VIDEO = "video"

    @property
    def ability(self) -> MediaAbility:
        """The service's own value."""
        return MediaAbility.VOICE if self is Media.VOICE else MediaAbility.VIDEO


@message.command("leave", epilog=exits.HELP)
def leave(
    context: typer.Context,
    content: Annotated[str, typer.Argument(help="The message.")],
    phone: Annotated[str, typer.Option(help="The visitor's phone number.")],
    as_json: AsJson = False,
    dry_run: DryRun = False,
    deadline: Deadline = None,
) -> None:
    """Leave a message as the web visitor of AIOCC_WEBADAPTER_TOKEN."""
    form = form_of(as_json=as_json, as_csv=False)
    perform(
        context,
        ("webadapter",),
        form,
        lambda _: LeaveMessage(phone_no=phone, content=content),
        dry_run=dry_run,
        deadline=deadline,
    )


@call.command("create", epilog=exits.HELP)
def create(
    context: typer.Context,
    called: Annotated[str, typer.Argument(help="The number to dial.")],
    caller: Annotated[str | None, typer.Option(help="The number to present.")] = None,
    data: Annotated[str | None, typer.Option(help="Text of yours that finds the call in the call records.")] = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
    deadline: Deadline = None,
) -> None:
    """Create an outbound call. It is never dialled twice by itself."""
    form = form_of(as_json=as_json, as_csv=False)

    def request(_: Client) -> CreateCall:
        return CreateCall(called=called, caller_present=caller, call_data=data)

    perform(context, ("fabric",), form, request, dry_run=dry_run, deadline=deadline)


@call.command("dial", epilog=exits.HELP)
def dial(
    context: typer.Context,
    media: Annotated[Media, typer.Argument(help="What the call carries.")],
    detach: Annotated[
        bool, typer.Option("--detach", help="Create the call and leave it: it occupies an agent.")
    ] = False,
    as_json: AsJson = False,
    dry_run: DryRun = False,
    deadline: Deadline = None,
) -> None:
    """Connect the web visitor with an agent, show the call's events, and drop it on Ctrl-C."""
    form = form_of(as_json=as_json, as_csv=False)
    if detach or dry_run:
        perform(
            context, ("webadapter",), form, lambda _: ClickToDial(media.ability), dry_run=dry_run, deadline=deadline
        )
        return
    from aiocc.cli.scopes import dial_until_interrupted

    dial_until_interrupted(source_of(context), media.ability, form)


@note.command("send", epilog=exits.HELP)
def send(
    context: typer.Context,
    content: Annotated[str, typer.Argument(help="The note, up to 1023 bytes.")],
    to: Annotated[list[int], typer.Option("--to", help="A receiver; give it again for more, up to 100.")],
    as_json: AsJson = False,
    dry_run: DryRun = False,
    deadline: Deadline = None,
) -> None:
    """Send a note from the agent of AIOCC_AGENT_ID and AIOCC_AGENT_GUID."""
    form = form_of(as_json=as_json, as_csv=False)

    def request(client: Client) -> SendNote:
        return SendNote(to, content, agent_id=client.agent().agent_id)

    perform(context, ("guid",), form, request, dry_run=dry_run, deadline=deadline)


@codes.command("list", epilog=exits.HELP)
def list_codes(
    context: typer.Context,
    vdn: Annotated[int, typer.Argument(help="The virtual call centre, 1 to 9999.")],
    locale: Annotated[str | None, typer.Option(help="zh_CN or en_US, for the descriptions.")] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    dry_run: DryRun = False,
) -> None:
    """List all OBS result codes of a virtual call centre."""
    form = form_of(as_json=as_json, as_csv=as_csv)
    if dry_run:
        perform(
            context, ("isales",), form, lambda _: QueryObsResultCodes(vdn, locale=locale), dry_run=True, deadline=None
        )
        return

    async def work(client: Client) -> int:
        rows = [
            {"code": row.code, "description": row.description}
            async for row in client.iter_obs_result_codes(vdn, locale=locale)
        ]
        show_rows(rows, ("code", "description"), form)
        return exits.OK

    with_client(source_of(context), ("isales",), form, work)


def perform(
    context: typer.Context,
    needs: tuple[str, ...],
    form: Form,
    make: Callable[[Client], Request[Any]],
    *,
    dry_run: bool,
    deadline: float | None,
) -> None:
    """Perform one request, or show it."""

    async def work(client: Client) -> int:
        view = client.with_options(deadline=deadline) if deadline is not None else client
        request = make(view)
        if dry_run:
            show_explanation(view.explain(request), form)
            return exits.OK
        outcome = await view.send(request)
        if outcome.error is not None:
            return tell_failure(outcome.error, form)
        result = outcome.result
        shown = {
            field: getattr(result, field) for field in getattr(result, "__slots__", ()) if not field.startswith("_")
        }
        show_one({"delivery": outcome.delivery, **shown, "call_id": outcome.call_id}, form)
        return exits.OK

    doing: Callable[[Client], Awaitable[int]] = work
    with_client(source_of(context), needs, form, doing)
