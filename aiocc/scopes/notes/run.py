"""The run of a fan-out: requests go out side by side, each claimed first and settled after."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterable, Callable, Generator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from math import inf
from types import TracebackType
from typing import Any, Self

import anyio

from aiocc.errors import JournalError
from aiocc.protocol.checks import is_number, is_seconds, kind, refuse
from aiocc.protocol.pace import Pace, Rate
from aiocc.scopes.notes.beside import Beside
from aiocc.scopes.notes.ledger import Ledger, NoLedger, Sender, Sent, Store, send
from aiocc.scopes.notes.plan import Note, NoteRequest, OnInvalid
from aiocc.scopes.notes.reading import Reading
from aiocc.scopes.notes.report import NoteOutcome, Report, Tally, outcome_of
from aiocc.scopes.notes.rota import Departure, Rota
from aiocc.transport.place import Place

JournalOption = str | os.PathLike[str] | Store | None

log: logging.Logger = logging.getLogger("aiocc")

LAST_START = 0.1
"""Seconds before a deadline, the run's or the caller's, in which no further request begins: it could not end."""


class NoteRun:
    """A fan-out; `await` it for its `Report`. `report` is at hand at any time, also after a cancellation.

    It is an awaitable and no coroutine: `asyncio.ensure_future` and `asyncio.gather` take it, and `asyncio.create_task`
    does not.

    `async with run` sends beside the block, in which `async for outcome in run` gives each request's outcome as it
    comes, and holds the sending back where it is slow. Leaving the block lets what is on its way end, and sends
    nothing more; cancelling it ends that too.

    Args:
        senders: The agents, who take turns.
        notes: Any iterable or async iterable; what can be read twice is checked as a whole before anything is sent.
        concurrency: Requests on their way at once.
        rate: How often requests may go.
        journal: Where the run keeps account, so that it can be continued: a path, or a `Store`.
        resend_unknown: Whether to send again what an earlier run left UNKNOWN: it may arrive twice.
        on_progress: Told the report after each request.
        on_invalid: "stop" raises at the first note that cannot be sent, "skip" counts it and goes on.
        bisect: Whether a request that was refused for what it holds goes on in halves, down to the receivers at fault.
        deadline: Seconds for the whole run; what was not sent by then stays unsent.
    """

    def __init__(
        self,
        senders: Sequence[Sender],
        notes: Iterable[Note] | AsyncIterable[Note],
        *,
        concurrency: int = 16,
        rate: Rate | None = None,
        journal: JournalOption = None,
        resend_unknown: bool = False,
        on_progress: Callable[[Report], object] | None = None,
        on_invalid: OnInvalid = "stop",
        bisect: bool = False,
        deadline: float | None = None,
    ) -> None:
        if rate is not None and not isinstance(rate, Rate):
            refuse("rate", "a Rate, such as Rate(50)", kind(rate))
        if not is_number(concurrency) or concurrency < 1:
            refuse("concurrency", "a whole number over 0", kind(concurrency))
        if deadline is not None and not is_seconds(deadline):
            refuse("deadline", "a number of seconds", kind(deadline))
        for option, switch in (("resend_unknown", resend_unknown), ("bisect", bisect)):
            if not isinstance(switch, bool):
                refuse(option, "True or False", kind(switch))
        if on_progress is not None and not callable(on_progress):
            refuse("on_progress", "a function or None", kind(on_progress))
        self._store = _store(journal)
        self._rota = Rota(senders)
        name = self._store.name if self._store is not None else ""
        self._reading = Reading(notes, name=name, senders=self._rota.agent_ids, on_invalid=on_invalid)
        self._concurrency = concurrency
        self._pace = Pace(rate) if rate is not None else None
        self._resend_unknown = resend_unknown
        self._bisect = bisect
        self._on_progress = on_progress
        self._deadline = inf if deadline is None else deadline
        self._tally = Tally()
        self._complete = self._begun = False
        self._paused: anyio.Event | None = None
        self._draining = self._cancelled = self._left_out = False
        self._stopping: anyio.Event | None = None
        self._scope: anyio.CancelScope | None = None
        self._failure: Exception | None = None
        self._why: str | None = None
        self._beside: Beside | None = None

    def __await__(self) -> Generator[Any, None, Report]:
        return self._awaited().__await__()

    def __repr__(self) -> str:
        return f"<NoteRun {self._tally.requests} requests ended, {self._tally.on_their_way} on their way>"

    @property
    def report(self) -> Report:
        """How far it has come."""
        reading, tally = self._reading, self._tally
        return Report(
            notes=reading.notes,
            requests=tally.requests,
            receivers=tally.receivers,
            unsettled=tally.unsettled,
            invalid=reading.invalid,
            duplicates=reading.duplicates,
            earlier=tally.earlier,
            complete=self._complete,
            why=self._why,
        )

    # What its owner may do to it, from any task of its event loop.

    def pause(self) -> None:
        """Let no further request go; those on their way end."""
        if self._paused is None and not self._draining:
            self._paused = anyio.Event()

    def resume(self) -> None:
        """Go on after `pause`."""
        paused, self._paused = self._paused, None
        if paused is not None:
            paused.set()

    def drain(self) -> None:
        """End: read no further, let what is on its way end. What was not sent stays unsent."""
        self._draining = True
        self._reading.stop()
        if self._stopping is not None:
            self._stopping.set()
        self.resume()

    def cancel(self) -> None:
        """End at once: what is on its way is UNKNOWN. The run is not cancelled for who awaits it: it has its report."""
        self._cancelled = True
        self.drain()
        if self._scope is not None:
            self._scope.cancel()

    # The block.

    async def __aenter__(self) -> Self:
        self._begin()
        self._beside = Beside(self._conduct, self._concurrency)
        await self._beside.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._beside is not None
        self.drain()
        await self._beside.end(exc)

    def __aiter__(self) -> Self:
        if self._beside is None:
            raise RuntimeError("outcomes come inside `async with run`")
        self._beside.listen()
        return self

    async def __anext__(self) -> NoteOutcome:
        assert self._beside is not None
        return await self._beside.next()

    async def _awaited(self) -> Report:
        if self._beside is not None:
            await self._beside.ended()
        else:
            self._begin()
            await self._conduct()
        return self.report

    def _begin(self) -> None:
        if self._begun:
            raise RuntimeError("this run was begun before: its report is in run.report")
        self._begun = True

    # The sending.

    async def _conduct(self) -> None:
        """Send everything; raises what went wrong, after what was on its way has ended."""
        until = anyio.current_time() + self._deadline
        self._stopping = anyio.Event()
        if self._draining:
            self._stopping.set()
        try:
            job = await self._reading.look_ahead(digest=self._store is not None)
            account = self._store.open(job) if self._store is not None else nullcontext(NoLedger())
            await self._keep_account(account, until)
        except anyio.get_cancelled_exc_class() as stop:
            stop.add_note(f"aiocc: send_notes cancelled: {self._told()}; the run's report names them")
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self._reading.aclose()
        if self._failure is not None:
            raise self._failure

    async def _keep_account(self, account: AbstractAsyncContextManager[Ledger], until: float) -> None:
        try:
            async with account as ledger:
                with anyio.CancelScope(deadline=until) as self._scope:
                    if self._cancelled:
                        self._scope.cancel()
                    async with anyio.create_task_group() as group:
                        for _ in range(self._concurrency):
                            group.start_soon(self._work, ledger)
                stopped = self._scope.cancelled_caught or self._left_out
                self._complete = self._failure is None and self._reading.exhausted and not stopped
        except JournalError as error:
            self._complete = False
            self._failure = self._failure or error

    async def _work(self, ledger: Ledger) -> None:
        """Send requests one after the other, until there are no more."""
        until = anyio.current_effective_deadline() - LAST_START
        clock = Place().clock
        paced, waits = self._pace is not None, self._reading.waits
        try:
            while await self._goes_on() and clock() <= until:
                request = await self._reading.next() if waits else self._reading.take()
                if request is None:
                    return
                if paced and request.number >= ledger.fresh_from:
                    await self._wait_for_pace()
                if (paced or waits) and not (await self._goes_on() and clock() <= until):
                    self._left_out = True
                    return
                await self._send(request, ledger)
                if self._rota.nobody_left:
                    self._end_for_want_of_an_agent()
        except Exception as error:  # noqa: BLE001 - raised again by `_conduct`, as itself and not in a group
            self._failure = self._failure or error
            self.drain()
        except BaseException:
            # Also where nobody cancelled the run: an input that waits for a task which is cancelled raises this too.
            self._left_out = True
            raise

    def _end_for_want_of_an_agent(self) -> None:
        """Ask the gateway no more, whose every answer would be a refusal, unless all has been sent anyhow."""
        if self._draining or (not self._reading.waits and self._reading.take() is None):
            return
        agents = ", ".join(map(str, self._rota.agent_ids))
        self._why = f"signed out, and polled by no session: {agents}; what was not sent yet stays unsent"
        log.warning("send_notes ended early: no agent is left who could send (%s)", self._why)
        self._left_out = True
        self.drain()

    async def _goes_on(self) -> bool:
        """Wait while the run is paused; says whether one more request is wanted."""
        while self._paused is not None:
            await self._paused.wait()
        return not self._draining

    async def _wait_for_pace(self) -> None:
        wait = self._pace.reserve(anyio.current_time()) if self._pace is not None else 0.0
        if wait:
            assert self._stopping is not None
            with anyio.move_on_after(wait):
                await self._stopping.wait()

    async def _send(self, request: NoteRequest, ledger: Ledger) -> None:
        """Send a request, or what it is cut into."""
        waiting = [request]
        wait = self._wait_for_pace if self._pace is not None and request.number < ledger.fresh_from else None
        try:
            while waiting:
                one = waiting[-1]
                gate = Departure(one, self._tally, self._rota, wait)
                sent = await send(one, ledger, gate, resend_unknown=self._resend_unknown, bisect=self._bisect)
                waiting.pop()
                if sent.settlement.split:
                    self._tally.goes_on_in_halves(one)
                    waiting += reversed(one.halves())
                else:
                    await self._end(one, sent)
        except BaseException:
            for left in waiting:
                if left.part:
                    self._tally.refused_as_a_whole(left)
            raise

    async def _end(self, request: NoteRequest, sent: Sent) -> None:
        self._tally.ends(request, sent)
        if self._on_progress is not None:
            self._on_progress(self.report)
        if self._beside is not None and self._beside.listened_to:
            await self._beside.tell(outcome_of(request, sent))

    def _told(self) -> str:
        counts = ", ".join(f"{count} {delivery}" for delivery, count in self._tally.receivers.items())
        return f"of the receivers {counts}" if counts else "nothing sent"


def _store(journal: JournalOption) -> Store | None:
    if journal is None:
        return None
    if isinstance(journal, str | os.PathLike):
        from aiocc.scopes.notes.journal import Journal  # noqa: PLC0415 - SQLite, for those alone who keep one

        return Journal(journal)
    if not callable(getattr(journal, "open", None)):
        refuse("journal", "a path, a Journal, or another Store", kind(journal))
    return journal
