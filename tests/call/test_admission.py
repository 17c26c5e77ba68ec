"""The one place where calls wait: first come, first served, bounded, and never a slot lost."""

import math
import random

import anyio
import anyio.lowlevel
import pytest

from aiocc.call.admission import MAX_QUEUE, Admission, AdmissionStats
from aiocc.delivery import Reason
from aiocc.protocol.messages import Fault
from aiocc.protocol.pace import Rate

LONG = 30.0
SOON = 0.005


async def reason_of(admission: Admission, deadline: float = math.inf, *, bulk: bool = False) -> Reason | None:
    """Acquire, and say why it was not granted."""
    try:
        await admission.acquire(deadline, bulk=bulk)
    except Fault as fault:
        return fault.reason
    return None


class Calls:
    """Calls that take a slot, note that they have it, and give it back when they are told to."""

    def __init__(self, admission: Admission, tasks: anyio.abc.TaskGroup) -> None:
        self.admission = admission
        self.tasks = tasks
        self.granted: list[str] = []
        self.ended: dict[str, Reason | None] = {}
        self.scopes: dict[str, anyio.CancelScope] = {}
        self.go_on = anyio.Event()

    async def start(self, *names: str) -> None:
        """Start calls in this order, each waiting before the next one comes; those in capitals are of bulk runs."""
        for name in names:
            self.scopes[name] = anyio.CancelScope()
            self.tasks.start_soon(self.run, name)
            await anyio.wait_all_tasks_blocked()

    async def run(self, name: str) -> None:
        bulk = name.isupper()
        with self.scopes[name]:
            reason = await reason_of(self.admission, bulk=bulk)
            self.ended[name] = reason
            if reason is None:
                try:
                    self.granted.append(name)
                    await self.go_on.wait()
                finally:
                    self.admission.release(bulk=bulk)


async def test_first_come_first_served():
    """Slots are granted in the order of asking, and one that comes later never overtakes."""
    admission = Admission(1, max_wait=LONG)

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("a", "b", "c", "d")
        waiting = (admission.active, admission.waiting, calls.granted.copy())
        calls.go_on.set()

    assert ((1, 3, ["a"]), ["a", "b", "c", "d"]) == (waiting, calls.granted)
    assert (0, 0) == (admission.active, admission.waiting)


async def test_newcomer_does_not_overtake():
    """A slot that was just given back belongs to whoever waits, not to whoever asks next."""
    admission = Admission(1, max_wait=LONG)
    await admission.acquire(math.inf)

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("first")
        admission.release()
        await calls.start("second")
        calls.go_on.set()

    assert ["first", "second"] == calls.granted


async def test_never_more_than_its_slots():
    """However many calls come, no more than the slots are on their way at once."""
    admission = Admission(3, max_wait=LONG)
    seen = []

    async def call() -> None:
        await admission.acquire(math.inf)
        try:
            for _ in range(3):
                seen.append(admission.active)
                await anyio.lowlevel.checkpoint()
        finally:
            admission.release()

    async with anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(call)

    assert (90, 3, 0, 0) == (len(seen), max(seen), admission.active, admission.waiting)


@pytest.mark.parametrize(
    ("max_wait", "ahead", "expected"),
    [
        (SOON, LONG, Reason.QUEUE_TIMEOUT),
        (LONG, SOON, Reason.DEADLINE),
        (LONG, 0.0, Reason.DEADLINE),
        (LONG, -1.0, Reason.DEADLINE),
    ],
)
async def test_wait_is_bounded(max_wait, ahead, expected):
    """Row 10: a call waits no longer than `max_wait` or its deadline, says which it was, and leaves the queue."""
    admission = Admission(1, max_wait=max_wait)
    await admission.acquire(math.inf)

    reason = await reason_of(admission, anyio.current_time() + ahead)

    assert (expected, 1, 0) == (reason, admission.active, admission.waiting)


async def test_queue_timeout_reports_its_depth():
    """Row 10: the fault says how long was waited and how many wait still."""
    admission = Admission(1, max_wait=SOON)
    await admission.acquire(math.inf)

    with pytest.raises(Fault, match=r"^0\.005 s, 0 calls still waiting$"):
        await admission.acquire(math.inf)


