"""`aiocc note fan-out --queue`: submits to the workers of a queue, and watches them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import anyio
import typer

from aiocc.cli.output import complain
from aiocc.cli.running import until_stopped
from aiocc.cli.settings import Source, settings
from aiocc.client import Client
from aiocc.environment import agent_from, secret_from
from aiocc.errors import ConfigurationError
from aiocc.protocol.pace import Rate
from aiocc.scopes.notes import Note, Report
from aiocc.secret import Secret

if TYPE_CHECKING:
    from aiocc.integrations.redis import Progress
    from aiocc.integrations.taskiq import NoteQueue, StreamBroker

KEY: Final = "AIOCC_QUEUE_KEY"
URL: Final = "AIOCC_QUEUE_URL"
PATIENCE: Final = 20.0
"""Seconds for which Redis is asked again where it does not answer."""

OF_ONE_PROCESS: Final = ("journal", "concurrency", "sign_in", "force")
"""Options that are the workers' own business."""


def check_queue(context: typer.Context, queue: str | None, job: str | None) -> None:
    """Refuse options that do not go together.

    Raises:
        typer.BadParameter: Names them.
    """
    if queue is not None and not job:
        raise typer.BadParameter("--queue needs --job, a name for the job")
    if queue is not None and urlsplit(queue).password is not None:
        raise typer.BadParameter(f"--queue must hold no password, which others on this machine can read: set {URL}")
    for name in OF_ONE_PROCESS if job is not None else ():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"--{name.replace('_', '-')} is for a run without --job")


def watch(
    source: Source,
    url: str | None,
    job: str,
    notes: Sequence[Note],
    rate: Rate | None,
    *,
    resend_unknown: bool,
    on_progress: Callable[[Report], None],
    told: list[str],
) -> Report:
    """Submit a job, or go on with it, and wait until the workers have done it.

    Args:
        source: Where the settings come from.
        url: Of the Redis; None for `AIOCC_QUEUE_URL`, where it may have a password.
        job: Its name.
        notes: What to send.
        rate: Of all workers together.
        resend_unknown: Whether to send again what may have arrived.
        on_progress: Told how far it has come.
        told: Gets what to say when this is interrupted.

    Raises:
        AioccError: It could not be submitted.
    """
    variables = settings(source)
    sender = agent_from(variables).agent_id
    if sender is None:
        raise ConfigurationError("AIOCC_AGENT_ID is not set: workers are told who sends")
    url = url or variables.get(URL)
    if url is None:
        raise ConfigurationError(f"--job needs a queue: give --queue, or set {URL}")
    broker, queue = _queue(url, secret_from(variables, KEY))

    def tell(progress: Progress) -> None:
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

    async def main() -> Report:
        from aiocc.integrations.redis import RedisGoneError

        try:
            await queue.jobs.check()  # before the broker, which waits for Redis as long as it takes
            await broker.startup()
            run = queue.send_notes(
                job, notes, agents=[sender], rate=rate, resend_unknown=resend_unknown, on_progress=tell
            )
            told.append(f"aiocc: interrupted; the same command submits the rest of the job {job!r}")
            await run.submit()
            told[:] = [f"aiocc: interrupted; workers go on with the job {job!r}, and the same command watches them"]
            return await run.watch()
        except RedisGoneError as error:
            raise ConfigurationError(f"the queue's Redis does not answer ({error})") from None
        finally:
            with anyio.CancelScope(shield=True):
                await broker.shutdown()

    return until_stopped(main)


def _queue(url: str, key: Secret | None) -> tuple[StreamBroker, NoteQueue]:
    try:
        from aiocc.integrations.redis import RedisJobs
        from aiocc.integrations.taskiq import NoteQueue, StreamBroker
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{error.name} is missing: --queue needs pip install 'aiocc[taskiq]'") from None
    if key is None:
        complain(f"aiocc: {KEY} is not set: Redis keeps the text of notes as it is")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the missing key, told above
        jobs = RedisJobs(url, keys=key, patience=PATIENCE)
    broker = StreamBroker(url)
    return broker, NoteQueue(broker, jobs, Client.from_env)
