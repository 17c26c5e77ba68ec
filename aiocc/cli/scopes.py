"""The commands that last: a dialled call, an agent's events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import anyio
import typer

from aiocc.cli import exits
from aiocc.cli.options import AsJson, source_of
from aiocc.cli.output import Form, complain, form_of, show_line
from aiocc.cli.running import with_client
from aiocc.cli.settings import Source
from aiocc.client import Client
from aiocc.endpoints.click_to_dial import MediaAbility
from aiocc.errors import RejectedError
from aiocc.scopes.session import SIGNED_IN_ALREADY, Force

agent: typer.Typer = typer.Typer(no_args_is_help=True, help="Signed-in agents.")


@contextmanager
def ended_well(how: str) -> Iterator[None]:
    """Say how a scope ended that was interrupted, where it has nothing worse to say itself."""
    try:
        yield
    except anyio.get_cancelled_exc_class() as stop:
        if not getattr(stop, "__notes__", ()):
            stop.add_note(f"aiocc: interrupted; {how}")
        raise


def dial_until_interrupted(source: Source, media: MediaAbility, form: Form) -> NoReturn:
    """Dial, show events, drop on Ctrl-C."""

    async def work(client: Client) -> int:
        with ended_well("the call was dropped"):
            async with client.dial(media) as dialled, dialled.events() as events:
                complain("aiocc: the call occupies an agent until Ctrl-C")
                async for event in events:
                    shown = {"event": event.event_id, "name": event.name, "description": event.description}
                    show_line(shown, form)
        return exits.OK

    with_client(source, ("webadapter",), form, work)


@agent.command("events", epilog=exits.HELP)
def events(
    context: typer.Context,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after so many seconds.")] = None,
    force: Annotated[bool, typer.Option("--force", help="End a session that this agent has already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sign the agent of AIOCC_AGENT_ID in, show what happens to it, and sign it out at the end."""
    form = form_of(as_json=as_json, as_csv=False)
    wanted: Force = "if_signed_in" if force else "never"

    async def work(client: Client) -> int:
        try:
            return await listen(client)
        except RejectedError as error:
            if error.code == SIGNED_IN_ALREADY and not force:
                error.add_note("aiocc: --force ends the session that the agent has already")
            raise

    async def listen(client: Client) -> int:
        shown = 0
        with ended_well("the agent was signed out"):
            async with client.sign_in(force=wanted) as session, session.events() as heard:
                complain(f"aiocc: agent {session.agent_id} is signed in until Ctrl-C")
                with anyio.move_on_after(seconds):
                    async for event in heard:
                        line = {"generated_at": event.generated_at, "type": event.type, "content": event.content}
                        show_line(line, form)
                        shown += 1
                        if shown == count:
                            break
        return exits.OK

    with_client(source_of(context), ("sign-in",), form, work)
