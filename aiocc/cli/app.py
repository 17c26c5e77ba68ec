"""The commands."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from aiocc.cli import exits
from aiocc.cli.doctor.command import doctor
from aiocc.cli.explain import explain
from aiocc.cli.fan_out import fan_out
from aiocc.cli.notes import notes
from aiocc.cli.operations import call, codes, message, note
from aiocc.cli.options import Config, Profile
from aiocc.cli.output import Form
from aiocc.cli.running import guarded
from aiocc.cli.scopes import agent
from aiocc.cli.settings import Source
from aiocc.version import __version__

app: typer.Typer = typer.Typer(
    name="aiocc",
    epilog=exits.HELP,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
note.command("fan-out", epilog=exits.HELP)(fan_out)
app.add_typer(message, name="message")
app.add_typer(call, name="call")
app.add_typer(note, name="note")
app.add_typer(codes, name="codes")
app.add_typer(agent, name="agent")
app.add_typer(notes, name="notes")
app.command("doctor", epilog=exits.HELP)(doctor)
app.command("explain", epilog=exits.HELP)(explain)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    config: Config = None,
    profile: Profile = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Huawei AICC / CEC contact centre: client and simulator.

    Addresses and credentials come from the environment (AIOCC_GATEWAY_URL and so on), from a file with profiles, or
    from a prompt; a secret is never an argument. `aiocc doctor` says what is configured, and what works.
    """
    context.obj = Source(config, profile)


@app.command()
def demo(
    notes: Annotated[int, typer.Option(min=1, max=100_000, help="How many notes the fan-out sends.")] = 1000,
) -> None:
    """Start the simulator and perform all five operations and a fan-out of notes against it.

    Everything goes over TLS on loopback, with every credential checked. Exits with 0 only if what the client
    was told and what the simulator's ledger holds agree.
    """
    _need_simulator()
    from aiocc.cli.demo import run

    raise typer.Exit(guarded(lambda: run(notes), Form.TABLE, ["aiocc: interrupted; the simulator has ended"]))


@app.command()
def simulate(
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    tls: Annotated[bool, typer.Option(help="Serve over TLS, with a certificate made for this run.")] = True,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:OPERATION][:COUNT|p=..,seed=..]",
            help="Let this go wrong, `reset:create_call:1` for example; a wrong name lists all. May come again.",
        ),
    ] = None,
) -> None:
    """Run the simulator until Ctrl-C.

    Prints the environment that `Client.from_env()` reads, as lines for a shell: `eval` them, or `source` them
    from a file, in another one.
    """
    _need_simulator()
    from aiocc.cli.simulate import run

    run(host=host, tls=tls, faults=fault or ())


def _need_simulator() -> None:
    missing = [name for name in ("starlette", "trustme", "uvicorn") if find_spec(name) is None]
    if missing:
        typer.echo(f"aiocc: no {', '.join(missing)}: the simulator needs pip install 'aiocc[simulator]'", err=True)
        raise typer.Exit(2)
