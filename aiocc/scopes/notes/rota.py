"""Who sends: agents who take turns, and the gate through which each request leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

from aiocc.delivery import Delivery
from aiocc.endpoints.send_note import SendNote, sent_by
from aiocc.errors import AgentSignedOutError, AioccError
from aiocc.outcome import Outcome
from aiocc.protocol.checks import refuse
from aiocc.protocol.operation import Request
from aiocc.scopes.notes.ledger import Sender
from aiocc.scopes.notes.plan import NoteRequest
from aiocc.scopes.notes.report import Tally

T = TypeVar("T")


class Departure:
    """Lets one request out, as a `Sender` that is asked once its claim stands.

    Args:
        request: The request.
        tally: Where it counts as on its way.
        rota: Sends it.
        wait: For its moment, where it could not wait for that before its claim.
    """

    __slots__ = ("_request", "_rota", "_tally", "_wait", "agent_id")

    def __init__(
        self, request: NoteRequest, tally: Tally, rota: Rota, wait: Callable[[], Awaitable[None]] | None
    ) -> None:
        self.agent_id: int = request.sender
        self._request = request
        self._tally = tally
        self._rota = rota
        self._wait = wait

    async def send(self, request: Request[T]) -> Outcome[T]:
        """Send it."""
        if self._wait is not None:
            await self._wait()
        self._tally.leaves(self._request)
        try:
            return await self._rota.send(request)
        except AioccError:  # by the client's word: nothing was sent
            self._tally.never_left(self._request)
            raise


class Rota:
    """Sends each request by the agent whose turn it is, and by another where that one is signed out.

    Args:
        senders: At least one.
    """

    def __init__(self, senders: Sequence[Sender]) -> None:
        self._senders = {sender.agent_id: sender for sender in senders}
        if not self._senders:
            refuse("agents", "at least one agent", "none")
        self._signed_out: set[int] = set()

    @property
    def nobody_left(self) -> bool:
        """Whether all are signed out, and no session polls for any: every further request would be refused."""
        if len(self._signed_out) < len(self._senders):
            return False
        return not any(getattr(sender, "polled", True) for sender in self._senders.values())

    @property
    def agent_ids(self) -> tuple[int, ...]:
        """The agents, in their order."""
        return tuple(self._senders)

    async def send(self, request: Request[T]) -> Outcome[T]:
        """Send a note; to be signed out is a refusal, so that another agent may send it."""
        assert isinstance(request, SendNote)
        assert request.agent_id is not None
        nobody_left = len(self._signed_out) == len(self._senders)
        if request.agent_id in self._signed_out and not nobody_left:
            return await self._by_another(request)
        outcome: Outcome[Any] = await self._senders[request.agent_id].send(request)
        if isinstance(outcome.error, AgentSignedOutError):
            self._signed_out.add(request.agent_id)
            if len(self._signed_out) < len(self._senders):
                return await self._by_another(request)
        elif outcome.delivery is Delivery.ACCEPTED:
            self._signed_out.discard(request.agent_id)
        return outcome

    async def _by_another(self, request: SendNote) -> Outcome[Any]:
        """Send it by the next ones who may be signed in."""
        outcome: Outcome[Any] | None = None
        assert request.agent_id is not None
        for agent_id in self._from(request.agent_id):
            outcome = await self._senders[agent_id].send(sent_by(request, agent_id))
            if not isinstance(outcome.error, AgentSignedOutError):
                break
            self._signed_out.add(agent_id)
        assert outcome is not None
        return outcome

    def _from(self, agent_id: int) -> Iterator[int]:
        """Give those who may be signed in, from the one whose turn it is."""
        order = self.agent_ids
        turn = order.index(agent_id)
        for candidate in (*order[turn:], *order[:turn]):
            if candidate not in self._signed_out:
                yield candidate
