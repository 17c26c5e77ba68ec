"""What a command prints: tables for people, JSON or CSV for programs; what went wrong on stderr."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import attrs
import typer
from rich.console import Console
from rich.table import Table

from aiocc.call.explain import Explanation
from aiocc.delivery import Delivery
from aiocc.errors import CallError


class Form(StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class PipedConsole(Console):
    """A console that leaves a broken pipe to whoever knows the exit codes."""

    def on_broken_pipe(self) -> None:
        """Go on with the error that is being handled."""
        raise  # noqa: PLE0704 - rich calls this while it handles the error


def form_of(*, as_json: bool, as_csv: bool) -> Form:
    """Choose a form.

    Raises:
        typer.BadParameter: Both were asked for.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    return Form.JSON if as_json else Form.CSV if as_csv else Form.TABLE


def show_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], form: Form) -> None:
    """Write rows."""
    if form is Form.JSON:
        typer.echo(json.dumps([plain(row) for row in rows], ensure_ascii=False, indent=2))
    elif form is Form.CSV:
        writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({name: plain(value) for name, value in row.items()} for row in rows)
    else:
        table = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*("" if row.get(name) is None else str(plain(row[name])) for name in columns))
        PipedConsole(soft_wrap=True).print(table, markup=False)


def show_one(values: Mapping[str, Any], form: Form) -> None:
    """Write one result."""
    if form is Form.JSON:
        typer.echo(json.dumps(plain(values), ensure_ascii=False, indent=2))
    elif form is Form.CSV:
        show_rows([values], list(values), form)
    else:
        width = max(map(len, values), default=0)
        for name, value in values.items():
            if value is not None:
                typer.echo(f"{name:{width}}  {plain(value)}")


def show_line(values: Mapping[str, Any], form: Form) -> None:
    """Write one of many results as it comes: a line of JSON, of CSV, or of text."""
    if form is Form.JSON:
        typer.echo(json.dumps(plain(values), ensure_ascii=False))
    elif form is Form.CSV:
        csv.writer(sys.stdout, lineterminator="\n").writerow([plain(value) for value in values.values()])
    else:
        typer.echo("  ".join(str(plain(value)) for value in values.values() if value is not None))
    sys.stdout.flush()


def failure(error: CallError) -> dict[str, Any]:
    """Give what a program wants to know of a failure."""
    return {
        "delivery": error.delivery,
        "operation": error.operation,
        "reason": error.reason,
        "code": error.code,
        "description": error.description,
        "meaning": error.meaning,
        "next_step": error.next_step,
        "call_id": error.call_id,
        "attempts": len(error.attempts),
    }


def show_explanation(explanation: Explanation, form: Form) -> None:
    """Write what would be sent."""
    if form is Form.JSON:
        show_one(plain(explanation), form)
    else:
        typer.echo(str(explanation))


def count(number: int, noun: str) -> str:
    """Say how many of what: `1 receiver`, `2 receivers`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def counts_of(receivers: Mapping[Delivery, int], form: Form) -> dict[str, Any]:
    """Give how many receivers have got how far: numbers for a program, each with its noun for people."""
    numbers = {delivery.value: receivers.get(delivery, 0) for delivery in Delivery}
    if form is not Form.TABLE:
        return numbers
    return {name.replace("_", " "): count(number, "receiver") for name, number in numbers.items()}


def complain(text: str) -> None:
    """Say what went wrong, on stderr."""
    typer.echo(text, err=True)


def plain(value: Any) -> Any:
    """Bring a value to what JSON knows."""
    if attrs.has(type(value)):
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value
