"""The commands for many notes: the fan-out, and its journal."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from attrs import asdict, define, field
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from aiocc.cli import exits
from aiocc.cli.operations import note
from aiocc.cli.options import AsCsv, AsJson, DryRun, source_of
from aiocc.cli.output import Form, complain, form_of, show_one, show_rows
from aiocc.cli.queued import check_queue, watch
from aiocc.cli.running import guarded, with_client
from aiocc.cli.settings import Source
from aiocc.client import Client
from aiocc.delivery import Delivery
from aiocc.errors import InvalidRequestError, JournalError
from aiocc.protocol.pace import Rate
from aiocc.scopes.notes import Note, Report

if TYPE_CHECKING:
    from aiocc.scopes.notes.journal_status import JournalStatus

notes: typer.Typer = typer.Typer(no_args_is_help=True, help="Journals of fan-outs.")

LINE_EVERY = 2.0
"""Seconds between two lines of progress where the output is piped."""


BARE: Final = ["to"]
"""The columns of a file without a line of names."""


@define
class Table:
    """A CSV file's notes, and what is wrong with it."""

    notes: list[Note] = field(factory=list)
    wrong: list[str] = field(factory=list)


def read_table(file: Path, content: str | None) -> Table:
    """Read notes: columns `to` (an agent, or several with blanks between), `content`, `key`; the latter two optional.

    Args:
        file: CSV in UTF-8, with a line of names; a file without names whose first column is a number is receivers.
        content: The note, where the file has none.

    Raises:
        InvalidRequestError: It has no usable columns.
    """
    table, names, first = Table(), None, 1
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened, skipinitialspace=True)
            for row in reader:
                number, first = first, reader.line_num + 1
                if not any(cell.strip() for cell in row):
                    continue
                if names is None:
                    names = _names(file, row, content)
                    if names is not BARE:
                        continue
                _read_row(table, number, names, row, content)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or f"line {first}: {error}"
        raise InvalidRequestError(f"{file} could not be read ({why})") from None
    if names is None:
        raise InvalidRequestError(f"{file} is empty")
    return table


def _names(file: Path, row: list[str], content: str | None) -> list[str]:
    """Read the line of names, or see that there is none."""
    if row[0].strip().isdigit():
        if content is None:
            raise InvalidRequestError(f"{file} has no line of names: name its columns, or give the note with --content")
        return BARE
    names = [name.strip() for name in row]
    if "to" not in names:
        raise InvalidRequestError(f"{file} must have a column 'to', not {', '.join(map(repr, names))}")
    if content is None and "content" not in names:
        raise InvalidRequestError(f"{file} has no column 'content': give the note with --content")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidRequestError(f"{file} has two columns {twice!r}")
    return names


def _read_row(table: Table, number: int, names: list[str], row: list[str], content: str | None) -> None:
    try:
        table.notes.append(_note(names, row, content))
    except InvalidRequestError as error:
        table.wrong.append(f"line {number}: {error}")


def _note(names: list[str], cells: list[str], content: str | None) -> Note:
    if len(cells) > len(names):
        raise InvalidRequestError(f"there are {len(cells)} cells in {len(names)} columns")
    row = dict(zip(names, cells, strict=False))
    words = row.get("to", "").replace(";", " ").split()
    text = row.get("content") if content is None else content
    if not words or not all(word.isascii() and word.isdigit() for word in words):
        raise InvalidRequestError("to must be agent ids, each a whole number")
    one = Note([int(word) for word in words], text or "", key=row.get("key", "").strip() or None)
    one.check()
    return one


@note.command("fan-out", epilog=exits.HELP)
def fan_out(
    context: typer.Context,
    to: Annotated[Path, typer.Option("--to", help="CSV: a column 'to', and 'content' and 'key' where wanted.")],
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
            async with client.sign_in() as session:
                return await send(session)
        return await send(client.agent())

    async def send(sender: Any) -> int:
        with progress(requests) as told:
            run = sender.send_notes(
                table.notes, concurrency=concurrency, rate=pace, journal=journal,
                resend_unknown=resend_unknown, on_progress=told,
            )  # fmt: skip
            try:
                await run
            finally:
                interrupted = not run.report.complete
                if interrupted:
                    _show(run.report, form)
                    complain(f"aiocc: {_how_to_go_on(journal)}")
        _show(run.report, form)
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
        _show(report, form)
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


def _show(report: Report, form: Form) -> None:
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


@contextmanager
def progress(total: int) -> Iterator[Callable[[Report], None]]:
    """Show a bar with rate, rest and counts on a terminal; a plain line now and then where stderr is piped."""
    console = Console(stderr=True)
    began = time.monotonic()
    if not console.is_terminal:
        last = began

        def line(report: Report) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= LINE_EVERY:
                last = now
                complain(f"aiocc: {report.requests} of {total} requests, {_counts(report)}")

        yield line
        return
    columns = (BarColumn(), TextColumn("{task.completed}/{task.total}  {task.fields[said]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total, said="")

        def told(report: Report) -> None:
            rate = report.requests / max(time.monotonic() - began, 0.001)
            bar.update(task, completed=report.requests, said=f"{rate:,.0f}/s  {_counts(report)}")

        yield told


def _counts(report: Report) -> str:
    return ", ".join(f"{count} {delivery}" for delivery, count in report.receivers.items())


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
