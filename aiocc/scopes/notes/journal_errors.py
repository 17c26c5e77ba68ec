"""What goes wrong with a journal, told with its file's name and with what to do about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aiocc.errors import JournalDamagedError, JournalError, JournalInUseError, JournalMismatchError

_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

REMEDIES: Final[dict[type[JournalError], str]] = {
    JournalMismatchError: "; give another journal (journal=, --journal), or the notes it was begun with",
    JournalInUseError: "; wait until that one has ended, or give another journal (journal=, --journal)",
    JournalDamagedError: (
        "; `aiocc notes status`, or read_journal(), shows what is left of it: "
        "a run with another journal (journal=, --journal) would send every note again"
    ),
}
"""What to do, where the class alone says it."""

TO_WRITE: Final = "; give it room on a local disk where it may be written: the same run with the same journal goes on"
TO_READ: Final = "; give the path of a journal that may be read here"


@contextmanager
def told(path: Path, what: str) -> Iterator[None]:
    """Give SQLite's and the system's errors our names, and each of ours its journal's.

    Args:
        path: The journal.
        what: Is done to it: "opened", "read".
    """
    try:
        yield
    except JournalError as error:
        raise named(path, error) from error.__cause__
    except (sqlite3.Error, OSError) as error:
        raise named(path, _ours(error, what)) from error


def named(path: Path, error: JournalError) -> JournalError:
    """Give the same error with the journal's path before what is wrong, and after it what to do."""
    kind = type(error)
    return kind(f"{path}: {error}{REMEDIES.get(kind, '')}")


def _ours(error: sqlite3.Error | OSError, what: str) -> JournalError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED or isinstance(error, sqlite3.DataError):
        return JournalDamagedError(f"the journal is damaged: {error}")
    if code in _BUSY:
        return JournalInUseError("the journal is in use by another process")
    why = getattr(error, "strerror", None) or error
    return JournalError(f"the journal cannot be {what}: {why}{TO_READ if what == 'read' else TO_WRITE}")
