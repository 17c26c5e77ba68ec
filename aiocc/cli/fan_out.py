"""The commands for many notes: the fan-out, and its journal."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from attrs import asdict

from aiocc.cli import exits
from aiocc.cli.operations import note
from aiocc.cli.options import AsCsv, AsJson, DryRun, Force, ForceSignIn, source_of
from aiocc.cli.output import Form, complain, form_of, show_one, show_rows
from aiocc.cli.progress import progress
from aiocc.cli.queued import check_queue, watch
from aiocc.cli.running import guarded, with_client
from aiocc.cli.scopes import naming_force
from aiocc.cli.settings import Source
from aiocc.cli.table import Table, read_table
from aiocc.client import Client
from aiocc.delivery import Delivery
from aiocc.errors import JournalError
from aiocc.protocol.pace import Rate
from aiocc.scopes.notes import Report

if TYPE_CHECKING:
    from aiocc.scopes.notes.journal_status import JournalStatus

COLUMNS: Final = "CSV: a column 'to' (an agent, or several with blanks between), and 'content' and 'key' where wanted."

notes: typer.Typer = typer.Typer(no_args_is_help=True, help="Journals of fan-outs.")


@note.command("fan-out", epilog=exits.HELP)
def fan_out(
    context: typer.Context,
    to: Annotated[Path, typer.Option("--to", help=COLUMNS)],
    content: Annotated[str | None, typer.Option(help="The note, where the file has none.")] = None,
    journal: Annotated[Path | None, typer.Option(help="Keep account here; one of the same notes is continued.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Requests on their way at once.")] = 16,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Requests a second, at the most.")] = None,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Send the good rows although others are bad.")
    ] = False,
    resend_unknown: Annotated[
        bool, typer.Option("--resend-unknown", help="Send again what is unknown: it may arrive twice.")
    ] = False,
    sign_in: Annotated[
        bool, typer.Option("--sign-in", help="Sign the agent in for the run, and out after it.")
    ] = False,
    force: Force = ForceSignIn.NEVER,
    queue: Annotated[
        str | None, typer.Option("--queue", help="With --job: the redis:// URL of the queue; else AIOCC_QUEUE_URL.")
    ] = None,
    job: Annotated[
        str | None, typer.Option(help="Let a queue's workers send; a job of this name is continued.")
    ] = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Send many notes. Bad rows are named, and nothing is sent then unless --skip-invalid says so.

    Interrupt it at any time: with a journal the same command continues, and sends nothing twice. With a queue the
    workers go on, and the same command watches them again.
    """
    check_queue(context, queue, job)
    if force is not ForceSignIn.NEVER and not sign_in:
        raise typer.BadParameter("--force is for a run with --sign-in")
    form = form_of(as_json=as_json, as_csv=False)
    table = Table()
    code = guarded(lambda: _check(table, to, content, skip=skip_invalid), form, [])
    if code != exits.OK:
        raise typer.Exit(code)
    requests = sum(-(-len(one.to) // 100) for one in table.notes)
    if dry_run:
        receivers = sum(len(one.to) for one in table.notes)
        show_one({"notes": len(table.notes), "requests": requests, "receivers": receivers, "sent": 0}, form)
        return

    pace = Rate(rate) if rate is not None else None
    if job is not None:
        raise typer.Exit(_over_queue(source_of(context), queue, job, table, pace, resend=resend_unknown, form=form))

    async def work(client: Client) -> int:
        if sign_in:
            with naming_force(force):
                async with client.sign_in(force=force.value) as session:
                    return await send(session)
        return await send(client.agent())

    async def send(sender: Any) -> int:
        with ExitStack() as bar:
            run = sender.send_notes(
                table.notes, concurrency=concurrency, rate=pace, journal=journal,
                resend_unknown=resend_unknown, on_progress=bar.enter_context(progress(requests)),
            )  # fmt: skip
            try:
                await run
            finally:
                bar.close()  # before anything is written where it stood
                if run.report.notes:  # else nothing was begun, and the error says why
                    _show(run.report, form, again=journal is not None)
                    if not run.report.complete:
                        complain(f"aiocc: {_how_to_go_on(journal)}")
        return exits.of_many(run.report.receivers)

    with_client(source_of(context), ("sign-in",) if sign_in else ("guid",), form, work)


def _over_queue(
    source: Source, url: str | None, job: str, table: Table, rate: Rate | None, *, resend: bool, form: Form
) -> int:
    """Submit to workers and watch them; the report and the exit code are those of a run of this process."""
    told: list[str] = []

    def work() -> int:
        with progress(sum(-(-len(one.to) // 100) for one in table.notes)) as on_progress:
            report = watch(
                source, url, job, table.notes, rate, resend_unknown=resend, on_progress=on_progress, told=told
            )
        _show(report, form, again=True)
        return exits.of_many(report.receivers)

    return guarded(work, form, told)


def _how_to_go_on(journal: Path | None) -> str:
    if journal is None:
        return "there is no --journal to go on from: who has the note, and who may have it, is what stands above"
    return f"the same command goes on from {journal}; `aiocc notes status --unsettled {journal}` names what is unknown"


def _check(table: Table, file: Path, content: str | None, *, skip: bool) -> int:
    found = read_table(file, content)
    table.notes, table.wrong = found.notes, found.wrong
    for wrong in table.wrong:
        complain(f"aiocc: {file}, {wrong}")
    if table.wrong and not skip:
        complain(
            f"aiocc: bad rows: {len(table.wrong)}; nothing was sent, --skip-invalid sends the other {len(table.notes)}"
        )
        return exits.USAGE
    if not table.notes:
        complain(f"aiocc: {file} has no notes to send")
        return exits.USAGE
    return exits.OK


def _show(report: Report, form: Form, *, again: bool) -> None:
    """Show how far a run has come; `again` says whether it can be continued, also with what is unknown."""
    counts = {delivery.value: report.receivers.get(delivery, 0) for delivery in Delivery}
    show_one(
        {
            "complete": report.complete,
            "notes": report.notes,
            "requests": report.requests,
            "earlier": report.earlier,
            **counts,
        },
        form,
    )
    for outcome in report.unsettled[:100] if form is Form.TABLE else ():
        named = f" ({outcome.key})" if outcome.key else ""
        why = f": {outcome.reason}" if outcome.reason else ""
        complain(f"aiocc: note {outcome.note}{named}, {len(outcome.to)} receivers, {outcome.delivery}{why}")
    if form is Form.TABLE and len(report.unsettled) > 100:
        complain(f"aiocc: and {len(report.unsettled) - 100} more; the journal has them all")
    if again and report.complete and report.receivers.get(Delivery.UNKNOWN):
        complain("aiocc: what is unknown is left alone; --resend-unknown sends it again, and it may arrive twice")


@notes.command("status", epilog=exits.HELP)
def status(
    journal: Annotated[Path, typer.Argument(help="The journal's file; it may be in use.")],
    unsettled: Annotated[bool, typer.Option("--unsettled", help="List the receivers that are not accepted.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Say how far a fan-out has come, also while it runs; --csv and --json list every receiver."""
    from aiocc.scopes.notes.journal_status import read_journal

    form = form_of(as_json=as_json, as_csv=as_csv)

    def work() -> int:
        try:
            found = read_journal(journal)
        except JournalError as error:
            complain(f"aiocc: {journal}: {error}")
            return exits.CONFIGURATION
        if form is Form.CSV:
            found.write_csv(sys.stdout, unsettled=unsettled)
        elif form is Form.JSON:
            found.write_json_lines(sys.stdout, unsettled=unsettled)
        else:
            show_one(_summary(found), form)
            if unsettled:
                show_rows(
                    map(asdict, found.rows(unsettled=True)), ("receiver", "note", "key", "delivery", "reason"), form
                )
        return exits.OK

    raise typer.Exit(guarded(work, Form.TABLE, []))


def _summary(status: JournalStatus) -> dict[str, Any]:
    counts = {delivery.value: status.receivers.get(delivery, 0) for delivery in Delivery}
    return {
        "journal": str(status.path),
        "runner": f"process {status.runner}" if status.runner is not None else "none",
        "requests": status.requests,
        "planned receivers": status.planned,
        "on their way": status.on_their_way,
        **counts,
        "last change": status.at,
        "damage": status.damage,
    }