async def test_queue_is_bounded():
    """A call beyond `MAX_QUEUE` is turned away at once, and those that wait are not disturbed."""
    admission = Admission(1, max_wait=LONG)
    await admission.acquire(math.inf)

    async with anyio.create_task_group() as tasks:
        for _ in range(MAX_QUEUE):
            tasks.start_soon(admission.acquire, math.inf)
        while admission.waiting < MAX_QUEUE:
            await anyio.lowlevel.checkpoint()
        found = (await reason_of(admission), admission.waiting)
        tasks.cancel_scope.cancel()

    assert ((Reason.QUEUE_FULL, MAX_QUEUE), 1, 0) == (found, admission.active, admission.waiting)


@pytest.mark.parametrize("position", ["b", "c", "d"])
async def test_cancelled_waiter_leaves_the_queue(position):
    """Row 63: a call that is cancelled while it waits holds up nobody, wherever in the queue it stood."""
    admission = Admission(1, max_wait=LONG)

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("a", "b", "c", "d")
        calls.scopes[position].cancel()
        await anyio.wait_all_tasks_blocked()
        waiting = admission.waiting
        calls.go_on.set()

    assert (2, [name for name in "abcd" if name != position]) == (waiting, calls.granted)
    assert (0, 0) == (admission.active, admission.waiting)


@pytest.mark.parametrize("granted_first", [True, False])
async def test_cancel_in_the_moment_of_being_granted(granted_first):
    """Row 63: a slot that is granted to a call in the moment of its cancellation goes on to the next one."""
    admission = Admission(1, max_wait=LONG)
    await admission.acquire(math.inf)

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("cancelled", "next")
        steps = [admission.release, calls.scopes["cancelled"].cancel]
        for step in steps if granted_first else reversed(steps):
            step()
        await anyio.wait_all_tasks_blocked()
        active = admission.active
        calls.go_on.set()

    assert ("next", 1, 0, 0) == (calls.granted[-1], active, admission.active, admission.waiting)


async def test_storm_of_cancellations():
    """Row 63: after calls were cancelled at every step, no slot is stuck and nobody waits."""
    admission = Admission(2, max_wait=LONG, rate=Rate(1e6))

    async def call(steps: int) -> None:
        with anyio.CancelScope() as scope:
            tasks.start_soon(cancel, scope, steps)
            await admission.acquire(math.inf)
            try:
                await anyio.lowlevel.checkpoint()
            finally:
                admission.release()

    async def cancel(scope: anyio.CancelScope, steps: int) -> None:
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        scope.cancel()

    async with anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(call, number % 12)

    assert (0, 0) == (admission.active, admission.waiting)


async def test_close():
    """Row 65: after `close` those who wait and those who come are turned away, and slots are still counted."""
    admission = Admission(1, max_wait=LONG)

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("a", "b", "c")
        admission.close()
        await anyio.wait_all_tasks_blocked()
        between = (admission.active, admission.waiting)
        late = await reason_of(admission)
        calls.go_on.set()

    closed = Reason.CLIENT_CLOSED
    assert ((1, 0), closed, {"a": None, "b": closed, "c": closed}) == (between, late, calls.ended)
    assert (0, ["a"]) == (admission.active, calls.granted)


async def test_closed_queue_grants_no_slot():
    """Row 65: a slot that comes back in the moment of closing goes to nobody."""
    admission = Admission(1, max_wait=LONG)
    await admission.acquire(math.inf)

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("waiting")
        admission.close()
        admission.release()

    assert ({"waiting": Reason.CLIENT_CLOSED}, 0) == (calls.ended, admission.active)


async def test_call_waits_for_its_moment():
    """A call that comes too early waits without a slot, and then goes."""
    early, ready = (Admission(5, max_wait=LONG, rate=Rate(per_second)) for per_second in (0.1, 1 / SOON))

    await early.acquire(math.inf)
    async with anyio.create_task_group() as tasks:
        calls = Calls(early, tasks)
        await calls.start("early")
        found = (early.active, early.waiting, calls.granted.copy())
        tasks.cancel_scope.cancel()
    for _ in range(3):
        await ready.acquire(math.inf)

    assert ((1, 1, []), 3) == (found, ready.active)


