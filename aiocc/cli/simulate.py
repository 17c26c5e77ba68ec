"""`aiocc simulate`: the contact centre on loopback, until Ctrl-C."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Iterator, Sequence

import typer

from aiocc.cli.output import count
from aiocc.simulator import Simulator
from aiocc.simulator.controls import NAMES
from aiocc.simulator.faults import parse_fault


def run(*, host: str, tls: bool, faults: Sequence[str] = ()) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP, then say what happened; `faults` as `parse_fault` reads them."""
    stop = threading.Event()
    for number in _endings():
        signal.signal(number, lambda *_: stop.set())
    with Simulator(host=host, tls=tls) as simulator:
        try:
            armed = [simulator.arm(parse_fault(text, NAMES)) for text in faults]
        except ValueError as error:
            typer.echo(f"aiocc: --fault: {error}", err=True)
            raise typer.Exit(2) from None
        variables = simulator.environment
        for name, value in variables.items():
            typer.echo(f"export {name}={shlex.quote(value)}")
        agent = variables["AIOCC_AGENT_ID"]
        typer.echo(
            f"# Agent {agent} is signed in, with that GUID; any other, 102 for one, signs in with the same password"
        )
        typer.echo(
            f"# What happened: {simulator.admin_url}/ledger, or {simulator.admin_url} in a browser (Ctrl-C ends it)"
        )
        stop.wait()
        typer.echo(
            f"# {count(len(simulator.requests), 'request')}: {count(simulator.calls_placed, 'call')}, "
            f"{count(len(simulator.dials), 'click-to-dial call')}, {count(len(simulator.messages), 'message')}, "
            f"{count(len(simulator.notes), 'note')} in inboxes"
        )
        for one in armed:
            typer.echo(f"# {one.fault.name} struck {count(one.struck, 'time')}")


def _endings() -> Iterator[signal.Signals]:
    yield signal.SIGINT
    yield signal.SIGTERM
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:  # which is what `nohup` does
        yield hang_up
