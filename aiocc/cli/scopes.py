"""The commands that last: a dialled call, an agent's events."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import anyio
import typer

from aiocc.cli import exits
from aiocc.cli.options import AsJson, Force, ForceSignIn, source_of
from aiocc.cli.output import Form, complain, form_of, show_line
from aiocc.cli.running import with_client
from aiocc.cli.settings import Source
from aiocc.client import Client
from aiocc.delivery import Delivery
from aiocc.endpoints.click_to_dial import MediaAbility
from aiocc.endpoints.sign_in import SignIn
from aiocc.errors import CallError
from aiocc.scopes.session import SIGNED_IN_ALREADY

agent: typer.Typer = typer.Typer(no_args_is_help=True, help="Signed-in agents.")

log: logging.Logger = logging.getLogger("aiocc")


class _Told(logging.Handler):
    """Says on stderr what a scope warns of; what its calls log is told by their errors."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.addFilter(lambda record: not hasattr(record, "aiocc_delivery"))
        self.in_doubt = False

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        self.in_doubt |= "may still" in text
        complain(f"aiocc: {text}")


@contextmanager
def telling(how: str) -> Iterator[None]:
    """Tell of a scope's warnings, and how it ended that was interrupted, where it has nothing worse to say itself."""
    told = _Told()
    log.addHandler(told)
    try:
        yield
    except anyio.get_cancelled_exc_class() as stop:
        if not getattr(stop, "__notes__", ()):
            stop.add_note("aiocc: interrupted" if told.in_doubt else f"aiocc: interrupted; {how}")
        raise
    finally:
        log.removeHandler(told)


@contextmanager
def naming_force(force: ForceSignIn) -> Iterator[None]:
    """Say how the command line forces a sign-in, where that repairs one that was refused or whose answer was lost."""
    try:
        yield
    except CallError as error:
        if error.operation == SignIn.operation.name and force is ForceSignIn.NEVER:
            if error.code == SIGNED_IN_ALREADY:
                error.add_note("aiocc: --force if_signed_in ends the session that the agent has already")
            elif error.delivery is Delivery.UNKNOWN:
                error.add_note("aiocc: --force if_signed_in signs in also where the agent is signed in by now")
        raise


def dial_until_interrupted(source: Source, media: MediaAbility, form: Form) -> NoReturn:
    """Dial, show events, drop on Ctrl-C."""

    async def work(client: Client) -> int:
        with telling("the call was dropped"):
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
    force: Force = ForceSignIn.NEVER,
    as_json: AsJson = False,
) -> None:
    """Sign the agent of AIOCC_AGENT_ID in, show what happens to it, and sign it out at the end."""
    form = form_of(as_json=as_json, as_csv=False)

    async def work(client: Client) -> int:
        shown = 0
        with naming_force(force), telling("the agent was signed out"):
            async with client.sign_in(force=force.value) as session, session.events() as heard:
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
