"""A campaign of faulted exchanges: each seed is one call, one fault or none, and the ledger is the judge.

Nothing may be done twice; nothing that is told as not sent or rejected may have happened; nothing that is told as
accepted may not have. What is told as unknown is counted, and how much of that had happened.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from math import ceil
from multiprocessing import get_context
from typing import Any

import anyio
import anyio.abc
from attrs import define, field, frozen

from aiocc import (
    AnswerLimits,
    CallError,
    ClickToDial,
    Client,
    CreateCall,
    LeaveMessage,
    MediaAbility,
    QueryObsResultCodes,
    RetryPolicy,
    SendNote,
    Service,
    Timeouts,
)
from aiocc.auth import AkSk, AppKey, CookieToken
from aiocc.simulator import FAULTS, Fault, Simulator
from aiocc.simulator.arrival import Arrival
from aiocc.simulator.faults import Effect, Stage
from aiocc.transport.tls import TLS

from .kernel import peak_memory
from .progress import Progress

DEFAULT = 1_000_000
BATCH = 1000
"""Calls over one client, against one ledger."""
IN_FLIGHT = 10
IN_ONE_PROCESS = 5000
SUMMED_UP = 50_000
WORKERS = 3
"""Processes, of at most two for each core: half of the time an exchange waits."""

SHORT = 0.1
"""The deadline of a call whose fault would keep it waiting."""
LONG = 10.0
OVERRUN = 0.05

OPERATIONS = ("leave_message", "send_note", "click_to_dial", "create_call", "obs_result_codes")
WAITING = ("silence", "slow_head", "slow_body", "late_effect")
COSTLY = frozenset({"endless_body", "huge_body", "gzip_bomb", "deep_json", "signed_out"})
STRUCK = tuple(
    name
    for name, kind in FAULTS.items()
    if kind.stage not in (Stage.CLIENT, Stage.DOOR) and name not in COSTLY and name not in WAITING
)
ENDS = ("then_close", "then_reset", "cut", "reset", "vanish", "short_length")
DOORS = ("reset_at_accept", "reset_in_handshake", "plain_http", "bytes_cut", "bytes_reset", "request_cut")
RETRY_AFTER = ("0", "-1", "soon", "0.5", "Wed, 21 Oct 2015 07:28:00 GMT", "99999999999")


@frozen
class Plan:
    """What a seed decides.

    Attributes:
        key: By which the ledger tells this call from the others.
        fault: None for none.
        cancel_after: Seconds after which the caller loses patience; None for never.
    """

    key: str
    operation: str
    fault: Fault | None
    deadline: float
    cancel_after: float | None


def plan_of(seed: int) -> Plan:
    """Decide everything about one call."""
    rng = random.Random(seed)  # noqa: S311 - the same each time, no secret
    operation = rng.choice(OPERATIONS)
    roll = rng.random()
    name = None
    if roll < 0.05:
        name = rng.choice(WAITING)
    elif roll < 0.08:
        name = rng.choice(("endless_body", "huge_body", "gzip_bomb", "deep_json"))
    elif roll < 0.7:
        name = rng.choice(STRUCK)
    elif roll < 0.8:
        name = f"{rng.choice([one for one in STRUCK if FAULTS[one].stage is Stage.ANSWER])}+{rng.choice(ENDS)}"
    fault = None if name is None else _fault(name, rng)
    cancel_after = rng.expovariate(1 / 0.004) if rng.random() < 0.05 else None
    return Plan(f"seed-{seed}", operation, fault, SHORT if name in WAITING else LONG, cancel_after)


def _fault(name: str, rng: random.Random) -> Fault:
    options: dict[str, Any] = {}
    if "cut" in name.split("+"):
        options["at"] = rng.choice((None, rng.randrange(1, 400)))
    match name:
        case "gzip_bomb":
            options["size"] = 4 << 20
        case "huge_body":
            options["size"] = 1 << 20
        case "deep_json":
            options["depth"] = 1000
        case "late_effect":
            options["seconds"] = rng.choice((0.02, SHORT, SHORT * 1.5))
        case "rate_limited":  # a long time would hold the whole service
            options["retry_after"] = rng.choice(RETRY_AFTER[:-1])
        case "unavailable":
            options["retry_after"] = rng.choice(RETRY_AFTER)
        case "garbled":
            options["seed"] = rng.getrandbits(16)
        case "gateway_limit":
            options["window"] = "0 second"
    either = all(FAULTS[one].effect is Effect.EITHER for one in name.split("+"))
    count = rng.choice((None, 1)) if either else None
    return Fault.make(name, count=count, effect=rng.random() < 0.5 if either else None, **options)


@define
class Tally:
    """What was counted; `found` names whatever is wrong."""

    deliveries: Counter[str] = field(factory=Counter)
    reasons: Counter[str] = field(factory=Counter)
    happened: int = 0
    unknown_effects: int = 0
    cancelled: int = 0
    attempts: int = 0
    overruns: list[float] = field(factory=list)
    found: list[str] = field(factory=list)
    memory: float = 0.0

    def add(self, other: Tally) -> None:
        """Add what another batch counted."""
        self.deliveries += other.deliveries
        self.reasons += other.reasons
        self.happened += other.happened
        self.unknown_effects += other.unknown_effects
        self.cancelled += other.cancelled
        self.attempts += other.attempts
        self.overruns += other.overruns
        self.found += other.found
        self.memory = max(self.memory, other.memory)


@define
class Batch:
    """One batch: its seeds, and what was told of each call."""

    sim: Simulator
    tls: TLS
    first: int
    count: int
    tally: Tally = field(factory=Tally)
    told: dict[str, tuple[str, str, str]] = field(factory=dict)
    plans: dict[str, Plan] = field(factory=dict)
    group: anyio.abc.TaskGroup = field(init=False)

    async def play(self) -> Tally:
        """Play all calls, some at a time, and judge them when the service has come to rest."""
        self.sim.reset()
        rng = random.Random(self.first)  # noqa: S311 - the same each time, no secret
        door = rng.choice(DOORS)
        at = {"at": rng.randrange(1, 4000)} if "at" in FAULTS[door].options else {}
        self.sim.fault(door, p=0.02, seed=self.first, **at)
        struck: Counter[str] = Counter()

        def choose(_: str, arrival: Arrival) -> Fault | None:
            plan = self.plans.get(arrival.header("x-seed") or "")
            if plan is None or plan.fault is None:
                return None
            struck[plan.key] += 1
            return plan.fault if plan.fault.count is None or struck[plan.key] <= plan.fault.count else None

        self.sim.choose_faults(choose)
        seeds = iter(range(self.first, self.first + self.count))
        async with self._client() as client, anyio.create_task_group() as self.group:
            for _ in range(IN_FLIGHT):
                self.group.start_soon(self._calls, client, seeds)
        await anyio.sleep(SHORT * 2)  # what comes late has come
        self._judge()
        return self.tally

    def _client(self) -> Client:
        environ = self.sim.environment
        common: dict[str, Any] = {
            "tls": self.tls,
            "limits": AnswerLimits(body=1 << 16),
            "retry": RetryPolicy(base=0.001, throttled_base=0.001),
            "timeouts": Timeouts(read=LONG, total=LONG),
        }
        return Client(
            webadapter=Service(environ["AIOCC_WEBADAPTER_URL"], **common),
            gateway=Service(environ["AIOCC_GATEWAY_URL"], **common),
            isales=Service(
                environ["AIOCC_ISALES_URL"],
                auth=AkSk(environ["AIOCC_ISALES_ACCESS_KEY"], environ["AIOCC_ISALES_SECRET_KEY"]),
                **common,
            ),
            fabric=Service(
                environ["AIOCC_FABRIC_URL"],
                auth=AppKey(environ["AIOCC_FABRIC_APP_KEY"], environ["AIOCC_FABRIC_APP_SECRET"]),
                **common,
            ),
        )

    async def _calls(self, client: Client, seeds: Iterator[int]) -> None:
        for seed in seeds:
            plan = plan_of(seed)
            self.plans[plan.key] = plan
            await self._call(client, plan)

    async def _call(self, client: Client, plan: Plan) -> None:
        view: Any = client.with_options(headers={"X-Seed": plan.key}, deadline=plan.deadline)
        with anyio.CancelScope() as scope:
            if plan.cancel_after is not None:  # not by a deadline, which the call would see and beat
                self.group.start_soon(_cancel, scope, plan.cancel_after)
            try:
                await self._send(view, plan)
            except anyio.get_cancelled_exc_class() as stop:
                self.tally.cancelled += 1
                note = getattr(stop, "__notes__", ["cancelled: not_sent, nothing was begun"])[-1]
                delivery = note.partition("cancelled: ")[2].partition(",")[0]
                self.told[plan.key] = (delivery, "cancelled", "")
                raise

    async def _send(self, view: Any, plan: Plan) -> None:
        match plan.operation:
            case "obs_result_codes":
                outcome = await view.send(QueryObsResultCodes(1))
            case "send_note":
                agent = view.agent(101, guid=self.sim.environment["AIOCC_AGENT_GUID"])
                outcome = await agent.send(SendNote([31002], plan.key, agent_id=101))
            case "create_call":
                outcome = await view.send(CreateCall(called="88884432", call_data=plan.key))
            case "leave_message":
                visitor = view.visitor(CookieToken(self.sim.new_visitor(plan.key)))
                outcome = await visitor.send(LeaveMessage(phone_no="123456", content=plan.key))
            case _:
                visitor = view.visitor(CookieToken(self.sim.new_visitor(plan.key)))
                outcome = await visitor.send(ClickToDial(MediaAbility.VOICE))
        error = outcome.error
        self.tally.attempts += len(outcome.attempts)
        self.told[plan.key] = (str(outcome.delivery), type(error).__name__, getattr(error, "reason", "") or "")
        if isinstance(error, CallError) and isinstance(error, TimeoutError):
            self.tally.overruns.append(outcome.elapsed - plan.deadline)

    def _judge(self) -> None:
        done: Counter[str] = Counter(one.content for one in (*self.sim.messages, *self.sim.notes))
        done.update(one.call_data or "" for one in self.sim.calls)
        done.update(one.visitor for one in self.sim.dials)
        for key, (delivery, *why) in self.told.items():
            plan, count = self.plans[key], done[key]
            self.tally.deliveries[delivery] += 1
            self.tally.reasons[f"{delivery}: {why[1] or why[0]}"] += 1
            reads = plan.operation == "obs_result_codes"
            wrong = (
                count > 1
                or (delivery in ("not_sent", "rejected") and count)
                or (delivery == "accepted" and not reads and not count)
                or delivery not in ("not_sent", "rejected", "accepted", "unknown")
            )
            if wrong:
                name = plan.fault.name if plan.fault is not None else "none"
                self.tally.found.append(f"{key} {plan.operation} {name}: {delivery} {why}, done {count} times")
            if delivery == "unknown" and not reads:
                self.tally.unknown_effects += 1
                self.tally.happened += count
        if len(self.told) != self.count:
            self.tally.found.append(f"seeds from {self.first}: {self.count - len(self.told)} calls without an end")


async def _cancel(scope: anyio.CancelScope, after: float) -> None:
    await anyio.sleep(after)
    scope.cancel()


_served: list[tuple[Simulator, TLS]] = []


def play_batch(span: tuple[int, int]) -> Tally:
    """Play one batch in this process, which has one simulator for all of its batches."""
    if not _served:
        sys.setswitchinterval(0.0002)  # client and simulator take turns far more often than two usual threads
        sim = Simulator().start()
        _served.append((sim, TLS(ca_file=sim.ca_file)))
    sim, tls = _served[0]
    first, count = span
    backend = ("asyncio", {}) if first // BATCH % 8 else ("trio", {})
    batch = Batch(sim, tls, first, count)
    tally = anyio.run(batch.play, backend=backend[0], backend_options=backend[1])
    tally.memory = peak_memory()
    return tally


def run(first: int, count: int) -> list[str]:
    """Play the calls of so many seeds; gives what was wrong."""
    spans = [(at, min(BATCH, first + count - at)) for at in range(first, first + count, BATCH)]
    progress = Progress("faults", "exchanges", count)
    total = Tally()
    if count <= IN_ONE_PROCESS:
        usual = sys.getswitchinterval()
        try:
            _collect(map(play_batch, spans), total, progress, first)
        finally:
            sys.setswitchinterval(usual)
            for sim, _ in _served:
                sim.stop()
            _served.clear()
    else:
        workers = min(WORKERS, 2 * (os.cpu_count() or 1))
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            waiting = iter(spans)
            # A batch is handed out when another has come back: the seeds before the last line are all done.
            ahead = [pool.submit(play_batch, span) for span in islice(waiting, 2 * workers)]

            def results() -> Iterator[Tally]:
                while ahead:
                    yield ahead.pop(0).result()
                    ahead.extend(pool.submit(play_batch, span) for span in islice(waiting, 1))

            _collect(results(), total, progress, first)
    progress.end(first + count)
    _say(total)
    return total.found


def _collect(results: Iterator[Tally], total: Tally, progress: Progress, first: int) -> None:
    done = 0
    for tally in results:
        total.add(tally)
        done += sum(tally.deliveries.values())
        for one in tally.found:
            sys.stdout.write(f"FOUND {one}\n")
        progress.reach(done, first + done)
        if done % SUMMED_UP == 0:  # so that a run which is cut short has said what it knew
            _say(total)


def _say(total: Tally) -> None:
    calls = sum(total.deliveries.values())
    told = ", ".join(f"{name} {number:,}" for name, number in sorted(total.deliveries.items()))
    for reason, number in total.reasons.most_common():
        sys.stdout.write(f"{number:>10,} {reason}\n")
    share = total.unknown_effects / max(1, calls)
    late = sorted(total.overruns)
    at = late[ceil(0.999 * len(late)) - 1] * 1000 if late else 0.0
    sys.stdout.write(
        f"faults: {calls:,} calls, {total.attempts:,} attempts, {total.cancelled:,} cancelled; {told}\n"
        f"faults: {total.unknown_effects:,} effects of unknown fate ({share:.1%}), of which {total.happened:,} had "
        f"happened\n"
        f"faults: {len(late):,} deadlines, overrun p99.9 {at:.1f} ms; peak memory of a process {total.memory:,.0f} "
        f"MiB\n"
        f"faults: {len(total.found)} found\n"
    )
    sys.stdout.flush()
