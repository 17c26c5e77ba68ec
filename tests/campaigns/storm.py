"""Storms of cancellations: calls cancelled at every await, and then slots, sockets and tasks counted, not inferred.

A round has a number, which decides everything in it, so that a campaign goes on where another ended.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import httpx
import trustme
from attrs import define, field, frozen

from aiocc import TLS, Client, PoolLimits, RetryPolicy, Service, Timeouts
from aiocc.auth import CookieToken
from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import Origin, Wire, WireRequest
from aiocc.transport import PoolTransport

from .kernel import sockets_to

CONNECTIONS = 8
ROUND = 200
"""Cancellations in a round, at least."""

BACKENDS: dict[str, dict[str, Any]] = {
    "asyncio": {"backend": "asyncio", "backend_options": {"use_uvloop": False}},
    "uvloop": {"backend": "asyncio", "backend_options": {"use_uvloop": True}},
    "trio": {"backend": "trio"},
}
FACES = ("exchange", "client", "httpx")
SHARES = (0.1, 0.25, 0.5, 0.75, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0)
MANNERS = ("now", "parts", "slow")
PATIENT = Timeouts(connect=60, queue=60, read=60, total=60)

Call = Callable[[str, Wire], Awaitable[object]]


@frozen
class Cell:
    """Where a storm blows."""

    backend: str
    secure: bool
    warm: bool

    def __str__(self) -> str:
        return f"{self.backend} {'TLS' if self.secure else 'plain'} {'warm' if self.warm else 'cold'}"


CELLS = [Cell(backend, secure, warm) for backend in BACKENDS for secure in (True, False) for warm in (True, False)]


@define
class Tally:
    """What was counted; `stuck` names whatever was left behind."""

    cancelled: int = 0
    completed: int = 0
    phases: Counter[str] = field(factory=Counter)
    stuck: list[str] = field(factory=list)

    def add(self, other: Tally) -> None:
        """Add what another round counted."""
        self.cancelled += other.cancelled
        self.completed += other.completed
        self.phases += other.phases
        self.stuck += other.stuck


@frozen
class StormServer:
    """The server's two origins, and whom its certificate is from."""

    plain: Origin
    secure: Origin
    ca_file: str


