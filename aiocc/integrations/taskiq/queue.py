"""Fan-outs of notes over a queue: what submits them, and what a worker process does with each request."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from typing import Final

import anyio
from taskiq import AsyncBroker, TaskiqMiddleware
from taskiq.exceptions import SendTaskError

from aiocc.client import Client
from aiocc.delivery import Delivery
from aiocc.errors import ConfigurationError
from aiocc.integrations.redis.jobs import Progress, RedisJobs
from aiocc.integrations.redis.sessions import SharedSessions
from aiocc.integrations.taskiq.broker import check_broker
from aiocc.integrations.taskiq.run import QueuedRun
from aiocc.integrations.taskiq.worker import Worker
from aiocc.protocol.pace import Rate
from aiocc.scopes.notes import Note, NoteRequest, OnInvalid, Report

TASK: Final = "aiocc.send_note"
RINGS: Final = 32
"""Requests that are put into the queue at once."""

PATIENCE: Final = 60.0
"""Seconds for which a request is put into the queue again when that does not answer."""

log: logging.Logger = logging.getLogger("aiocc")


class NoteQueue(TaskiqMiddleware):
    """Sends fan-outs of notes by the workers of a broker; make one beside the broker, in the module that has it.

    `taskiq worker module:broker` runs the workers: each makes its own client when it starts. `send_notes` submits.

    Args:
        broker: A stream's, such as `StreamBroker(url)`; what a worker took and did not finish, it must hand out again.
        jobs: Where requests are written down, claimed and settled.
        client: Makes a worker's client, `Client.from_env` for one.
        sessions: Where keepers publish the sessions of agents; None where the client knows the agents' GUIDs.
        idle_timeout: Seconds after which the broker hands out again what a worker did not finish, for a broker that
            does not tell.

    Raises:
        ConfigurationError: The broker would lose requests, or hand them out too early.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        jobs: RedisJobs,
        client: Callable[[], Client],
        *,
        sessions: SharedSessions | None = None,
        idle_timeout: float | None = None,
    ) -> None:
        super().__init__()
        check_broker(broker, idle_timeout, jobs.lease)
        self.jobs: RedisJobs = jobs
        self._client = client
        self._sessions = sessions
        self._worker: Worker | None = None

        async def send(text: str) -> str:  # taskiq renames the function that it registers
            return await self._send(text)

        self._task = broker.register_task(send, task_name=TASK)
        broker.add_middlewares(self)

    async def startup(self) -> None:
        """Open this process's client, where it is a worker."""
        if self.broker.is_worker_process:
            await self.jobs.check()
            self._worker = Worker(self.jobs, self._client(), self._sessions, self.ring)

    async def shutdown(self) -> None:
        """Close what this process has."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.aclose()
        else:
            await self.jobs.aclose()

    def send_notes(
        self,
        job: str,
        notes: Iterable[Note] | AsyncIterable[Note],
        *,
        agents: Sequence[int],
        rate: Rate | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        on_invalid: OnInvalid = "stop",
        resend_unknown: bool = False,
    ) -> QueuedRun:
        """Submit a fan-out, or go on with the one of this name; `await` the run for its `Report`.

        Accepted requests are skipped. What was not sent or refused is sent, what is unknown is left alone.

        Args:
            job: Its name.
            notes: Any iterable or async iterable; the same as before, where the job is continued.
            agents: The senders, who take turns.
            rate: How often requests of all workers together may go.
            on_progress: Told how far it has come, also while it is submitted.
            on_invalid: "stop" raises at the first note that cannot be sent, "skip" counts it and goes on.
            resend_unknown: Send again what may have arrived: its receivers may have the note twice.
        """
        return QueuedRun(
            self,
            job,
            notes,
            agents=agents,
            rate=rate,
            on_progress=on_progress,
            on_invalid=on_invalid,
            resend_unknown=resend_unknown,
        )

    async def pause(self, job: str) -> None:
        """Let no further request of a job be claimed, until it is resumed."""
        await self.jobs.set_state(job, "paused")

    async def resume(self, job: str) -> None:
        """Go on with a paused or cancelled job.

        Raises:
            NoSuchJobError: There is no such job.
            ConfigurationError: Its contents were sealed with another key; nothing was changed.
        """
        requests = await self.jobs.open_requests(job)
        await self.jobs.set_state(job, "open")
        await self.ring(requests)

    async def cancel(self, job: str) -> None:
        """Send nothing more of a job."""
        await self.jobs.set_state(job, "cancelled")

    async def report(self, job: str) -> Report:
        """Say how far a job has come, naming what was not accepted.

        What waits counts as not sent, what is claimed and not settled as unknown. Whether it is paused or
        cancelled is in `jobs.progress(job).state`.

        Raises:
            NoSuchJobError: There is no such job.
        """
        progress = await self.jobs.progress(job)
        unsettled = await self.jobs.unsettled(job)
        receivers: Counter[Delivery] = Counter()
        for outcome in unsettled:
            receivers[outcome.delivery] += len(outcome.to)
        accepted = progress.receivers.get(Delivery.ACCEPTED, 0)
        return Report(
            notes=progress.notes,
            requests=sum(progress.settled.values()),
            receivers={**({Delivery.ACCEPTED: accepted} if accepted else {}), **receivers},
            unsettled=unsettled,
            invalid=progress.invalid,
            duplicates=progress.duplicates,
            complete=progress.complete,
        )

    async def ring(self, requests: Iterable[NoteRequest]) -> None:
        """Put requests into the queue; one that is there twice is sent once."""
        limiter = anyio.Semaphore(RINGS)
        async with anyio.create_task_group() as group:
            for request in requests:
                await limiter.acquire()
                group.start_soon(self._ring, request, limiter)

    async def _ring(self, request: NoteRequest, limiter: anyio.Semaphore) -> None:
        text = self.jobs.seal.close(TASK, request.dump()).decode()
        until = anyio.current_time() + PATIENCE
        try:
            while not await self._queued(text):
                if anyio.current_time() >= until:
                    log.warning("job %s: request %d is not queued; workers will find it", request.job, request.number)
                    return
                await anyio.sleep(0.5)
        finally:
            limiter.release()

    async def _queued(self, text: str) -> bool:
        try:
            await self._task.kiq(text)
        except SendTaskError:
            return False
        return True

    async def _send(self, text: str) -> str:
        if self._worker is None:
            raise ConfigurationError("this process is no worker: `taskiq worker module:broker` runs one")
        return await self._worker.send(NoteRequest.load(self.jobs.seal.open(TASK, text.encode())))