@pytest.mark.parametrize(
    ("max_wait", "ahead", "expected"), [(5.0, LONG, Reason.QUEUE_TIMEOUT), (LONG, 5.0, Reason.DEADLINE)]
)
async def test_pace_that_takes_too_long(max_wait, ahead, expected):
    """A call whose moment lies beyond its bounds is turned away at once, and takes neither slot nor place."""
    admission = Admission(5, max_wait=max_wait, rate=Rate(0.1))
    await admission.acquire(math.inf)

    reasons = [await reason_of(admission, anyio.current_time() + ahead) for _ in range(2)]

    assert ([expected, expected], 1) == (reasons, admission.active)


async def test_cancelled_while_waiting_for_its_moment():
    """Row 63: a call that is cancelled while it waits for its moment gives back its slot and its place."""
    admission = Admission(5, max_wait=LONG, rate=Rate(0.1))
    await admission.acquire(math.inf)

    with anyio.move_on_after(SOON) as scope:
        await admission.acquire(math.inf)
    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("next")
        with pytest.raises(Fault, match="would have let it go in"):
            await admission.acquire(anyio.current_time() + 19.0)
        tasks.cancel_scope.cancel()

    assert (True, 1, []) == (scope.cancelled_caught, admission.active, calls.granted)


async def test_close_ends_the_wait_for_a_moment():
    """Row 65: nothing goes after `close`, neither what waits for a slot nor what waits for its moment."""
    admission = Admission(5, max_wait=LONG, rate=Rate(0.1))
    await admission.acquire(math.inf)

    with anyio.move_on_after(1.0):
        async with anyio.create_task_group() as tasks:
            calls = Calls(admission, tasks)
            await calls.start("early")
            admission.close()

    assert ({"early": Reason.CLIENT_CLOSED}, [], 1) == (calls.ended, calls.granted, admission.active)


class Gate:
    """A limiter that lets through, or not, as it is told; keeps what it was asked."""

    def __init__(self, answer: object = True) -> None:
        self.answer = answer
        self.asked: list[float] = []
        self.taken = 0

    async def acquire(self, deadline: float) -> bool:
        self.asked.append(deadline)
        await anyio.lowlevel.checkpoint()
        if self.answer is None:
            await anyio.sleep_forever()
        if isinstance(self.answer, Exception):
            raise self.answer
        self.taken += bool(self.answer)
        return bool(self.answer)

    def release(self) -> None:
        self.taken -= 1


async def test_limiter_is_asked_with_a_slot_in_hand():
    """A limiter sees only what the local ceiling has let through, and hears the end of what it let through."""
    gate = Gate()
    admission = Admission(1, max_wait=LONG, limiter=gate)

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("a", "b")
        found = (calls.granted.copy(), len(gate.asked), gate.taken, admission.admits_at_once())
        calls.go_on.set()

    assert ((["a"], 1, 1, False), ["a", "b"]) == (found, calls.granted)
    assert (2, 0, 0) == (len(gate.asked), gate.taken, admission.active)


@pytest.mark.parametrize(
    ("answer", "ahead", "expected"),
    [
        (False, LONG, Reason.QUEUE_TIMEOUT),
        (False, 1.0, Reason.DEADLINE),
        (None, SOON, Reason.DEADLINE),
        (KeyError("x"), LONG, Reason.INTERNAL),
    ],
    ids=["no", "no, and the deadline is near", "too late", "raises"],
)
async def test_limiter_that_lets_nothing_through(answer, ahead, expected):
    """What a limiter does not let through, in time or by its error, holds neither slot nor place."""
    gate = Gate(answer)
    admission = Admission(1, max_wait=5.0, limiter=gate)
    now = anyio.current_time()

    reason = await reason_of(admission, now + ahead)

    assert (expected, 0, 0) == (reason, admission.active, gate.taken)
    assert pytest.approx(now + min(ahead, 5.0), abs=1.0) == gate.asked[0]


