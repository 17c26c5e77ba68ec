"""`aiocc note fan-out --queue`: submits to the workers of a queue, and watches them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import typer

from aiocc.cli.output import complain
from aiocc.cli.queue import PATIENCE, check_url, tell_of_missing_key, with_queue
from aiocc.cli.settings import Source, settings
from aiocc.environment import agent_from
from aiocc.errors import AioccError, ConfigurationError
from aiocc.protocol.pace import Rate
from aiocc.scopes.notes import Note, Report

if TYPE_CHECKING:
    from aiocc.integrations.redis import Progress
    from aiocc.integrations.taskiq import NoteQueue, StreamBroker

NO_DURABLE: Final = "--no-durable"

OF_ONE_PROCESS: Final = ("journal", "concurrency", "sign_in", "force")
"""Options that are the workers' own business."""

OF_A_QUEUE: Final = ("no_durable",)
"""Options that say nothing without a queue."""


class OutOfSightError(AioccError):
    """A job was submitted, at least in part, and what its workers do with it can no longer be seen."""


def check_queue(context: typer.Context, queue: str | None, job: str | None) -> None:
    """Refuse options that do not go together.

    Raises:
        typer.BadParameter: Names them.
    """
    if queue is not None and not job:
        raise typer.BadParameter("--queue needs --job, a name for the job")
    check_url(queue)
    for name in OF_A_QUEUE if job is None else OF_ONE_PROCESS:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            kind = "with" if job is None else "without"
            raise typer.BadParameter(f"--{name.replace('_', '-')} is for a run {kind} --job")


def watch(
    source: Source,
    url: str | None,
    job: str,
    notes: Sequence[Note],
    rate: Rate | None,
    *,
    resend_unknown: bool,
    durable: bool,
    on_progress: Callable[[Report], None],
    told: list[str],
    patience: float = PATIENCE,
) -> Report:
    """Submit a job, or go on with it, and wait until the workers have done it.

    Args:
        source: Where the settings come from.
        url: Of the Redis; None for `AIOCC_QUEUE_URL`, where it may have a password.
        job: Its name.
        notes: What to send.
        rate: Of all workers together.
        resend_unknown: Whether to send again what may have arrived.
        durable: Whether to see that Redis forgets nothing.
        on_progress: Told how far it has come.
        told: Gets what to say when this is interrupted.
        patience: Seconds for which Redis is asked again where it does not answer.

    Raises:
        OutOfSightError: Redis does not answer any more.
        AioccError: It could not be submitted.
    """
    variables = settings(source)
    sender = agent_from(variables).agent_id
    if sender is None:
        raise ConfigurationError("AIOCC_AGENT_ID is not set: workers are told who sends")
    tell_of_missing_key(variables)

    state = "open"

    def tell(progress: Progress) -> None:
        nonlocal state
        if progress.state == "paused" != state:
            complain(f"aiocc: the job {job!r} is paused; `aiocc notes resume {shlex.quote(job)}` goes on with it")
        state = progress.state
        settled = sum(progress.settled.values())
        on_progress(
            Report(
                notes=progress.notes,
                requests=settled,
                receivers=dict(progress.receivers),
                unsettled=(),
                invalid=progress.invalid,
                complete=progress.complete,
            )
        )

    async def work(queue: NoteQueue, broker: StreamBroker) -> Report:
        from aiocc.integrations.redis import RedisGoneError

        await queue.jobs.check(switch=NO_DURABLE)  # before the broker, which waits for Redis as long as it takes
        await broker.startup()
        run = queue.send_notes(job, notes, agents=[sender], rate=rate, resend_unknown=resend_unknown, on_progress=tell)
        told.append(f"aiocc: interrupted; the same command submits the rest of the job {job!r}")
        try:
            await run.submit()
            told[:] = [f"aiocc: interrupted; workers go on with the job {job!r}, and the same command watches them"]
            return await run.watch()
        except RedisGoneError as error:
            raise OutOfSightError(
                f"the queue's Redis does not answer any more ({error}); workers may have gone on with the job {job!r}, "
                "and the same command goes on with it and watches them"
            ) from None

    return with_queue(variables, url, work, durable=durable, patience=patience)
