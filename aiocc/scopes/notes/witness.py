"""A second record of how many transactions a journal has seen, beside SQLite's.

What a write-ahead log has lost at its end cannot be told from what was never written: SQLite opens what is left, and
all would look well. So the number of the last transaction is also written straight into the database's file, into the
middle of a row that SQLite itself never changes. It is written after each transaction and before anything is sent by
it, so it is never ahead of a log that is whole.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from struct import Struct
from typing import Final, Self
from zlib import crc32

SIZE: Final = 9000
"""Bytes of the row: it takes several pages of 4096, and the middle lies in one of its own."""

MIDDLE: Final = 6000
SEARCHED: Final = 1 << 20
"""The row is the first of the database: it lies within so many bytes."""

_MARK: Final = b"aiocc: transactions seen: "
_SLOT: Final = Struct("<QI")


class NoWitness(Exception):  # noqa: N818 - said on in other words by whoever asked
    """The file does not have it, or it cannot be read."""


def blank() -> bytes:
    """Make the row of a new journal."""
    return (b"\0" * MIDDLE + _MARK + _slot(0)).ljust(SIZE, b"\0")


def _slot(count: int) -> bytes:
    return _SLOT.pack(count, crc32(count.to_bytes(8, "little")))


class Witness:
    """The record in one file, which stays open.

    On POSIX, to close a file gives up all locks that this process has on it, SQLite's among them: whoever writes here
    closes it after SQLite, and no second one is opened meanwhile.

    Args:
        path: The database.
        writable: Whether it will be written.

    Raises:
        NoWitness: There is none that can be read.
        OSError: The file cannot be opened.
    """

    def __init__(self, path: Path, *, writable: bool) -> None:
        self._file: io.FileIO = io.FileIO(path, "r+" if writable else "r")
        try:
            self.count: int = self._find()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, count: int) -> None:
        """Note that so many transactions are in the journal."""
        if sys.platform == "win32":
            self._file.seek(self._place)
            self._file.write(_slot(count))
        else:
            os.pwrite(self._file.fileno(), _slot(count), self._place)
        self.count = count

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _find(self) -> int:
        start = self._file.read(SEARCHED)
        found = start.find(_MARK)
        slot = found + len(_MARK)
        if found < 0 or len(start) < slot + _SLOT.size:
            raise NoWitness
        self._place = slot
        count = int(_SLOT.unpack_from(start, slot)[0])
        if start[slot : slot + _SLOT.size] != _slot(count):
            raise NoWitness
        return count
