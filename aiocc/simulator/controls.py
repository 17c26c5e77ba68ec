"""What a test may ask of a running simulator and do to it; every method is safe from any thread."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiocc.simulator.app import OPERATIONS
from aiocc.simulator.centre import Centre
from aiocc.simulator.faults import Armed, Chooser, Fault, Stage
from aiocc.simulator.faults.doors import SECURE
from aiocc.simulator.ledger import (
    ClickToDialCall,
    DeliveredNote,
    Ledger,
    LeftMessage,
    PlacedCall,
    SeenRequest,
)
from aiocc.simulator.operation import Plan

__all__ = ["NAMES", "Controls"]

NAMES = tuple(operation.name for operations in OPERATIONS.values() for operation in operations)


class Controls:
    """The view of the ledger and the hand on the world. A change takes effect on the next request."""

    _centre: Centre
    _wire = False
    """Whether there are sockets, on which bytes can go wrong."""
    _tls = False

    # The ledger

    @property
    def ledger(self) -> Ledger:
        """The record of what happened; `snapshot()` gives it as JSON-able values, credentials hidden."""
        return self._centre.ledger

    @property
    def calls_placed(self) -> int:
        """How many outbound calls were created."""
        return self.ledger.calls_placed

    @property
    def token_requests(self) -> int:
        """How many tokenByAkSk requests arrived, whatever was answered."""
        return self.ledger.token_requests

    @property
    def calls(self) -> tuple[PlacedCall, ...]:
        """The outbound calls, in order."""
        return self.ledger.calls

    @property
    def dials(self) -> tuple[ClickToDialCall, ...]:
        """The click-to-dial calls, in order."""
        return self.ledger.dials

    @property
    def messages(self) -> tuple[LeftMessage, ...]:
        """The messages visitors left, in order."""
        return self.ledger.messages

    @property
    def notes(self) -> tuple[DeliveredNote, ...]:
        """The notes, one for each receiver, in order; those not delivered are among them."""
        return self.ledger.notes

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """Every request that arrived at one of the services, with what was answered."""
        return self.ledger.requests

    @property
    def agents_signed_in(self) -> tuple[int, ...]:
        """The agents who signed in by a request and have not been signed out since, in order."""
        with self._centre.lock:
            return tuple(self._centre.agents.polled())

    @property
    def agents_occupied(self) -> int:
        """How many agents are occupied by click-to-dial calls."""
        with self._centre.lock:
            return self._centre.dialled.occupied

    @property
    def dialling(self) -> tuple[str, ...]:
        """The visitors whose click-to-dial calls occupy an agent or wait for one, by user id."""
        with self._centre.lock:
            return tuple(self._centre.dialled.visitors())

    def hang_up(self, visitor: str | None = None) -> None:
        """Let the agent's side end a visitor's click-to-dial calls; by default the environment's visitor's."""
        with self._centre.lock:
            self._centre.dialled.drop(visitor or self._centre.world.visitor_user_id)

    def inbox(self, agent_id: int) -> tuple[DeliveredNote, ...]:
        """Give the notes that reached an agent."""
        return self.ledger.inbox(agent_id)

    # The world

    def reset(self) -> None:
        """Go back to the beginning: ledger empty, settings, clock and credentials as at the start."""
        self._centre.reset()

    def configure(self, **changes: Any) -> None:
        """Change fields of the `World` until the next reset."""
        self._centre.configure(**changes)

    @property
    def channel_configured(self) -> bool:
        """Whether the web channel is configured, without which the web adapter does nothing."""
        return self._centre.world.channel_configured

    @channel_configured.setter
    def channel_configured(self, value: bool) -> None:
        self._centre.configure(channel_configured=value)

    def advance(self, seconds: float) -> None:
        """Put the centre's clock forward; expiry, the window of signatures and `Date` follow it."""
        with self._centre.lock:
            self._centre.clock.advance(seconds)

    def expire_tokens(self) -> None:
        """Let every bearer token issued so far be expired."""
        with self._centre.lock:
            self._centre.bearer.expire_all()

    def new_visitor(self, user_id: str) -> str:
        """Make a visitor and give the token for the cookie; a visitor has one token, the newest."""
        with self._centre.lock:
            visitors = self._centre.visitors
            lifetime = self._centre.world.visitor_lifetime
            return visitors.admit(user_id, visitors.compose(user_id), lifetime).token

    def expire_visitor(self, token: str | None = None) -> None:
        """Let a visitor's token be expired: this one, or whichever the environment's visitor has now."""
        with self._centre.lock:
            self._centre.visitors.expire(token)

    def sign_in(self, agent_id: int) -> str:
        """Sign an agent in and give the GUID; an agent who is signed in keeps the GUID there is."""
        with self._centre.lock:
            return self._centre.agents.sign_in(agent_id).guid

    def sign_out(self, agent_id: int) -> None:
        """Sign an agent out, whose GUID is then good for nothing."""
        with self._centre.lock:
            self._centre.agents.sign_out(agent_id)

    def rotate_guid(self, agent_id: int, announce: bool = True) -> str:
        """Give an agent a new GUID; with `announce` the next answer to that agent brings it."""
        with self._centre.lock:
            grace = self._centre.world.guid_grace
            return self._centre.agents.rotate(agent_id, announce=announce, grace=grace)

    def answer_with(
        self,
        operation: str,
        *,
        code: str | None = None,
        description: str | None = None,
        status: int = 200,
        body: object = None,
        headers: Iterable[tuple[str, str]] | Mapping[str, str] = (),
        times: int = 1,
        after_effect: bool = False,
    ) -> None:
        """Answer the next requests of an operation in another way; plans queue up.

        Args:
            operation: One of the simulator's, such as create_call; a wrong name is answered with all of them.
            code: A failure code, put into the operation's own envelope.
            description: The text beside the code; without it, the documented one.
            status: The HTTP status, 200 to 599.
            body: Raw bytes, a text, or a value for JSON, in place of an envelope.
            headers: Headers to add; a Content-Type among them replaces that of a raw body.
            times: For how many requests.
            after_effect: False: the answer comes before any check of the request. True: the request is judged
                and, if accepted, has its effect first; one that is refused gets its refusal and uses up
                nothing.

        Raises:
            ValueError: The operation, the status or the number is none.
        """
        if operation not in NAMES:
            raise ValueError(f"operation is one of {', '.join(NAMES)}, not {operation!r}")
        if not 200 <= status <= 599:
            raise ValueError(f"status is 200 to 599, not {status}")
        if times < 1:
            raise ValueError(f"times is at least 1, not {times}")
        pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers)
        if code is None and description is None and status == 200 and body is None and not pairs:
            raise ValueError("answer_with needs something to answer: code, status, body or headers")
        with self._centre.lock:
            plan = Plan(code, description, status, body, pairs, times, after_effect)
            self._centre.plans.add(operation, plan)

    # Faults

    def fault(
        self,
        name: str,
        operation: str | None = None,
        *,
        count: int | None = None,
        p: float = 1.0,
        seed: int = 0,
        effect: bool | None = None,
        **options: Any,
    ) -> Armed:
        """Let something go wrong with the next requests; `aiocc.simulator.FAULTS` lists what can.

        Args:
            name: Of a fault, or of several that strike together, as "bad_gateway+then_reset".
            operation: Of which; None for every one, token requests included. A fault of the connection strikes
                all new connections to the operation's service.
            count: How often; None until `clear_faults()` or `reset()`.
            p: How probable it is that a request is struck.
            seed: Of these draws: the same one gives the same draws.
            effect: Whether the request has its effect all the same: True where that is open, and nothing is said.
            **options: Of the fault: `at=`, `seconds=`, `size=` and so on.

        Returns:
            The fault as it lies in wait; its `struck` says how often it has struck.

        Raises:
            ValueError: There is no such fault, operation or option, or it cannot be had here.
        """
        return self.arm(Fault.make(name, operation, count=count, p=p, seed=seed, effect=effect, **options))

    def arm(self, fault: Fault) -> Armed:
        """Let a fault lie in wait that was made, or read from a text, before; see `fault`."""
        if fault.operation is not None and fault.operation not in NAMES:
            raise ValueError(f"operation is one of {', '.join(NAMES)}, not {fault.operation!r}")
        if not self._wire and any(kind.stage in (Stage.DOOR, Stage.WIRE) for kind in fault.kinds):
            raise ValueError(f"{fault.name} takes a simulator with sockets")
        if not self._tls and fault.name in SECURE:
            raise ValueError(f"{fault.name} takes a simulator with TLS")
        return self._centre.arm(fault)

    def clear_faults(self) -> None:
        """Lift every fault; the ledger and the world stay."""
        self._centre.clear_faults()

    def choose_faults(self, chooser: Chooser | None) -> None:
        """Ask a function for the fault of each request, besides those that lie in wait; None asks none."""
        with self._centre.lock:
            self._centre.faults.chooser = chooser
