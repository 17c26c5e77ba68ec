"""`aiocc doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import anyio
import typer

from aiocc.cli import exits
from aiocc.cli.doctor.check import Check, State
from aiocc.cli.doctor.credentials import credentials
from aiocc.cli.doctor.network import Way
from aiocc.cli.options import AsCsv, AsJson, source_of
from aiocc.cli.output import Form, form_of, show_rows
from aiocc.cli.running import guarded
from aiocc.cli.settings import settings
from aiocc.environment import agent_from, services_from
from aiocc.options import Service

COLUMNS = ("service", "name", "state", "detail", "advice")


def doctor(
    context: typer.Context,
    vdn: Annotated[int, typer.Option(min=1, max=9999, help="The virtual call centre that iSales is asked for.")] = 1,
    days: Annotated[int, typer.Option(min=0, help="Fail where a certificate ends in fewer days.")] = 7,
    deadline: Annotated[float, typer.Option(min=0.1, help="Seconds for each request.")] = 10.0,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Check each configured service: DNS, TCP, TLS, latency, clock, credential; say what to do where one fails.

    Changes nothing in the contact centre. The gateway's credential is not tried: whatever has a GUID takes an event,
    or does something. The web adapter is asked for the next event of the visitor's call: while
    such a call lasts, that takes it from the program that waits for it.
    """
    form = form_of(as_json=as_json, as_csv=as_csv)

    def work() -> int:
        environ = settings(source_of(context), "isales", "fabric")
        agent_from(environ)
        checks = anyio.run(_all, services_from(environ), vdn, days, deadline, form)
        if form is not Form.TABLE:
            rows = ({name: getattr(check, name) for name in COLUMNS} for check in checks)
            show_rows(rows, COLUMNS, form)
        return exits.CHECK_FAILED if any(check.state is State.FAILED for check in checks) else exits.OK

    raise typer.Exit(guarded(work, form, []))


async def _all(services: Mapping[str, Service], vdn: int, days: int, deadline: float, form: Form) -> list[Check]:
    found: list[Check] = []
    for name, service in services.items():
        way = Way(name, service, days)
        if await way.walk():
            way.checks += await credentials(name, service, vdn=vdn, deadline=deadline)
        if form is Form.TABLE:
            for check in way.checks:
                _show(check)
        found += way.checks
    return found


def _show(check: Check) -> None:
    typer.echo(f"{check.service:10}  {check.name:10}  {check.state:7}  {check.detail}")
    if check.advice is not None:
        typer.echo(f"{'':10}  {'':10}  {'':7}  {check.advice}")
