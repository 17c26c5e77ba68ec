"""Running a command: a client from the settings, what goes wrong as an exit code, an interrupt with what is known."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import anyio
import typer

from aiocc.cli import exits
from aiocc.cli.output import Form, complain, failure, show_one
from aiocc.cli.settings import Source, settings
from aiocc.client import Client
from aiocc.errors import AioccError, CallError, ConfigurationError, InvalidRequestError

T = TypeVar("T")

Work = Callable[[Client], Awaitable[int]]


def with_client(source: Source, needs: tuple[str, ...], form: Form, work: Work) -> NoReturn:
    """Run a command's work with a client, and end with its exit code.

    Args:
        source: Where the settings come from.
        needs: Secrets that are asked for on a terminal where they are missing.
        form: How a failure is written for programs.
        work: Gives an exit code.
    """
    told: list[str] = []

    def run() -> int:
        # Asked for out here: an event loop keeps Ctrl-C for its tasks, and would not let it end the question.
        variables = settings(source, *needs)
        return until_stopped(lambda: main(variables))

    async def main(variables: dict[str, str]) -> int:
        async with Client.from_env(variables) as client:
            try:
                return await work(client)
            except anyio.get_cancelled_exc_class() as stop:
                told.extend(getattr(stop, "__notes__", ()))
                raise

    raise typer.Exit(guarded(run, form, told))


def until_stopped(main: Callable[[], Awaitable[T]]) -> T:
    """Run something to its end, or until it is told to stop: SIGTERM, a supervisor's word, is one with Ctrl-C."""

    async def stoppable() -> T:
        task = asyncio.current_task()
        assert task is not None
        if sys.platform != "win32":  # where nobody sends it
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await main()

    return anyio.run(stoppable)


def guarded(work: Callable[[], int], form: Form, told: list[str]) -> int:
    """Do something, and give the exit code for whatever comes of it."""
    try:
        code = work()
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still in the buffer has no reader; at the interpreter's end it would be a complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.BROKEN_PIPE
    except (KeyboardInterrupt, asyncio.CancelledError, typer.Abort):  # Ctrl-C, SIGTERM, an unanswered question
        for note in told or ["aiocc: interrupted; nothing was on its way"]:
            complain(note)
        return exits.INTERRUPTED
    except CallError as error:
        return tell_failure(error, form)
    except ConfigurationError as error:
        complain(f"aiocc: {error}")
        return exits.CONFIGURATION
    except InvalidRequestError as error:
        complain(f"aiocc: {error}")
        return exits.USAGE
    except AioccError as error:
        complain(f"aiocc: {error}")
        return exits.CONFIGURATION
    return code


def tell_failure(error: CallError, form: Form) -> int:
    """Say what is known of a call that did not simply succeed, and what to do next."""
    if form is Form.JSON:
        show_one(failure(error), form)
    complain(f"aiocc: {error}")
    for note in getattr(error, "__notes__", ()):
        complain(note)
    return exits.BY_DELIVERY[error.delivery]
