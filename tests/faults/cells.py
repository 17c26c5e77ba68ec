"""One cell of the matrix: a fault, an operation, a connection; how it is played, and what is seen."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Mapping
from typing import Any, Literal

from attrs import evolve, field, frozen

from aiocc import (
    AnswerLimits,
    CallError,
    ClickToDial,
    Client,
    CreateCall,
    LeaveMessage,
    MediaAbility,
    PoolLimits,
    QueryObsResultCodes,
    RetryPolicy,
    SendNote,
    Service,
    Timeouts,
)
from aiocc.auth import AkSk, AppKey, CookieToken
from aiocc.protocol.operation import Request
from aiocc.simulator import FAULTS, Fault, Simulator
from aiocc.simulator.faults import Effect, Kind, Stage

OPERATIONS = ("obs_result_codes", "leave_message", "send_note", "click_to_dial", "create_call")
READ = OPERATIONS[0]
Connection = Literal["fresh", "reused"]
CONNECTIONS: tuple[Connection, ...] = ("fresh", "reused")

SERVICES = {
    "obs_result_codes": "isales",
    "leave_message": "webadapter",
    "click_to_dial": "webadapter",
    "send_note": "gateway",
    "create_call": "fabric",
}

WAITING = frozenset({"silence", "slow_head", "slow_body", "bytes_stall"})
"""Faults that only the deadline ends."""
DEADLINES = (0.3, 2.0, 10.0)
"""The next is for the cells whose request had not arrived when the one before was over: the machine has other work."""
PATIENCE = 30.0
UNANSWERED = frozenset({"hung_handshake", "blackhole"})
"""Faults that only the time-out of connecting ends."""
CONNECT = 0.05

SMALLER: Mapping[str, Mapping[str, Any]] = {
    "gzip_bomb": {"size": 4 << 20},
    "deep_json": {"depth": 2000},
    "slow_head": {"seconds": 0.05},
    "slow_body": {"seconds": 0.05},
    "huge_body": {"size": 1 << 20},
    "gateway_limit": {"window": "0 second"},
}
"""Options under which a fault is the same one and costs less."""

_numbers = itertools.count(1)


@frozen
class Cell:
    """A place in the matrix.

    Attributes:
        fault: A name of `FAULTS`.
        operation: Of `OPERATIONS`.
        connection: What the request goes out on first.
        effect: Whether the service does what is asked before the fault strikes.
        key: By which the ledger tells what this cell has done from what others have.
    """

    fault: str
    operation: str
    connection: Connection
    effect: bool
    key: str = field(factory=lambda: f"cell-{next(_numbers)}", eq=False)

    @property
    def kind(self) -> Kind:
        """What goes wrong."""
        return FAULTS[self.fault]

    def anew(self) -> Cell:
        """Give the same cell under another key."""
        return Cell(self.fault, self.operation, self.connection, self.effect)

    def strike(self) -> Fault:
        """Make the fault as it lies in wait."""
        either = self.kind.effect is Effect.EITHER
        effect = self.effect if either else None
        return Fault.make(self.fault, self.operation, effect=effect, **SMALLER.get(self.fault, {}))


@frozen
class Seen:
    """What became of a cell.

    Attributes:
        error: The class of the error, or "ok".
        delivery: As the application is told.
        attempts: How many.
        effects: In the ledger.
    """

    error: str
    delivery: str
    attempts: int
    effects: int

    def __str__(self) -> str:
        return f"{self.error} {self.delivery} {self.attempts} {self.effects}"

    @classmethod
    def read(cls, text: str) -> Seen:
        """Read what `str` writes."""
        error, delivery, attempts, effects = text.split()
        return cls(error, delivery, int(attempts), int(effects))


def request_of(operation: str, key: str) -> Request[Any]:
    """Make a good request that the ledger can tell from others; a click-to-dial call by its visitor."""
    match operation:
        case "obs_result_codes":
            return QueryObsResultCodes(1)
        case "leave_message":
            return LeaveMessage(phone_no="123456", content=key)
        case "send_note":
            return SendNote([31002], key, agent_id=101)
        case "click_to_dial":
            return ClickToDial(MediaAbility.VIDEO)
    return CreateCall(called="88884432", call_data=key)


def effects(sim: Simulator, operation: str, key: str) -> int:
    """Count what the ledger knows of a key."""
    match operation:
        case "leave_message":
            return sum(one.content == key for one in sim.messages)
        case "send_note":
            return sum(one.content == key for one in sim.notes)
        case "click_to_dial":
            return sum(one.visitor == key for one in sim.dials)
        case "create_call":
            return sum(one.call_data == key for one in sim.calls)
    return 0


def auth_of(sim: Simulator, cell: Cell) -> Any:
    """Make the credential of one cell; an agent brings its own."""
    environ = sim.environment
    match SERVICES[cell.operation]:
        case "webadapter":
            return CookieToken(sim.new_visitor(cell.key))
        case "isales":
            return AkSk(environ["AIOCC_ISALES_ACCESS_KEY"], environ["AIOCC_ISALES_SECRET_KEY"])
        case "fabric":
            return AppKey(environ["AIOCC_FABRIC_APP_KEY"], environ["AIOCC_FABRIC_APP_SECRET"])
    return None


def client_of(sim: Simulator, cell: Cell, context: ssl.SSLContext, **changes: Any) -> Client:
    """Make the client of one cell; a fresh connection is one of a client that uses each of them once."""
    options: dict[str, Any] = {
        "tls": context,
        "limits": AnswerLimits(body=1 << 18),
        "pool": PoolLimits(max_requests=1 if cell.connection == "fresh" else None),
        "retry": RetryPolicy(base=0.001, throttled_base=0.001),
        "timeouts": Timeouts(connect=PATIENCE),
    } | changes
    if "auth" not in options:
        options["auth"] = auth_of(sim, cell)
    name = SERVICES[cell.operation]
    return Client(**{name: Service(sim.environment[f"AIOCC_{name.upper()}_URL"], **options)})


async def send(client: Client, sim: Simulator, cell: Cell, key: str, **options: Any) -> Seen:
    """Send the request of a cell, and see what became of it."""
    view: Any = client.with_options(**options) if options else client
    if cell.operation == "send_note":
        view = view.agent(101, guid=sim.environment["AIOCC_AGENT_GUID"])
    outcome = await view.send(request_of(cell.operation, key))
    error = outcome.error
    assert error is None or isinstance(error, CallError)
    name = "ok" if error is None else type(error).__name__
    return Seen(name, str(outcome.delivery), len(outcome.attempts), effects(sim, cell.operation, key))


async def warm(client: Client, sim: Simulator, cell: Cell) -> None:
    """Let a call go well: there is then a credential, and a connection that may be used again."""
    seen = await send(client, sim, cell, f"{cell.key}-before")
    assert seen.error == "ok", seen


async def play(sim: Simulator, cell: Cell, client: Client, deadline: float) -> Seen:
    """Play a cell whose fault is lying in wait; an effect of the first call of a click-to-dial cell is left out."""
    before = effects(sim, cell.operation, cell.key)
    seen = await send(client, sim, cell, cell.key, headers={"X-Cell": cell.key}, deadline=deadline)
    return evolve(seen, effects=seen.effects - before)


def stage_of(name: str) -> Stage:
    """Say where a fault strikes."""
    return FAULTS[name].stage
