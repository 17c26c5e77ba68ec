"""`aiocc simulate`: the contact centre on loopback, until Ctrl-C."""

from __future__ import annotations

import shlex
import signal
import threading

import typer

from aiocc.simulator import Simulator


def run(*, host: str, tls: bool) -> None:
    """Serve until SIGINT or SIGTERM, then say what happened."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Simulator(host=host, tls=tls) as simulator:
        for name, value in simulator.environment.items():
            typer.echo(f"export {name}={shlex.quote(value)}")
        typer.echo(
            f"# What happened: {simulator.admin_url}/ledger, or {simulator.admin_url} in a browser (Ctrl-C ends it)"
        )
        stop.wait()
        typer.echo(
            f"# {len(simulator.requests)} requests: {simulator.calls_placed} calls, {len(simulator.dials)} "
            f"click-to-dial calls, {len(simulator.messages)} messages, {len(simulator.notes)} notes"
        )
