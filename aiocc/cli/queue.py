"""The queue that a command speaks to: its Redis and its key, by the settings."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Final, TypeVar
from urllib.parse import urlsplit

import anyio
import typer

from aiocc.cli.output import complain
from aiocc.cli.running import until_stopped
from aiocc.client import Client
from aiocc.environment import secret_from
from aiocc.errors import ConfigurationError

if TYPE_CHECKING:
    from aiocc.integrations.taskiq import NoteQueue, StreamBroker

T = TypeVar("T")

KEY: Final = "AIOCC_QUEUE_KEY"
URL: Final = "AIOCC_QUEUE_URL"
PATIENCE: Final = 20.0
"""Seconds for which Redis is asked again where it does not answer."""

QueueUrl = Annotated[
    str | None, typer.Option("--queue", help=f"With a job: the redis:// URL of its queue; else {URL}.")
]


def check_url(queue: str | None) -> None:
    """Refuse a URL that shows a password to others.

    Raises:
        typer.BadParameter: It has one.
    """
    if queue is not None and urlsplit(queue).password is not None:
        raise typer.BadParameter(f"--queue must hold no password, which others on this machine can read: set {URL}")


def with_queue(
    variables: Mapping[str, str],
    url: str | None,
    work: Callable[[NoteQueue, StreamBroker], Awaitable[T]],
    *,
    durable: bool = True,
    patience: float = PATIENCE,
) -> T:
    """Do something with a queue whose broker is not started yet, and close it; any interrupt ends the work.

    Args:
        variables: The settings.
        url: Of the Redis; None for `AIOCC_QUEUE_URL`, where it may have a password.
        work: What to do.
        durable: Whether `jobs.check()` is to look.
        patience: Seconds for which Redis is asked again where it does not answer.

    Raises:
        ConfigurationError: There is no such Redis, it does not answer, or the key is another one.
    """
    url = url or variables.get(URL)
    if url is None:
        raise ConfigurationError(f"a job needs a queue: give --queue, or set {URL}")
    broker, queue = _queue(url, variables, durable=durable, patience=patience)

    async def main() -> T:
        from aiocc.integrations.redis import RedisGoneError
        from aiocc.integrations.redis.sealing import SealedError

        try:
            return await work(queue, broker)
        except RedisGoneError as error:
            raise ConfigurationError(f"the queue's Redis does not answer ({error})") from None
        except SealedError:
            raise ConfigurationError(f"{KEY} is not the key that this job's notes were sealed with") from None
        finally:
            with anyio.CancelScope(shield=True):
                await broker.shutdown()

    return until_stopped(main)


def tell_of_missing_key(variables: Mapping[str, str]) -> None:
    """Say that Redis would keep the text of notes as it is."""
    if secret_from(variables, KEY) is None:
        complain(f"aiocc: {KEY} is not set: Redis keeps the text of notes as it is")


def _queue(url: str, variables: Mapping[str, str], *, durable: bool, patience: float) -> tuple[StreamBroker, NoteQueue]:
    try:
        from aiocc.integrations.redis import RedisJobs
        from aiocc.integrations.taskiq import NoteQueue, StreamBroker
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{error.name} is missing: a queue needs pip install 'aiocc[taskiq]'") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a missing key
        jobs = RedisJobs(url, keys=secret_from(variables, KEY), patience=patience, durable=durable)
    broker = StreamBroker(url)
    return broker, NoteQueue(broker, jobs, Client.from_env)