async def test_limiter_whose_release_raises(caplog):
    """What a limiter raises when it hears of an end costs no call its answer, and no slot."""

    class Broken(Gate):
        def release(self) -> None:
            raise KeyError("s3cr3t")

    admission = Admission(1, max_wait=LONG, limiter=Broken())
    await admission.acquire(math.inf)
    admission.release()

    assert (0, ["a limiter's release raised KeyError"]) == (admission.active, caplog.messages)


async def test_cancelled_while_the_limiter_decides():
    """Row 63: a call that is cancelled while a limiter decides gives its slot back."""
    admission = Admission(1, max_wait=LONG, limiter=Gate(None))

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("a")
        active = admission.active
        calls.scopes["a"].cancel()

    assert (1, 0, {}) == (active, admission.active, calls.ended)


@pytest.mark.parametrize(("slots", "expected"), [(1, 1), (2, 1), (5, 4), (10, 9), (11, 9), (100, 90)])
def test_bulk_runs_never_take_every_slot(slots, expected):
    """A tenth of the slots, and at least one where there are two, is kept from bulk runs; others may have them all."""
    bulk, others = Admission(slots, max_wait=LONG), Admission(slots, max_wait=LONG)

    taken = sum(bulk.admits_at_once(bulk=True) for _ in range(slots + 1))
    besides = sum(bulk.admits_at_once() for _ in range(slots + 1))

    assert (expected, slots - expected) == (taken, besides)
    assert slots == sum(others.admits_at_once() for _ in range(slots + 1))


async def test_calls_go_before_bulk_runs():
    """A slot that comes free goes to a call, however long those of a bulk run have waited, and in order among each."""
    admission = Admission(1, max_wait=LONG)

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("a", "B", "C", "d", "e")
        found = admission.stats()
        calls.go_on.set()

    assert ["a", "d", "e", "B", "C"] == calls.granted
    assert AdmissionStats(slots=1, active=1, waiting=2, bulk_active=0, bulk_waiting=2) == found
    assert (0, 0) == (admission.active, admission.waiting)


async def test_call_passes_a_bulk_run_that_waits():
    """While a bulk run has its share and waits for more, a call takes a kept slot at once."""
    admission = Admission(5, max_wait=LONG)

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("A", "B", "C", "D", "E")
        waiting = admission.stats().bulk_waiting
        at_once = admission.admits_at_once()
        admission.release()
        await anyio.wait_all_tasks_blocked()
        found = admission.stats()
        calls.go_on.set()

    assert (1, True, ["A", "B", "C", "D", "E"]) == (waiting, at_once, calls.granted)
    assert (4, 1) == (found.bulk_active, found.bulk_waiting)
    assert AdmissionStats(slots=5, active=0, waiting=0, bulk_active=0, bulk_waiting=0) == admission.stats()


@pytest.mark.parametrize("victim", ["B", "C"])
async def test_cancelled_call_of_a_bulk_run(victim):
    """Row 63: a call of a bulk run that is cancelled, waiting or granted in that moment, keeps nothing of its share."""
    admission = Admission(2, max_wait=LONG)

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("A", "B", "C")
        calls.scopes["A"].cancel()
        calls.scopes[victim].cancel()
        await anyio.wait_all_tasks_blocked()
        found = (admission.stats().bulk_active, admission.waiting)
        calls.go_on.set()

    assert ((1, 0), ["A", "C" if victim == "B" else "B"]) == (found, calls.granted)
    assert AdmissionStats(slots=2, active=0, waiting=0, bulk_active=0, bulk_waiting=0) == admission.stats()


async def test_call_goes_before_a_bulk_run_at_a_rate_too():
    """A bulk run that waits for its moment takes no moment of a call that comes later."""
    admission = Admission(5, max_wait=LONG, rate=Rate(0.1))
    await admission.acquire(math.inf)

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        await calls.start("A", "B")
        # A bulk run has two moments before it, its own; a call has none, and is let go in 10 s.
        with pytest.raises(Fault, match=r"let it go in (9\.\d|10\.0) s"):
            await admission.acquire(anyio.current_time() + 5)
        with pytest.raises(Fault, match=r"let it go in (29\.\d|30\.0) s"):
            await admission.acquire(anyio.current_time() + 25, bulk=True)
        tasks.cancel_scope.cancel()

    assert [] == calls.granted


