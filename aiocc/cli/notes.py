"""The commands for fan-outs that were begun: their journals, and the jobs of a queue."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from attrs import asdict

from aiocc.cli import exits
from aiocc.cli.options import AsCsv, AsJson, source_of
from aiocc.cli.output import Form, complain, count, counts_of, form_of, show_line, show_one, show_rows
from aiocc.cli.queue import QueueUrl, check_url, with_queue
from aiocc.cli.running import guarded
from aiocc.cli.settings import Source, settings
from aiocc.errors import JournalError

if TYPE_CHECKING:
    from aiocc.integrations.redis import Progress
    from aiocc.integrations.taskiq import NoteQueue, StreamBroker
    from aiocc.scopes.notes import NoteOutcome
    from aiocc.scopes.notes.journal_status import JournalStatus

COLUMNS = ("receiver", "note", "key", "delivery", "reason")

notes: typer.Typer = typer.Typer(no_args_is_help=True, help="Fan-outs: their journals, and the jobs of a queue.")

Job = Annotated[str, typer.Argument(help="The job, as `aiocc note fan-out --job` named it.")]


@notes.command("status", epilog=exits.HELP)
def status(
    context: typer.Context,
    journal: Annotated[Path | None, typer.Argument(help="The journal's file; it may be in use.")] = None,
    job: Annotated[str | None, typer.Option(help="In place of a journal, a job of a queue.")] = None,
    queue: QueueUrl = None,
    unsettled: Annotated[bool, typer.Option("--unsettled", help="List the receivers that are not accepted.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Say how far a fan-out has come, also while it runs.

    Of a journal --csv and --json list every receiver; of a job its counts, or with --unsettled the receivers that are
    not accepted.
    """
    form = form_of(as_json=as_json, as_csv=as_csv)
    if (journal is None) is (job is None):
        raise typer.BadParameter("name a journal's file or, with --job, a job of a queue")
    if journal is not None:
        if queue is not None:
            raise typer.BadParameter("--queue is for a job: give --job")
        file = journal
        raise typer.Exit(guarded(lambda: _of_journal(file, form, unsettled=unsettled), Form.TABLE, []))
    assert job is not None
    name = job
    check_url(queue)
    raise typer.Exit(guarded(lambda: _of_job(source_of(context), queue, name, form, unsettled=unsettled), form, []))


@notes.command("pause", epilog=exits.HELP)
def pause(context: typer.Context, job: Job, queue: QueueUrl = None, as_json: AsJson = False) -> None:
    """Let workers begin no further request of a job; what is on its way ends. `notes resume` goes on with it."""

    async def work(of: NoteQueue, _: StreamBroker) -> None:
        await of.pause(job)

    _act(context, queue, job, work, as_json=as_json)


@notes.command("resume", epilog=exits.HELP)
def resume(context: typer.Context, job: Job, queue: QueueUrl = None, as_json: AsJson = False) -> None:
    """Go on with a job that was paused or cancelled, from where it was; nothing is sent twice."""

    async def work(of: NoteQueue, broker: StreamBroker) -> None:
        await of.jobs.progress(job)  # before the broker, which waits for Redis as long as it takes
        await broker.startup()
        await of.resume(job)

    _act(context, queue, job, work, as_json=as_json)


@notes.command("cancel", epilog=exits.HELP)
def cancel(context: typer.Context, job: Job, queue: QueueUrl = None, as_json: AsJson = False) -> None:
    """Send nothing more of a job. Whoever watches it is told, and what is on its way ends."""

    async def work(of: NoteQueue, _: StreamBroker) -> None:
        await of.cancel(job)

    _act(context, queue, job, work, as_json=as_json)


def _act(
    context: typer.Context,
    url: str | None,
    job: str,
    act: Callable[[NoteQueue, StreamBroker], Awaitable[None]],
    *,
    as_json: bool,
) -> None:
    """Do something to a job, then show how it stands."""
    form = form_of(as_json=as_json, as_csv=False)
    check_url(url)

    async def work(queue: NoteQueue, broker: StreamBroker) -> Progress:
        await act(queue, broker)
        return await queue.jobs.progress(job)

    def run() -> int:
        show_one(_job_summary(job, with_queue(settings(source_of(context)), url, work), form), form)
        return exits.OK

    raise typer.Exit(guarded(run, form, ["aiocc: interrupted; `aiocc notes status --job` says how the job stands"]))


def _of_job(source: Source, url: str | None, job: str, form: Form, *, unsettled: bool) -> int:
    async def work(queue: NoteQueue, _: StreamBroker) -> tuple[Progress, list[NoteOutcome]]:
        return await queue.jobs.progress(job), await queue.jobs.unsettled(job) if unsettled else []

    progress, outcomes = with_queue(settings(source), url, work)
    rows = (
        {
            "receiver": one,
            "note": outcome.note,
            "key": outcome.key,
            "delivery": outcome.delivery,
            "reason": outcome.reason,
        }
        for outcome in outcomes
        for one in outcome.to
    )
    if form is Form.TABLE or not unsettled:
        show_one(_job_summary(job, progress, form), form)
    if unsettled and form is Form.JSON:
        for row in rows:
            show_line(row, form)
    elif unsettled:
        show_rows(rows, COLUMNS, form)
    return exits.OK


def _job_summary(job: str, progress: Progress, form: Form) -> dict[str, Any]:
    facts = {
        "job": job,
        "state": progress.state,
        "complete": progress.complete,
        "notes": progress.notes if progress.planned else None,
        "requests": progress.requests,
    }
    counts = counts_of(progress.receivers, form)
    if form is not Form.TABLE:
        return {**facts, "waiting": progress.waiting, "on_their_way": progress.on_their_way, **counts}
    waiting, going = count(progress.waiting, "request"), count(progress.on_their_way, "request")
    return {**facts, "waiting": waiting, "on their way": going, **counts}


def _of_journal(journal: Path, form: Form, *, unsettled: bool) -> int:
    from aiocc.scopes.notes.journal_status import read_journal

    try:
        found = read_journal(journal)
    except JournalError as error:
        complain(f"aiocc: {error}")
        return exits.CONFIGURATION
    if form is Form.CSV:
        found.write_csv(sys.stdout, unsettled=unsettled)
    elif form is Form.JSON:
        found.write_json_lines(sys.stdout, unsettled=unsettled)
    else:
        show_one(_summary(found), form)
        if unsettled:
            show_rows(map(asdict, found.rows(unsettled=True)), COLUMNS, form)
    return exits.OK


def _summary(status: JournalStatus) -> dict[str, Any]:
    return {
        "journal": str(status.path),
        "runner": f"process {status.runner}" if status.runner is not None else "none",
        "requests": status.requests,
        "planned": count(status.planned, "receiver") if status.planned is not None else None,
        "on their way": count(status.on_their_way, "receiver"),
        **counts_of(status.receivers, Form.TABLE),
        "last change": status.at,
        "damage": status.damage,
    }
