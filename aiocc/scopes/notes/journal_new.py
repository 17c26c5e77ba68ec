"""A new journal: made aside and put in its place whole, so that there never is half of one."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiocc.scopes.notes.rows import APPLICATION, FORMAT, SCHEMA, Head
from aiocc.scopes.notes.witness import blank

_INSERT: Final = (
    "INSERT INTO job (format, name, digest, planned, commits, requests, seals, seal, until)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)"
)


def create(path: Path, name: str) -> None:
    """Make an empty journal, for its owner alone to read; where another is faster, that one stays.

    Raises:
        OSError: It cannot be made there.
        sqlite3.Error: The same.
    """
    aside = path.with_name(f"{path.name}.new-{secrets.token_hex(4)}")
    os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        _fill(aside, Head(FORMAT, name, None, None, 0, 0, 0))
        _place(aside, path)
    finally:
        for left in (aside, Path(f"{aside}-wal"), Path(f"{aside}-shm")):
            left.unlink(missing_ok=True)


def _fill(aside: Path, head: Head) -> None:
    connection = sqlite3.connect(aside, isolation_level=None)
    try:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN")
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute("INSERT INTO witness VALUES (?)", (blank(),))
        connection.execute(_INSERT, (*head, head.seal))
        connection.execute("COMMIT")
        # What the witness is written into must lie in the database's file, and no more in the log.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _place(aside: Path, path: Path) -> None:
    try:
        os.link(aside, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not path.exists():
            aside.replace(path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            with suppress(OSError):  # not every file system lets a folder be written through
                os.fsync(folder)
        finally:
            os.close(folder)
