"""Celery: each worker process has one client, made after the fork, on an event loop that a thread of its own runs.

Celery takes a message off its queue before the task begins: what a dying process had is not sent again. Keep it so, and
leave `acks_late` alone.
"""

import os
from contextlib import ExitStack

from anyio.from_thread import start_blocking_portal
from celery import Celery, Task
from celery.signals import worker_process_init, worker_process_shutdown

from aiocc import CallError, Client, Delivery

REDIS = os.environ.get("CELERY_REDIS", "redis://127.0.0.1:6379/0")
app = Celery("notes", broker=REDIS, backend=REDIS)


class Process:
    """What one worker process has, from its start to its end."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.portal = self.stack.enter_context(start_blocking_portal())
        self.client = self.stack.enter_context(self.portal.wrap_async_context_manager(Client.from_env()))


mine: list[Process] = []


@worker_process_init.connect
def start(**_: object) -> None:
    mine.append(Process())


@worker_process_shutdown.connect
def stop(**_: object) -> None:
    mine.pop().stack.close()


@app.task(bind=True, max_retries=3)
def send_note(self: Task, receivers: list[int], content: str) -> str:
    try:
        mine[0].portal.call(mine[0].client.agent().send_note, receivers, content)
    except CallError as error:
        if error.delivery is Delivery.NOT_SENT:  # the one that is safe to repeat
            raise self.retry(exc=RuntimeError(str(error)), countdown=2**self.request.retries) from None
        return f"{error.delivery}: {error.next_step}"
    return "accepted"
