"""The process in which one contender is measured: `python -m benchmarks.worker JOB`. It ends with its input."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.backends import Backend, backend
from benchmarks.contenders import NotMeasured
from benchmarks.job import Job, say
from benchmarks.machine import allow_many_files, pin

Work = Callable[[Job, Backend], Coroutine[Any, Any, None]]


def main(text: str) -> None:
    """Do one job."""
    job = Job.load(text)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends, and with it the input
    pin(job.core)
    allow_many_files()
    work: Work = importlib.import_module(f"benchmarks.parts.{job.part}").work
    loop = backend(job.loop)
    try:
        loop.run(lambda: work(job, loop))
    except Exception as error:  # noqa: BLE001 - told to the parent, which prints it in the table
        first = first_of(error)
        if isinstance(first, NotMeasured):
            say(skipped=str(first))
        else:
            say(failed=f"{type(first).__name__}: {first}"[:300])


def first_of(error: BaseException) -> BaseException:
    """Give what went wrong first, out of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    main(sys.argv[1])
