"""The order of the steps of one call; the only file that knows it."""

from __future__ import annotations

import math
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any, Generic, TypeVar

import anyio
import anyio.lowlevel

from aiocc.auth.held import held_credential
from aiocc.auth.strategy import Credential, Strategy
from aiocc.call.admission import Admission
from aiocc.call.budget import Payment
from aiocc.call.hooks import CallTeller
from aiocc.call.line import CallOptions, Line
from aiocc.call.logs import log_broken_off, log_finished, log_repeat, log_strategy
from aiocc.call.outgoing import build, sealed
from aiocc.call.record import Record, Tried
from aiocc.delivery import Delivery, Phase, Reason
from aiocc.errors import ConfigurationError, CredentialError
from aiocc.outcome import Outcome
from aiocc.protocol.breaker import REFUSALS
from aiocc.protocol.evidence import without_answer
from aiocc.protocol.messages import Answer, AnswerHead, Fault, WireRequest
from aiocc.protocol.operation import Lane, Request
from aiocc.protocol.reading import Reading, open_answer
from aiocc.protocol.retry import Ended, retry_after_seconds, throttle_window, wait_before_repeat

T = TypeVar("T")

JUST_USED = 1.0
"""Seconds within which an idle connection has surely not gone stale."""

LONGEST_HOLD = 1.0
"""Seconds for which an answer that asks to slow down holds all calls of its service. Who asks for more is asked again:
one key may be throttled and another not.
"""

_MOMENT = 0.05
"""Seconds by which a call ends before a nearer scope of the caller's; a tenth of the time left, where that is less."""


def perform(
    request: Request[T], line: Line, strategy: Strategy | None, options: CallOptions
) -> Coroutine[Any, Any, Outcome[T]]:
    """Perform one call, and say what became of it.

    Raises:
        ConfigurationError: The strategy cannot be used with this request.
        BaseException: The caller's cancellation, with a note of what is known.
    """
    return _Call(request, line, strategy, options).run()


