"""A file of notes: CSV, judged whole before anything of it is sent."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Final

from attrs import define, field

from aiocc.errors import InvalidRequestError
from aiocc.scopes.notes import Note

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
        reader = csv.reader(StringIO(file.read_bytes().decode("utf-8-sig"), newline=""), skipinitialspace=True)
        for row in reader:
            number, first = first, reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if names is None:
                names = _names(file, row, content)
                if names is not BARE:
                    continue
            _read_row(table, number, names, row, content)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InvalidRequestError(f"{file} could not be read (line {line} is not UTF-8)") from None
    except (OSError, csv.Error) as error:
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
        raise InvalidRequestError("to must be agent ids with blanks between, each a whole number")
    one = Note([int(word) for word in words], text or "", key=row.get("key", "").strip() or None)
    one.check()
    return one
