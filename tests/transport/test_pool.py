"""The rules of a pool, each with a test that names it; time is an argument, and connections are values."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest
from attrs import define, field

from aiocc.delivery import Phase, Reason
from aiocc.protocol.limits import PoolLimits
from aiocc.protocol.messages import Fault, Origin, Wire
from aiocc.transport.pool import Pool

ORIGIN = Origin("http", "192.0.2.1", 80)


@define(eq=False)
class Open:
    """An open connection, as far as a pool looks at it."""

    number: int
    opened_at: float = 0.0
    used_at: float = 0.0
    requests: int = 1  # taken for used, unless the test says otherwise
    alive: bool = True
    closed: bool = False

    def undisturbed(self) -> bool:
        """Nothing ever comes here."""
        return self.alive

    def close(self) -> None:
        """Close."""
        self.closed = True
        self.alive = False


@define(eq=False)
class Host:
    """Whoever is dialled: answers at once, fails, or waits until it is told."""

    dialled: int = 0
    outcomes: deque[Exception | anyio.Event] = field(factory=deque)

    async def dial(self, _: Origin, wire: Wire) -> Any:
        """Open a connection."""
        wire.phase = Phase.CONNECT
        self.dialled += 1
        number = self.dialled
        outcome = self.outcomes.popleft() if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not None:
            await outcome.wait()
        return Open(number)


def pool_of(host: Host, **limits: Any) -> Pool:
    """Make a pool of two connections, unless the test says otherwise."""
    return Pool(ORIGIN, PoolLimits(**{"max_connections": 2, **limits}), host.dial)


async def borrowed(pool: Pool, **options: Any) -> Any:
    """Borrow as a request does: an idle one if there is any, else a new one or the next that comes free."""
    found = pool.take(options.pop("now", 0.0), idle_at_most=options.pop("idle_at_most", inf))
    settings = {"connect_timeout": 60.0, "queue_timeout": 60.0, "deadline": inf, **options}
    return found or await pool.borrow(settings.pop("wire", None) or Wire(), **settings)


def counted(pool: Pool) -> tuple[int, int, int, int]:
    """Give active, idle, connecting, waiting."""
    stats = pool.stats()
    return stats.active, stats.idle, stats.connecting, stats.waiting


class Requests:
    """Requests that borrow in tasks of their own, and tell what they got."""

    def __init__(self, pool: Pool, group: anyio.abc.TaskGroup) -> None:
        self.pool = pool
        self.group = group
        self.got: list[tuple[str, Any]] = []
        self.scopes: dict[str, anyio.CancelScope] = {}

    async def start(self, name: str, **options: Any) -> None:
        """Start one, and go on when it waits."""
        self.scopes[name] = anyio.CancelScope()
        self.group.start_soon(self._run, name, options)
        await anyio.wait_all_tasks_blocked()

    async def _run(self, name: str, options: dict[str, Any]) -> None:
        with self.scopes[name]:
            try:
                self.got.append((name, await borrowed(self.pool, **options)))
            except Fault as fault:
                self.got.append((name, fault.reason))

    @property
    def served(self) -> list[str]:
        """Who got something, in order."""
        return [name for name, _ in self.got]


async def test_no_more_connections_are_open_than_allowed() -> None:
    """A pool is bounded: whoever comes when it is full waits."""
    host = Host()
    pool = pool_of(host)
    async with anyio.create_task_group() as group:
        requests = Requests(pool, group)
        for name in "abc":
            await requests.start(name)

        assert ["a", "b"] == requests.served
        assert (2, 0, 0, 1) == counted(pool)
        requests.scopes["c"].cancel()
    assert 2 == host.dialled


async def test_connections_being_opened_count() -> None:
    """The bound holds also while connections are on their way to be opened."""
    host = Host(outcomes=deque([anyio.Event(), anyio.Event()]))
    pool = pool_of(host)
    async with anyio.create_task_group() as group:
        requests = Requests(pool, group)
        for name in "abc":
            await requests.start(name)

        assert (0, 0, 2, 1) == counted(pool)
        group.cancel_scope.cancel()
    assert (0, 0, 0, 0) == counted(pool)


async def test_the_connection_used_last_is_used_next() -> None:
    """The most recently used one serves first, so that the others can expire."""
    pool = pool_of(Host())
    first, second = await borrowed(pool), await borrowed(pool)
    pool.give_back(second, 0)
    pool.give_back(first, 0)

    assert [first, second] == [pool.take(0), pool.take(0)]
    assert None is pool.take(0)


async def test_what_was_idle_for_too_long_is_closed_at_borrow_and_at_return() -> None:
    """Idle connections expire, the least recently used first."""
    pool = pool_of(Host(), idle_expiry=5, max_connections=3)
    first, second, third = [await borrowed(pool) for _ in range(3)]
    second.used_at, third.used_at = 3, 5.5
    for one in (first, second):
        pool.give_back(one, one.used_at)

    pool.give_back(third, 5.5)
    assert (True, False, False) == (first.closed, second.closed, third.closed)

    third.used_at = 2
    assert second is not pool.take(9)
    assert (0, 0, 0, 0) == counted(pool)
    assert {"idle": 3} == pool.stats().closed


@pytest.mark.parametrize(("told", "kept"), [(60.0, 5.0), (5.0, 4.0), (1.0, 0.5), (0.0, 5.0)])
async def test_the_server_s_own_idle_limit_is_stayed_below(told: float, kept: float) -> None:
    """Keep-Alive: timeout shortens the idle expiry, and never lengthens it; 0 speaks of its own connection alone."""
    pool = pool_of(Host(), idle_expiry=5)
    pool.expect_idle_limit(told)
    connection = await borrowed(pool)
    pool.give_back(connection, 0)

    assert connection is pool.take(kept)
    pool.give_back(connection, kept)
    assert None is pool.take(kept + 0.001)


async def test_a_connection_past_its_age_is_replaced() -> None:
    """max_age bounds how long a change of DNS goes unseen."""
    pool = pool_of(Host(), max_age=300, idle_expiry=1000)
    connection = await borrowed(pool)
    connection.used_at = 299
    pool.give_back(connection, 299)

    assert connection is pool.take(300)
    pool.give_back(connection, 301)
    assert (True, {"age": 1}) == (connection.closed, pool.stats().closed)


async def test_a_connection_that_has_carried_enough_is_replaced() -> None:
    """max_requests bounds how many requests one connection carries."""
    pool = pool_of(Host(), max_requests=2)
    connection = await borrowed(pool)
    pool.give_back(connection, 0)
    assert connection is pool.take(0)
    connection.requests = 2
    pool.give_back(connection, 0)

    assert (True, {"requests": 1}) == (connection.closed, pool.stats().closed)


async def test_no_more_than_max_idle_are_kept() -> None:
    """Of the idle ones too many, the least recently used is closed."""
    pool = pool_of(Host(), max_idle=1)
    first, second = await borrowed(pool), await borrowed(pool)
    pool.give_back(first, 0)
    pool.give_back(second, 0)

    assert (True, False) == (first.closed, second.closed)
    assert {"surplus": 1} == pool.stats().closed


async def test_a_dead_connection_is_not_lent() -> None:
    """A connection that is known to be gone is dropped at borrow, and the next one is lent."""
    pool = pool_of(Host())
    first, second = await borrowed(pool), await borrowed(pool)
    pool.give_back(first, 0)
    pool.give_back(second, 0)
    second.alive = False

    assert first is pool.take(0)
    assert {"lost": 1} == pool.stats().closed


async def test_a_request_may_ask_for_a_connection_that_was_just_used() -> None:
    """idle_at_most leaves older ones idle; 0 asks for a new one, which replaces an idle one where there is no room."""
    host = Host()
    pool = pool_of(host)
    first, second = await borrowed(pool), await borrowed(pool)
    pool.give_back(first, 0)
    pool.give_back(second, 0)

    assert None is pool.take(1, idle_at_most=1)
    assert second is pool.take(0.5, idle_at_most=1)
    fresh = await borrowed(pool, idle_at_most=0)
    assert (3, True, False) == (fresh.number, first.closed, second.closed)
    assert {"surplus": 1} == pool.stats().closed


async def test_those_that_wait_are_served_in_order() -> None:
    """First come, first served; whoever comes later never overtakes."""
    pool = pool_of(Host(), max_connections=1)
    connection = await borrowed(pool)
    async with anyio.create_task_group() as group:
        requests = Requests(pool, group)
        for name in "abc":
            await requests.start(name)
        for count in range(3):
            pool.give_back(connection, 0)
            assert None is pool.take(0)
            await anyio.wait_all_tasks_blocked()
            assert list("abc")[: count + 1] == requests.served

    assert (1, 0, 0, 0) == counted(pool)
    assert 3 == pool.stats().reused


async def test_a_cancelled_one_leaves_its_place() -> None:
    """Whoever is cancelled while waiting is passed over."""
    pool = pool_of(Host(), max_connections=1)
    connection = await borrowed(pool)
    async with anyio.create_task_group() as group:
        requests = Requests(pool, group)
        for name in "abc":
            await requests.start(name)
        requests.scopes["b"].cancel()
        await anyio.wait_all_tasks_blocked()
        assert 2 == pool.stats().waiting
        for _ in range(2):
            pool.give_back(connection, 0)
            await anyio.wait_all_tasks_blocked()

        assert ["a", "c"] == requests.served


@pytest.mark.parametrize("first", ["cancelled", "served"])
async def test_one_cancelled_in_the_moment_of_being_served_passes_it_on(first: str) -> None:
    """A connection, or the right to open one, that meets a cancellation goes to the next in turn."""
    for alive in (True, False):
        host = Host()
        pool = pool_of(host, max_connections=1)
        connection = await borrowed(pool)
        connection.opened_at = connection.used_at = anyio.current_time()
        connection.alive = alive
        async with anyio.create_task_group() as group:
            requests = Requests(pool, group)
            await requests.start("a")
            await requests.start("b")
            steps: list[Callable[[], object]] = [
                requests.scopes["a"].cancel,
                partial(pool.give_back, connection, connection.used_at),
            ]
            for step in steps if first == "cancelled" else reversed(steps):
                step()

            await anyio.wait_all_tasks_blocked()
            # An event loop may let one keep what it was given before it was cancelled; then the other still waits.
            assert 1 == len(requests.got)
            assert (1, 0, 0, 0 if requests.served == ["b"] else 1) == counted(pool)
            group.cancel_scope.cancel()
        assert (1, 0, 0, 0) == counted(pool)
        assert (1 if alive else 2) == host.dialled


async def test_a_cancelled_connect_passes_its_slot_on() -> None:
    """The slot of a connection that is not opened after all goes to the first that waits."""
    host = Host(outcomes=deque([anyio.Event()]))
    pool = pool_of(host, max_connections=1)
    async with anyio.create_task_group() as group:
        requests = Requests(pool, group)
        await requests.start("a")
        await requests.start("b")
        assert (0, 0, 1, 1) == counted(pool)
        requests.scopes["a"].cancel()

    assert ["b"] == requests.served
    assert (1, 0, 0, 0) == counted(pool)


async def test_a_failed_connect_passes_its_slot_on() -> None:
    """One that cannot connect gets its fault, and the next may try."""
    gate = anyio.Event()
    host = Host(outcomes=deque([gate, Fault(Reason.CONNECTION_REFUSED), ValueError("whatever else")]))
    pool = pool_of(host, max_connections=1)
    first: list[Any] = []

    async def give_up() -> None:
        first.append(await borrowed(pool))

    async with anyio.create_task_group() as group:
        group.start_soon(give_up)
        requests = Requests(pool, group)
        await anyio.wait_all_tasks_blocked()
        await requests.start("a")
        gate.set()
        await anyio.wait_all_tasks_blocked()
        first[0].alive = False
        pool.give_back(first[0], 0)

    assert [("a", Reason.CONNECTION_REFUSED)] == requests.got
    with pytest.raises(ValueError, match="whatever else"):
        await borrowed(pool)
    assert (0, 0, 0, 0) == counted(pool)


@pytest.mark.parametrize(
    ("times", "reason"),
    [({"queue_timeout": 0.001}, Reason.QUEUE_TIMEOUT), ({"deadline": 0.0}, Reason.DEADLINE)],
)
async def test_waiting_is_bounded(times: dict[str, float], reason: Reason) -> None:
    """A wait ends with the time for it, or with the deadline where that is nearer, and leaves the queue."""
    pool = pool_of(Host(), max_connections=1)
    await borrowed(pool)
    wire = Wire()
    with pytest.raises(Fault) as caught:
        await borrowed(pool, wire=wire, **times)

    assert (reason, Phase.QUEUE) == (caught.value.reason, wire.phase)
    assert (1, 0, 0, 0) == counted(pool)


@pytest.mark.parametrize("busy", [False, True])
async def test_a_time_that_is_no_number_leaves_no_slot_and_no_place_behind(busy: bool) -> None:
    """Whatever is raised before a connect or a wait has begun, nothing is counted for it any more."""
    pool = pool_of(Host(), max_connections=1)
    held = [await borrowed(pool)] if busy else []
    with pytest.raises(TypeError):
        await borrowed(pool, connect_timeout="5", queue_timeout="5")

    assert (len(held), 0, 0, 0) == counted(pool)


@pytest.mark.parametrize(
    ("times", "reason"),
    [({"connect_timeout": 0.001}, Reason.CONNECT_TIMEOUT), ({"deadline": 0.0}, Reason.DEADLINE)],
)
async def test_connecting_is_bounded(times: dict[str, float], reason: Reason) -> None:
    """A connect ends with the time for it, or with the deadline where that is nearer."""
    pool = pool_of(Host(outcomes=deque([anyio.Event()])))
    with pytest.raises(Fault) as caught:
        await borrowed(pool, **times)

    assert reason == caught.value.reason
    assert (0, 0, 0, 0) == counted(pool)


async def test_a_pool_that_is_shut_closes_idle_ones_and_ends_those_that_wait() -> None:
    """Shutting is at once for what is idle and waits, and at return for what is in use."""
    pool = pool_of(Host())
    idle, active = await borrowed(pool), await borrowed(pool)
    async with anyio.create_task_group() as group:
        requests = Requests(pool, group)
        await requests.start("a")
        pool.give_back(idle, 0)
        await anyio.wait_all_tasks_blocked()
        await requests.start("b")
        pool.shut()

    assert [("a", idle), ("b", Reason.CLIENT_CLOSED)] == requests.got
    pool.give_back(active, 0)
    pool.give_back(idle, 0)
    assert (True, True, {"shutdown": 2}) == (active.closed, idle.closed, pool.stats().closed)
    with pytest.raises(Fault):
        await borrowed(pool)


async def test_nothing_is_opened_once_the_pool_is_aborted() -> None:
    """A connect on its way when the pool is closed ends, and no request goes over what it opened."""
    host = Host(outcomes=deque([anyio.Event()]))
    pool = pool_of(host)
    active: list[Any] = []
    async with anyio.create_task_group() as group:
        requests = Requests(pool, group)
        await requests.start("a")
        active.append(await borrowed(pool))
        pool.shut()
        pool.abort()

    assert [("a", Reason.CLIENT_CLOSED)] == requests.got
    assert True is active[0].closed
    assert (1, 0, 0, 0) == counted(pool)


async def test_stats_and_repr_say_what_is_there() -> None:
    """The figures of a pool are its own lists, and its repr tells them."""
    pool = pool_of(Host(), max_connections=2)
    first = await borrowed(pool)
    second = await borrowed(pool)
    pool.give_back(second, 0)
    assert "<Pool http://192.0.2.1 1 active, 1 idle, 0 connecting, 0 waiting>" == repr(pool)

    assert second is pool.take(0)
    async with anyio.create_task_group() as group:
        requests = Requests(pool, group)
        await requests.start("a")
        began = anyio.current_time()
        while anyio.current_time() == began:
            await anyio.lowlevel.checkpoint()
        stats = pool.stats()
        assert "<Pool http://192.0.2.1 2 active, 0 idle, 0 connecting, 1 waiting>" == repr(pool)
        pool.give_back(first, 0)

    assert (2, 0, 0, 1, 2, 1) == (
        stats.active, stats.idle, stats.connecting, stats.waiting, stats.opened, stats.reused
    )  # fmt: skip
    assert 0 < stats.oldest_wait < 60
    assert 0.0 == pool.stats().oldest_wait


class Watched:
    """Writes down what it is told; `broken` raises besides."""

    def __init__(self, *, broken: bool = False) -> None:
        self.told: list[tuple[Origin, str]] = []
        self.broken = broken

    def opened(self, origin: Origin, elapsed: float) -> None:
        """Write it down."""
        self.told.append((origin, "opened" if 0 <= elapsed < 60 else "impossible"))
        if self.broken:
            raise ValueError("of the watcher's own")

    def closed(self, origin: Origin, reason: str) -> None:
        """Write it down."""
        self.told.append((origin, reason))
        if self.broken:
            raise ValueError("of the watcher's own")


@pytest.mark.parametrize("broken", [False, True])
async def test_a_watcher_is_told_of_every_connection_and_cannot_harm_the_pool(broken: bool) -> None:
    """Each connection is opened once and closed once, with its reason; what a watcher raises goes no further."""
    watched = Watched(broken=broken)
    pool = Pool(ORIGIN, PoolLimits(idle_expiry=5, max_idle=1, max_connections=3), Host().dial, watcher=watched)
    first, second, third = [await borrowed(pool) for _ in range(3)]
    pool.give_back(first, 0)
    pool.give_back(second, 0)
    second.used_at = 10
    pool.take(10)
    third.alive = False
    pool.give_back(third, 10)
    pool.shut()
    pool.give_back(second, 10)

    assert [(ORIGIN, what) for what in ["opened"] * 3 + ["surplus", "lost", "shutdown"]] == watched.told
    assert (0, 0, 0, 0) == counted(pool)
    assert {"surplus": 1, "lost": 1, "shutdown": 1} == pool.stats().closed


async def warmed(pool: Pool, wanted: int) -> int:
    """Warm a pool up."""
    return await pool.warm_up(wanted, connect_timeout=60, deadline=inf)


async def test_a_pool_is_warmed_up_to_what_is_wanted_and_no_further_than_allowed() -> None:
    """What is there counts; what was opened ahead serves the next requests, and is no reuse before it has served."""
    host = Host()
    pool = pool_of(host, max_connections=4)
    await borrowed(pool)

    assert 3 == await warmed(pool, 3)
    assert (1, 2, 0, 0) == counted(pool)
    assert (3, 4) == (await warmed(pool, 2), await warmed(pool, 9))
    assert 4 == host.dialled
    connection = pool.take(0)
    assert connection is not None
    assert 1 == pool.stats().reused


async def test_a_warm_up_that_fails_keeps_what_it_opened_and_loses_no_slot() -> None:
    """The first fault is told, once all have ended."""
    pool = pool_of(Host(outcomes=deque([Fault(Reason.CONNECTION_REFUSED)])))
    with pytest.raises(Fault) as caught:
        await warmed(pool, 2)

    assert Reason.CONNECTION_REFUSED == caught.value.reason
    assert (0, 1, 0, 0) == counted(pool)


async def test_a_cancelled_warm_up_loses_no_slot() -> None:
    """Neither those that are being opened, nor those whose turn has not come."""
    pool = pool_of(Host(outcomes=deque([anyio.Event(), anyio.Event()])))
    async with anyio.create_task_group() as group:
        group.start_soon(warmed, pool, 2)
        await anyio.wait_all_tasks_blocked()
        assert (0, 0, 2, 0) == counted(pool)
        group.cancel_scope.cancel()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await warmed(pool, 2)

    assert (0, 0) == (pool.stats().active, pool.stats().connecting)
