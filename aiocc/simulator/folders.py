"""Temporary folders that go also where SIGTERM or SIGHUP ends the process, and nobody else heeds these signals."""

import os
import shutil
import signal
import tempfile
import threading
from types import FrameType

__all__ = ["heed_signals", "leave_signals", "make", "remove"]

NUMBERS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

_ours: set[str] = set()  # of this process: a forked child has none
_forking = threading.local()


def make(prefix: str) -> str:
    """Make a folder that nobody else can read."""
    heed_signals()
    folder = tempfile.mkdtemp(prefix=prefix)
    _ours.add(folder)
    return folder


def remove(folder: str) -> None:
    """Remove a folder with what is in it; after the last one the signals are the program's again."""
    _ours.discard(folder)
    shutil.rmtree(folder, ignore_errors=True)
    leave_signals()


def leave_signals() -> None:
    """Give the signals back where there is no folder; only the main thread can."""
    if not _ours and threading.current_thread() is threading.main_thread():
        for number in _heeded():
            signal.signal(number, signal.SIG_DFL)


def heed_signals() -> None:
    """Take the signals whose default would end the process at once; only the main thread can."""
    if threading.current_thread() is threading.main_thread():
        for number in NUMBERS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    """Remove what is this process's, and end as without us. It runs in between of anything, so it waits for nothing."""
    for folder in tuple(_ours):
        shutil.rmtree(folder, ignore_errors=True)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _before_fork() -> None:
    """Hold the signals back: a child that got one before it is ready would forget it, and live."""
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS) if _heeded() else None


def _after_fork() -> None:
    if _forking.mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _in_child() -> None:
    """A child has no folder here, so a signal ends it as ever."""
    _ours.clear()
    for number in _heeded():
        signal.signal(number, signal.SIG_DFL)
    _after_fork()


def _heeded() -> list[int]:
    return [number for number in NUMBERS if signal.getsignal(number) is _end]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