async def test_none_is_forgotten_at_a_rate():
    """Calls and bulk runs that wait for their moments all go."""
    admission = Admission(2, max_wait=LONG, rate=Rate(200))

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        calls.go_on.set()
        for name in ("a", "B", "C", "d", "e"):
            calls.scopes[name] = anyio.CancelScope()
            tasks.start_soon(calls.run, name)

    assert ["B", "C", "a", "d", "e"] == sorted(calls.granted)
    assert (0, 0) == (admission.active, admission.waiting)


async def test_first_at_a_rate_leaves():
    """Where the first that waits for its moment is cancelled, the next one sees to its own."""
    admission = Admission(2, max_wait=LONG, rate=Rate(1 / SOON))
    await admission.acquire(math.inf)

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        calls.go_on.set()
        for name in ("a", "b", "c"):
            calls.scopes[name] = anyio.CancelScope()
            tasks.start_soon(calls.run, name)
        await anyio.lowlevel.checkpoint()
        calls.scopes["a"].cancel()

    assert {"b": None, "c": None} == {name: ended for name, ended in calls.ended.items() if name != "a"}
    assert (1, 0) == (admission.active, admission.waiting)


async def test_hold():
    """After `hold` nothing goes before its moment, then everything; what cannot wait as long is told at once."""
    admission = Admission(2, max_wait=LONG)
    admission.hold(anyio.current_time() + SOON)
    admission.hold(anyio.current_time() - 1)
    held = admission.admits_at_once()

    async with anyio.create_task_group() as tasks:
        calls = Calls(admission, tasks)
        calls.go_on.set()
        for name in ("a", "b", "c"):
            calls.scopes[name] = anyio.CancelScope()
            tasks.start_soon(calls.run, name)
    free_again = (await reason_of(admission), admission.admits_at_once())
    admission.hold(anyio.current_time() + 60)

    assert (False, ["a", "b", "c"], (None, True)) == (held, sorted(calls.granted), free_again)
    assert Reason.DEADLINE is await reason_of(admission, anyio.current_time() + 5)
    assert Reason.QUEUE_TIMEOUT is await reason_of(admission)


async def test_hold_does_not_open_what_was_closed():
    """Row 65: the end of a hold lets nothing go after `close`."""
    admission = Admission(2, max_wait=LONG)
    admission.hold(anyio.current_time() - 1)
    admission.close()

    assert (Reason.CLIENT_CLOSED, False) == (await reason_of(admission), admission.admits_at_once())


@pytest.mark.parametrize("seed", range(3))
async def test_storm_over_every_lane(seed):
    """Row 63: calls and bulk runs, at a rate, held, cancelled at every step: nothing is stuck, shares are kept."""
    chance = random.Random(seed)  # noqa: S311 - a seed, so that it can be repeated
    admission = Admission(5, max_wait=LONG, rate=Rate(50_000, burst=3) if seed else None)
    worst = 0

    async def call(bulk: bool, steps: int) -> None:
        nonlocal worst
        with anyio.CancelScope() as scope:
            tasks.start_soon(cancel, scope, steps)
            if not admission.admits_at_once(bulk=bulk):
                await admission.acquire(math.inf, bulk=bulk)
            try:
                worst = max(worst, admission.stats().bulk_active)
                assert admission.active <= 5
                await anyio.lowlevel.checkpoint()
            finally:
                admission.release(bulk=bulk)

    async def cancel(scope: anyio.CancelScope, steps: int) -> None:
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        scope.cancel()

    async with anyio.create_task_group() as tasks:
        for number in range(300):
            tasks.start_soon(call, chance.random() < 0.7, chance.randrange(40))
            if number % 50 == 0:
                admission.hold(anyio.current_time() + 0.001)

    assert AdmissionStats(slots=5, active=0, waiting=0, bulk_active=0, bulk_waiting=0) == admission.stats()
    assert worst <= 4