class _Call(Generic[T]):
    """One call on its way."""

    __slots__ = ("base", "deadline", "line", "options", "paid", "policy", "queue", "record", "strategy", "teller")

    def __init__(self, request: Request[T], line: Line, strategy: Strategy | None, options: CallOptions) -> None:
        self.line = line
        self.strategy = strategy
        self.options = options
        self.policy = options.retry or line.retry
        self.record: Record[T] = Record(request, request.operation, line.clock())
        self.deadline = self.record.clock
        self.paid: Payment | None = None
        self.queue = line.queue(request.operation)
        self.base = build(request, line.target, options)
        self.teller = CallTeller(options.hooks, self.record) if options.hooks else None
        if not self.policy.allowed_for(request.operation.effect):
            raise ConfigurationError(
                f"{request.operation.name}: RetryPolicy(on_unknown='resend') could call people twice; "
                "that takes allow_duplicate_calls=True as well"
            )

    async def run(self) -> Outcome[T]:
        """Attempt, and repeat what the rules allow."""
        traffic, teller = self.line.traffic, self.teller
        traffic.enter()
        try:
            spent = self._open_deadline()
            if teller is not None:
                teller.started(self.line.target.origin, self._lane(), self.deadline - self.record.clock)
            if spent:
                await anyio.lowlevel.checkpoint()
            outcome = await self._attempts()
        except Exception as error:
            self._tell_end(error, Reason.INTERNAL)
            raise
        except BaseException as stop:
            self._interrupted()
            stop.add_note(self.record.cancellation_note())
            self._tell_end(stop, Reason.CANCELLED)
            raise
        finally:
            traffic.leave()
        if teller is not None:
            teller.finished(outcome)
        log_finished(self.record, outcome)
        return outcome

    async def _attempts(self) -> Outcome[T]:
        renewals = 0
        rejected: Credential | None = None
        while True:
            tried = await self._attempt(rejected)
            now = tried.clock + tried.elapsed
            done = self._finish(tried, now) if tried.reason is None else None
            if self.teller is not None:
                self.teller.attempt_ended(tried)
            if done is not None:
                return done
            renews = tried.verdict == "renew" and tried.delivery is Delivery.REJECTED and not renewals
            delay = 0.0 if renews else self._wait_before_repeat(tried, len(self.record.tried) - renewals, now)
            if delay is None:
                return self.record.failed(now - self.record.clock)
            if self.teller is not None:
                self.teller.repeat_planned(tried, delay, renewed=renews)
            log_repeat(self.record, tried, delay, now - self.record.clock)
            if renews:
                renewals += 1
                rejected = tried.credential
            else:
                await anyio.sleep(delay)

    def _tell_end(self, error: BaseException, reason: Reason) -> None:
        """Tell of an end without an outcome."""
        elapsed = self.line.clock() - self.record.clock
        if self.teller is not None:
            self.teller.broken_off(error, reason, elapsed)
        log_broken_off(self.record, reason, elapsed)

    def _interrupted(self) -> None:
        """Settle the attempt that a cancellation ended."""
        tried = self.record.tried[-1] if self.record.tried else None
        if tried is not None and tried.reason is None and tried.reading is None:
            tried.reason = Reason.CANCELLED
            tried.elapsed = self.line.clock() - tried.clock
            tried.delivery = without_answer(tried.reason, left=tried.wire.left)

    def _open_deadline(self) -> bool:
        """Set the deadline; says whether a scope of the caller's is over already, so that its end must be let in."""
        now = self.record.clock
        total = self.options.deadline if self.options.deadline is not None else self.line.timeouts.total
        nearest = self.line.nearest_deadline()
        self.deadline = now + total
        if nearest < self.deadline + _MOMENT and not self.options.seen_through:
            self.deadline = min(self.deadline, nearest - min(_MOMENT, max(0.0, nearest - now) / 10))
        return nearest <= now

    async def _attempt(self, rejected: Credential | None) -> Tried:
        """Try once: credential, slot, apply, exchange, read. Gives what it has shown."""
        line = self.line
        tried = Tried(len(self.record.tried) + 1, line.clock(), rejected)
        self.record.tried.append(tried)
        if self.teller is not None:
            self.teller.attempt_started(tried)
        try:
            if self.deadline - tried.clock < line.timeouts.least:
                self._check_deadline(tried.clock)
            if line.breaker.tripped:
                line.breaker.check(tried.clock)
            if self.strategy is not None:
                tried.credential = held_credential(self.strategy, rejected)
                if tried.credential is None or tried.credential.renew_at is not None:
                    await self._obtain_credential(tried, self.strategy)
            if tried.reason is None:
                tried.wire.phase = Phase.QUEUE
                queue, bulk = self.queue, self.options.bulk
                waits = not queue.admits_at_once(bulk)
                if waits:
                    await self._wait_for_admission(tried, queue)
                try:
                    if waits or tried.credential_wait:
                        self._look_again(tried)
                    answer = await (self._probe(tried) if line.breaker.tripped else self._exchange(tried))
                finally:
                    queue.release(bulk)
                self._read(tried, answer)
        except Fault as fault:
            tried.reason, tried.detail, tried.remedy = fault.reason, fault.detail, fault.remedy
            tried.delivery = without_answer(fault.reason, left=tried.wire.left)
            if fault.reason in REFUSALS and not tried.wire.left:
                line.breaker.refused(line.clock())
        if tried.answer is not None and line.breaker.refusals:
            line.breaker.connected()
        tried.elapsed = line.clock() - tried.clock
        return tried

    def _check_deadline(self, now: float) -> None:
        """Begin nothing that cannot end in time: a request that left would only become one of unknown fate.

        Raises:
            Fault: DEADLINE.
        """
        left = self.deadline - now
        if left < self.line.timeouts.least:
            raise Fault(Reason.DEADLINE, f"{max(left, 0.0) * 1000:.0f} ms left, too little for an attempt")

    async def _wait_for_admission(self, tried: Tried, queue: Admission) -> None:
        since = self.line.clock()
        try:
            await queue.acquire(self.deadline, bulk=self.options.bulk)
        finally:
            tried.queue_wait = self.line.clock() - since

    def _look_again(self, tried: Tried) -> None:
        """See what has changed while the attempt waited: the time that is left, and perhaps the credential."""
        self._check_deadline(self.line.clock())
        if self.strategy is not None:
            # A newer one may have come in the meantime: the older one might be refused.
            tried.credential = held_credential(self.strategy, tried.rejected) or tried.credential

    def _lane(self) -> Lane:
        lane = self.record.operation.lane
        return Lane.BULK if self.options.bulk and lane is Lane.CALL else lane

    async def _obtain_credential(self, tried: Tried, strategy: Strategy) -> None:
        """Fetch a credential, or begin to fetch the next one while this one serves."""
        tried.wire.phase = Phase.CREDENTIAL
        credential = tried.credential
        if credential is None:
            since = self.line.clock()
            try:
                credential = await self._ask_for_credential(tried, strategy)
            finally:
                tried.credential_wait = self.line.clock() - since
        elif credential.due:
            await self.line.renewals.renew_ahead(self.line, strategy, credential)
        if credential is tried.rejected and credential is not None:
            # There is no other: the repeat would be refused as the first one was.
            tried.reason, tried.detail = Reason.CREDENTIAL_UNAVAILABLE, "no other credential than the refused one"
        tried.credential = credential

    async def _ask_for_credential(self, tried: Tried, strategy: Strategy) -> Credential | None:
        try:
            with anyio.CancelScope(deadline=self.deadline):
                return await self.line.renewals.credential(self.line, strategy, rejected=tried.rejected)
        except CredentialError as error:
            tried.reason, tried.detail, tried.cause = error.reason, str(error), error
            tried.remedy, tried.retry_after = error.remedy, error.retry_after
            return None
        raise Fault(Reason.DEADLINE)

    async def _probe(self, tried: Tried) -> Answer:
        """Exchange with a host that refused too many connections; others wait for what this one finds."""
        breaker = self.line.breaker
        breaker.check(self.line.clock())
        breaker.begin_probe(tried.wire)
        try:
            return await self._exchange(tried)
        finally:
            breaker.end_probe(tried.wire)

    def _exchange(self, tried: Tried) -> Coroutine[Any, Any, Answer]:
        line, strategy, operation = self.line, self.strategy, self.record.operation
        sent = tried.sent = sealed(self.base, strategy, tried.credential)
        return line.transport.exchange(
            sent,
            tried.wire,
            deadline=self.deadline,
            timeouts=line.times(operation) if operation.read else line.timeouts,
            limits=line.limits,
            on_head=_nothing if strategy is None else partial(_observe, strategy, sent),
            idle_at_most=self._idle_at_most(),
        )

    def _idle_at_most(self) -> float:
        """A repeat after a lost answer takes a new connection; a dialled call none that could have gone stale."""
        tried = self.record.tried
        if len(tried) > 1 and any(one.wire.left and one.status is None for one in tried[:-1]):
            return 0.0
        return JUST_USED if self.record.operation.effect.grave else math.inf

    def _read(self, tried: Tried, answer: Answer) -> None:
        reading = open_answer(self.record.operation, answer, self.line.limits)
        tried.reading, tried.status, tried.answer = reading, answer.status, answer
        tried.delivery, tried.reason = reading.delivery, reading.reason
        answer.code, answer.description = reading.code, reading.description
        if reading.reason is not None:
            tried.retry_after = retry_after_seconds(answer.head.header("retry-after"), now=time.time())
            if reading.reason is Reason.RATE_LIMITED:
                self._slow_down(tried, reading.description)
        if self.strategy is not None and tried.sent is not None:
            self._ask_strategy(tried, self.strategy, tried.sent, answer)
            if tried.verdict != "ok" and reading.reason is not None and reading.delivery is Delivery.REJECTED:
                tried.reason = reading.reason if reading.reason is Reason.AGENT_SIGNED_OUT else Reason.UNAUTHORIZED
            if tried.reason is Reason.UNAUTHORIZED:
                tried.remedy = self.strategy.remedy

    def _ask_strategy(self, tried: Tried, strategy: Strategy, sent: WireRequest, answer: Answer) -> None:
        """Have an answer judged; what a user's strategy raises now changes nothing of what the answer proves."""
        try:
            if tried.reason is not None:
                tried.learnt = strategy.held()
            tried.verdict = strategy.verdict(sent, answer)
        except Exception as error:  # noqa: BLE001 - its own; the call was answered
            log_strategy(strategy, error)

    def _slow_down(self, tried: Tried, description: str | None) -> None:
        """Hold the calls of this service for a moment, as an answer asks; one after the other would be refused."""
        if tried.retry_after is None:
            tried.retry_after = throttle_window(description)
        if tried.retry_after is not None:
            until = self.line.clock() + min(tried.retry_after, LONGEST_HOLD)
            self.queue.hold(until)

    def _wait_before_repeat(self, tried: Tried, number: int, now: float) -> float | None:
        """Decide on a repeat, and pay for it: seconds until then, None for no repeat."""
        assert tried.reason is not None
        if tried.cause is not None:
            return None  # what could be repeated of it, was
        code = tried.reading.known if tried.reading is not None else None
        ended = Ended(number, tried.delivery, tried.reason, code, self.record.seen(tried.reason), tried.retry_after)
        if tried.delivery is Delivery.REJECTED and not ended.throttled:
            self.line.budget.answered(self.strategy, self.paid)
        delay = wait_before_repeat(self.policy, self.record.operation.effect, ended)
        if delay is None or now + delay + self.line.timeouts.least > self.deadline:
            return None
        self.paid = self.line.budget.pay(ended, self.strategy)
        return delay if self.paid is not None else None

    def _finish(self, tried: Tried, now: float) -> Outcome[T]:
        if self.line.budget.owes:
            self.line.budget.answered(self.strategy, self.paid)
        elapsed = now - self.record.clock
        reading: Reading | None = tried.reading
        assert reading is not None
        assert reading.data is not None
        try:
            result = self.record.operation.structure(reading.data)
        except (TypeError, ValueError, KeyError, AttributeError):
            tried.reason = Reason.PAYLOAD_UNREADABLE
        else:
            return self.record.succeeded(result, elapsed, exchanges=self.options.exchanges)
        return self.record.failed(elapsed)


def _observe(strategy: Strategy, sent: WireRequest, head: AnswerHead) -> None:
    """Let a strategy learn from a head; what a user's raises takes no answer away."""
    try:
        strategy.observe(sent, head)
    except Exception as error:  # noqa: BLE001 - its own; the call was answered
        log_strategy(strategy, error)


def _nothing(_: AnswerHead) -> None:
    """Without a strategy nobody learns from heads."""