@contextmanager
def storm_server(folder: Path) -> Iterator[StormServer]:
    """Serve from a process of its own."""
    ca = trustme.CA(key_type=trustme.KeyType.ECDSA)
    ca.cert_pem.write_to_path(folder / "ca.pem")
    issued = ca.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA)
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    command = [sys.executable, "-P", str(Path(__file__).with_name("storm_server.py")), str(folder / "server.pem")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        plain, secure = json.loads(process.stdout.readline())
        yield StormServer(
            Origin("http", "127.0.0.1", plain), Origin("https", "127.0.0.1", secure), str(folder / "ca.pem")
        )
        process.stdin.close()


@define
class Target:
    """What is called in a storm, and how to count what it holds."""

    call: Call
    transport: Callable[[], PoolTransport]
    held: Callable[[], int]
    tells_phase: bool = False


@asynccontextmanager
async def open_target(face: str, cell: Cell, server: StormServer) -> AsyncIterator[Target]:
    """Open one of the three faces; a cold one uses each connection once."""
    origin = server.secure if cell.secure else server.plain
    limits = PoolLimits(max_connections=CONNECTIONS, idle_expiry=60, max_requests=None if cell.warm else 1)
    tls = TLS(ca_file=server.ca_file) if cell.secure else TLS()
    if face == "client":
        service = Service(
            str(origin),
            auth=CookieToken("token"),
            pool=limits,
            tls=tls,
            timeouts=PATIENT,
            retry=RetryPolicy(max_attempts=1),
        )
        async with Client(webadapter=service) as client:

            async def leave(manner: str, _: Wire) -> None:
                await client.with_options(headers={"X-Manner": manner}).leave_message(phone_no="123456", content="x")

            line = client._desk.line("webadapter")
            admission = line.admission
            yield Target(leave, lambda: line.transport, lambda: admission.active + admission.waiting)  # type: ignore[return-value,arg-type]
        return
    transport = PoolTransport(limits, tls)
    if face == "httpx":
        async with httpx.AsyncClient(transport=transport, timeout=60) as http:

            async def get(manner: str, _: Wire) -> None:
                response = await http.get(str(origin), headers={"X-Manner": manner})
                assert response.status_code == 200

            yield Target(get, lambda: transport, lambda: 0)
        return

    async def exchange(manner: str, wire: Wire) -> None:
        request = WireRequest("GET", "/", origin=origin, headers=[("Host", origin.authority), ("X-Manner", manner)])
        await transport.exchange(
            request, wire, deadline=inf, timeouts=PATIENT, limits=AnswerLimits(), on_head=lambda _: None
        )

    try:
        yield Target(exchange, lambda: transport, lambda: 0, tells_phase=True)
    finally:
        with anyio.CancelScope(shield=True):
            await transport.aclose()


class Storm:
    """One round.

    Args:
        target: What is called.
        cell: Where.
        port: Of the server.
        rng: Decides everything.
    """

    def __init__(self, target: Target, cell: Cell, port: int, rng: random.Random) -> None:
        self.target = target
        self.cell = cell
        self.port = port
        self.rng = rng
        self.share = rng.choice(SHARES)
        self.tally = Tally()

    async def blow(self, cancellations: int) -> Tally:
        """Cancel so many calls, and count what is stuck after every batch."""
        while self.tally.cancelled < cancellations and not self.tally.stuck:
            if self.cell.warm:
                await self._together()
            async with anyio.create_task_group() as group:
                for _ in range(self.rng.randint(4, 3 * CONNECTIONS)):
                    group.start_soon(self._several)
            await self._count()
        await self._together()
        await self._count()
        return self.tally

    async def _several(self) -> None:
        for _ in range(5):
            await self._one()

    async def _one(self) -> None:
        if self.rng.random() > self.share:
            await self._call()
            return
        steps, delay = int(self.rng.expovariate(1 / 8)), self.rng.expovariate(1 / 0.0015)
        way = self.rng.choice(["steps", "deadline", "timeout", "failure"])
        if way == "failure":
            await self._beside_a_failure(steps)
        elif way == "timeout" and self.cell.backend != "trio":
            try:
                async with asyncio.timeout(delay):
                    await self._call()
            except TimeoutError:
                pass
        elif way == "steps":
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._cancel_after, steps, scope)
                    await self._call()
        else:
            with anyio.move_on_after(delay):
                try:
                    await self._call()
                except TimeoutError:  # a client sees the scope, and ends a moment before it
                    self.tally.cancelled += 1

    async def _cancel_after(self, steps: int, scope: anyio.CancelScope) -> None:
        await _step(steps)
        scope.cancel()

    async def _beside_a_failure(self, steps: int) -> None:
        try:
            async with anyio.create_task_group() as group:
                for _ in range(self.rng.randint(1, 3)):
                    group.start_soon(self._call)
                await _step(steps)
                raise _FailureError  # noqa: TRY301 - this is how a task group fails
        except* _FailureError:
            pass

    async def _call(self) -> None:
        wire = Wire()
        try:
            await self.target.call(self.rng.choice(MANNERS), wire)
        except anyio.get_cancelled_exc_class():
            self.tally.cancelled += 1
            if self.target.tells_phase:
                self.tally.phases[str(wire.phase)] += 1
            raise
        self.tally.completed += 1

    async def _together(self) -> None:
        """The full capacity at once: the server answers none before all have come."""
        try:
            with anyio.fail_after(20):
                async with anyio.create_task_group() as group:
                    for _ in range(CONNECTIONS):
                        group.start_soon(self.target.call, f"all-{CONNECTIONS}", Wire())
        except TimeoutError:
            self.tally.stuck.append(f"{self.cell}: the full capacity is not there, {self.target.transport()!r}")

    async def _count(self) -> None:
        """Count what is held; a closed socket leaves the kernel's list at the loop's next turn."""
        left = ""
        for _ in range(200):
            stats = list(self.target.transport().stats().values())
            held = self.target.held() + sum(one.active + one.connecting + one.waiting for one in stats)
            idle, sockets = sum(one.idle for one in stats), sockets_to(self.port)
            if not held and sockets == idle:
                return
            left = f"{self.cell}: {held} slots, {sockets} sockets for {idle} idle connections"
            await anyio.sleep(0.002)
        self.tally.stuck.append(left)


class _FailureError(Exception):
    """What a task group fails by."""


async def _step(steps: int) -> None:
    for _ in range(steps):
        await anyio.lowlevel.checkpoint()


def living_tasks() -> int:
    """Count the event loop's tasks, as it counts them itself."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        import trio

        return trio.lowlevel.current_statistics().tasks_living


async def _round(number: int, cell: Cell, server: StormServer, cancellations: int) -> Tally:
    before = living_tasks()
    rng = random.Random(number)  # noqa: S311 - nothing secret
    port = (server.secure if cell.secure else server.plain).port
    async with open_target(FACES[number // len(CELLS) % len(FACES)], cell, server) as target:
        tally = await Storm(target, cell, port, rng).blow(cancellations)
    for _ in range(200):
        if sockets_to(port) == 0 and living_tasks() == before:
            break
        await anyio.sleep(0.002)
    else:
        tally.stuck.append(f"{cell}: {sockets_to(port)} sockets, {living_tasks() - before} tasks after the end")
    tally.stuck = [f"round {number}: {one}" for one in tally.stuck]
    return tally


def cell_of(number: int) -> Cell:
    """Give where a round takes place."""
    return CELLS[number % len(CELLS)]


def run_round(number: int, server: StormServer, cancellations: int = ROUND) -> Tally:
    """Run one round in an event loop of its own."""
    cell = cell_of(number)
    return anyio.run(partial(_round, number, cell, server, cancellations), **BACKENDS[cell.backend])
