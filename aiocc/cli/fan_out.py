"""The command for many notes: the fan-out."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from aiocc.cli import exits
from aiocc.cli.options import AsJson, DryRun, Force, ForceSignIn, source_of
from aiocc.cli.output import Form, complain, count, counts_of, form_of, show_one
from aiocc.cli.progress import progress
from aiocc.cli.queue import QueueUrl
from aiocc.cli.queued import NO_DURABLE, OutOfSightError, check_queue, watch
from aiocc.cli.running import guarded, with_client
from aiocc.cli.scopes import naming_force
from aiocc.cli.table import Table, read_table
from aiocc.client import Client
from aiocc.delivery import Delivery
from aiocc.errors import JournalError
from aiocc.protocol.pace import Rate
from aiocc.scopes.notes import Report

COLUMNS: Final = "CSV: a column 'to' (an agent, or several with blanks between), and 'content' and 'key' where wanted."


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
    queue: QueueUrl = None,
    job: Annotated[
        str | None, typer.Option(help="Let a queue's workers send; a job of this name is continued.")
    ] = None,
    no_durable: Annotated[
        bool, typer.Option(NO_DURABLE, help="Take a Redis that may forget: what it forgets could be sent twice.")
    ] = False,
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
        shown = {"notes": len(table.notes), "requests": requests, "receivers": receivers, "sent": 0}
        show_one(shown if form is Form.JSON else {**shown, "sent": "nothing"}, form)
        return

    pace = Rate(rate) if rate is not None else None
    if job is not None:
        over = partial(
            watch, source_of(context), queue, job, table.notes, pace,
            resend_unknown=resend_unknown, durable=not no_durable,
        )  # fmt: skip
        raise typer.Exit(over_queue(over, job, requests, form))

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
            failure: JournalError | None = None
            try:
                await run
            except JournalError as error:
                failure = error
            finally:
                bar.close()  # before anything is written where it stood
                if run.report.notes:  # else nothing was begun, and the error says why
                    _show(run.report, form, kept=None if journal is None else shlex.quote(str(journal)))
                    if not run.report.complete:
                        complain(f"aiocc: {_how_to_go_on(journal)}")
        return _exit_code(run.report, failure)

    with_client(source_of(context), ("sign-in",) if sign_in else ("guid",), form, work)


def over_queue(over: Callable[..., Report], job: str, requests: int, form: Form) -> int:
    """Submit to workers and watch them; the report and the exit code are those of a run of this process."""
    told: list[str] = []

    def work() -> int:
        try:
            with progress(requests) as on_progress:
                report = over(on_progress=on_progress, told=told)
        except OutOfSightError as error:
            complain(f"aiocc: {error}")
            return exits.BY_DELIVERY[Delivery.UNKNOWN]
        _show(report, form, kept=f"--job {shlex.quote(job)}")
        if not report.complete:
            complain(f"aiocc: the job {job!r} was cancelled; `aiocc notes resume {shlex.quote(job)}` goes on with it")
        return exits.of_many(report.receivers)

    return guarded(work, form, told)


def _exit_code(report: Report, failure: JournalError | None) -> int:
    """Exit by the receivers; where the journal failed in the middle, the rest was not sent.

    Raises:
        JournalError: It failed before anything was known of any receiver.
    """
    if failure is None:
        return exits.of_many(report.receivers)
    if not report.receivers:
        raise failure
    complain(f"aiocc: {failure}")
    return exits.of_many({*report.receivers, Delivery.NOT_SENT})


def _how_to_go_on(journal: Path | None) -> str:
    if journal is None:
        return "there is no --journal to go on from: who has the note, and who may have it, is what stands above"
    kept = shlex.quote(str(journal))
    return f"the same command goes on from {journal}; `aiocc notes status --unsettled {kept}` names what is unknown"


def _check(table: Table, file: Path, content: str | None, *, skip: bool) -> int:
    found = read_table(file, content)
    table.notes, table.wrong = found.notes, found.wrong
    for wrong in table.wrong:
        complain(f"aiocc: {file}, {wrong}")
    if table.wrong and not skip:
        rest = count(len(table.notes), "note")
        complain(
            f"aiocc: {count(len(table.wrong), 'bad row')}; nothing was sent, --skip-invalid sends the rest: {rest}"
        )
        return exits.USAGE
    if not table.notes:
        complain(f"aiocc: {file} has no notes to send")
        return exits.USAGE
    return exits.OK


def _show(report: Report, form: Form, *, kept: str | None) -> None:
    """Show how far a run has come; `kept` is what `aiocc notes status` is told where it can be continued."""
    earlier = report.earlier if form is Form.JSON else count(report.earlier, "receiver")
    facts = {"complete": report.complete, "notes": report.notes, "requests": report.requests, "earlier": earlier}
    show_one({**facts, **counts_of(report.receivers, form)}, form)
    for outcome in report.unsettled[:100] if form is Form.TABLE else ():
        named = f" ({outcome.key})" if outcome.key else ""
        why = f": {outcome.reason}" if outcome.reason else ""
        complain(f"aiocc: note {outcome.note}{named}, {count(len(outcome.to), 'receiver')}, {outcome.delivery}{why}")
    if form is Form.TABLE and len(report.unsettled) > 100:
        more = f"{count(len(report.unsettled) - 100, 'request')} more"
        complain(f"aiocc: and {more}" + (f"; `aiocc notes status --unsettled {kept}` names all" if kept else ""))
    if kept and report.complete and report.receivers.get(Delivery.UNKNOWN):
        complain("aiocc: what is unknown is left alone; --resend-unknown sends it again, and it may arrive twice")
