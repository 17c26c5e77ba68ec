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
from aiocc.errors import ConfigurationError
from aiocc.integrations.redis.ledger import Progress, RedisLedger
from aiocc.integrations.redis.sessions import SharedSessions
from aiocc.integrations.taskiq.broker import check_broker
from aiocc.integrations.taskiq.run import QueuedRun
from aiocc.integrations.taskiq.worker import Worker
from aiocc.protocol.pace import Rate
from aiocc.scopes.notes import Note, NoteOutcome, OnInvalid, Report

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
        ledger: Where requests are claimed and settled.
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
        ledger: RedisLedger,
        client: Callable[[], Client],
        *,
        sessions: SharedSessions | None = None,
        idle_timeout: float | None = None,
    ) -> None:
        super().__init__()
        check_broker(broker, idle_timeout, ledger.lease)
        self.ledger: RedisLedger = ledger
        self._client = client
        self._sessions = sessions
        self._worker: Worker | None = None

        async def send(job: str, number: int, sender: int) -> str:  # taskiq renames the function that it registers
            return await self._send(job, number, sender)

        self._task = broker.register_task(send, task_name=TASK)
        broker.add_middlewares(self)

    async def startup(self) -> None:
        """Open this process's client, where it is a worker."""
        if self.broker.is_worker_process:
            await self.ledger.check()
            self._worker = Worker(self.ledger, self._client(), self._sessions, self.ring)

    async def shutdown(self) -> None:
        """Close what this process has."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.aclose()
        else:
            await self.ledger.aclose()

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
            on_progress: Told how far it has come.
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
        await self.ledger.set_state(job, "paused")

    async def resume(self, job: str) -> None:
        """Go on with a paused or cancelled job."""
        await self.ledger.set_state(job, "open")
        await self.ring_all(await self.ledger.open_requests(job), job)

    async def cancel(self, job: str) -> None:
        """Send nothing more of a job."""
        await self.ledger.set_state(job, "cancelled")

    async def report(self, job: str) -> Report:
        """Say how far a job has come, naming what was not accepted.

        Raises:
            JobError: There is no such job.
        """
        progress = await self.ledger.progress(job)
        rows = await self.ledger.unsettled(job)
        receivers = Counter(progress.receivers)
        receivers.update({row.delivery: 0 for row in rows})
        for row in rows:
            if not row.ended:
                receivers[row.delivery] += len(row.to)
        return Report(
            notes=progress.notes,
            requests=sum(progress.settled.values()),
            receivers=dict(receivers),
            unsettled=tuple(NoteOutcome(note=row.note, key=row.key, to=row.to, delivery=row.delivery) for row in rows),
            invalid=progress.invalid,
            complete=progress.complete,
        )

    async def ring_all(self, requests: Iterable[tuple[int, int]], job: str) -> None:
        """Put requests, by number and sender, into the queue."""
        limiter = anyio.CapacityLimiter(RINGS)

        async def ring(number: int, sender: int) -> None:
            async with limiter:
                await self.ring(job, number, sender)

        async with anyio.create_task_group() as group:
            for number, sender in requests:
                group.start_soon(ring, number, sender)

    async def ring(self, job: str, number: int, sender: int) -> None:
        """Put a request into the queue; one that is there twice is sent once."""
        until = anyio.current_time() + PATIENCE
        queued = False
        while not queued:
            try:
                await self._task.kiq(job, number, sender)
                queued = True
            except SendTaskError as error:
                if anyio.current_time() >= until:
                    log.warning("job %s: not queued (%s); workers will find it", job, type(error.__cause__).__name__)
                    return
                await anyio.sleep(0.5)

    async def _send(self, job: str, number: int, sender: int) -> str:
        if self._worker is None:
            raise ConfigurationError("this process is no worker: `taskiq worker module:broker` runs one")
        return await self._worker.send(job, number, sender)
