"""The visitor and the agent: callers with a credential of their own."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from attrs import evolve

from aiocc.auth.agent_guid import AgentGuid
from aiocc.auth.strategy import Strategy
from aiocc.call.desk import Desk
from aiocc.call.line import CallOptions
from aiocc.endpoints.click_to_dial import ClickToDial, MediaAbility, click_to_dial
from aiocc.endpoints.generic import AGENT_PREFIX, Pairs, Scalar, check_path, service_request
from aiocc.endpoints.leave_message import leave_message
from aiocc.endpoints.send_note import SendNote, send_note, sent_by
from aiocc.errors import InvalidRequestError
from aiocc.outcome import Outcome
from aiocc.protocol.checks import is_seconds, kind, refuse
from aiocc.protocol.envelope import EnvelopeRule
from aiocc.protocol.operation import Request
from aiocc.protocol.pace import Rate
from aiocc.scopes.dial import DialScope
from aiocc.scopes.notes import JournalOption, Note, NoteRun, OnInvalid, Report

T = TypeVar("T")

POLL_PAUSE = 1.0
MOST_PAUSE = 60.0


class Visitor:
    """One web visitor, on the client's pools. Made by `client.visitor(...)`, cheap enough for every request."""

    __slots__ = ("_desk", "_options", "_strategy")

    def __init__(self, desk: Desk, strategy: Strategy, options: CallOptions) -> None:
        self._desk = desk
        self._strategy = strategy
        self._options = options

    async def send(self, request: Request[T]) -> Outcome[T]:
        """Perform a request at the web adapter as this visitor.

        Raises:
            InvalidRequestError: The request is another service's.
        """
        if request.operation.service != "webadapter":
            raise InvalidRequestError(f"{request.operation.name} is no operation of a visitor: use the client")
        return await self._desk.perform(request, self._strategy, self._options)

    leave_message = leave_message
    click_to_dial = click_to_dial

    def dial(self, media: MediaAbility, *, poll_pause: float = POLL_PAUSE) -> DialScope:
        """Connect this visitor with an agent for as long as the scope lasts: `async with visitor.dial(media) as call`.

        The call is created on entering, its events are asked for meanwhile, and it is dropped on leaving, also when the
        scope is cancelled: for at most 5 s, so that no agent stays occupied. Where its creation was not answered, its
        events decide; where they do not, it is dropped and the error raised.

        Args:
            media: `MediaAbility.VOICE` or `MediaAbility.VIDEO`.
            poll_pause: Seconds between two questions for an event.

        Raises:
            InvalidRequestError: An argument is outside its limit.
            ConfigurationError: On entering: this visitor is dialling already.
            CallError: On entering: refused, or of unknown fate. On leaving: it could not be dropped.
        """
        return dial_scope(self._desk, self._strategy, self._options, media, poll_pause)

    def __repr__(self) -> str:
        return f"<Visitor {self._strategy!r}>"


def dial_scope(
    desk: Desk, strategy: Strategy, options: CallOptions, media: MediaAbility, poll_pause: float
) -> DialScope:
    """Make the scope of a click-to-dial call.

    Raises:
        InvalidRequestError: An argument is outside its limit.
    """
    if not is_seconds(poll_pause) or not 0 < poll_pause <= MOST_PAUSE:
        refuse("poll_pause", f"a number of seconds over 0, at most {MOST_PAUSE:g}", kind(poll_pause))
    return DialScope(desk, ClickToDial(media), strategy, options, poll_pause=poll_pause)


class Agent:
    """One signed-in agent, on the client's pools. Made by `client.agent(...)`.

    Attributes:
        agent_id: The agent.
    """

    __slots__ = ("_desk", "_options", "_strategy", "agent_id")

    def __init__(self, desk: Desk, agent_id: int, strategy: AgentGuid, options: CallOptions) -> None:
        self._desk = desk
        self._strategy = strategy
        self._options = options
        self.agent_id: int = agent_id

    @property
    def polled(self) -> bool:
        """Whether a session of this client polls for the agent: a GUID that is refused may soon have a successor."""
        return self._strategy.polled

    async def send(self, request: Request[T]) -> Outcome[T]:
        """Perform a request at the gateway as this agent.

        Raises:
            InvalidRequestError: The request is another service's, or another agent's.
        """
        return await self._desk.perform(self.own(request), self._strategy, self._options)

    def own(self, request: Request[T]) -> Request[T]:
        """Give the request with this agent as its sender."""
        if request.operation.service != "gateway":
            raise InvalidRequestError(f"{request.operation.name} is no operation of an agent: use the client")
        sender = getattr(request, "agent_id", self.agent_id)
        if sender == self.agent_id:
            return request
        if sender is not None or not isinstance(request, SendNote):
            raise InvalidRequestError(f"agent_id must be {self.agent_id}, this agent's, not {sender}")
        return sent_by(request, self.agent_id)  # type: ignore[return-value]  # the same class

    send_note = send_note

    def send_notes(
        self,
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
    ) -> NoteRun:
        """Send many notes from this agent; `await` the run for its `Report`. Other calls of the client go first.

        Args:
            notes: Any iterable or async iterable; a list is checked as a whole before anything is sent.
            concurrency: Requests on their way at once.
            rate: How often requests may go.
            journal: A file in which the run keeps account. One that is there, of the same notes, is continued: what was
                accepted is skipped, what is unknown is left alone and named.
            resend_unknown: Whether to send again what is unknown: it may arrive twice.
            on_progress: Told the report after each request.
            on_invalid: "stop" raises at the first note that cannot be sent, "skip" counts it and goes on.
            bisect: Whether a request that was refused for what it holds goes on in halves, down to the receivers at
                fault.
            deadline: Seconds for the whole run; of a budget that is spent (0, or less) nothing is sent.

        Returns:
            The run: an awaitable, and no coroutine. To have it go on beside other work, enter it with `async with run`,
            or give it to `asyncio.ensure_future(run)` or `asyncio.gather(run)`: `asyncio.create_task` takes none.

        Raises:
            InvalidRequestError: When awaited: a note cannot be sent.
            JournalError: When awaited: account cannot be kept; one of its children says why.
        """
        return NoteRun(
            [self.in_bulk()],
            notes,
            concurrency=concurrency,
            rate=rate,
            journal=journal,
            resend_unknown=resend_unknown,
            on_progress=on_progress,
            on_invalid=on_invalid,
            bisect=bisect,
            deadline=deadline,
        )

    def in_bulk(self) -> Agent:
        """Give a view of this agent whose requests are many, and may wait: other calls go before them."""
        return Agent(self._desk, self.agent_id, self._strategy, evolve(self._options, bulk=True))

    async def request(
        self,
        method: str,
        path: str,
        *,
        path_params: Mapping[str, Scalar] | None = None,
        query: Pairs = (),
        json: Mapping[str, Any] | None = None,
        envelope: EnvelopeRule | None = None,
        repeatable: bool = False,
    ) -> Mapping[str, Any]:
        """Perform any other operation of the gateway as this agent; see `Client.request`.

        Args:
            method: GET, POST, PUT or DELETE.
            path: Below `/agentgateway/resource/`: `onlineagent/{agent_id}/saybusy`; `{agent_id}` is this agent.
            path_params: Values for other placeholders.
            query: Raw pairs.
            json: The JSON object of the body.
            envelope: How the answer is opened, where not by `retcode`.
            repeatable: Whether doing it twice does no harm, so that it may be repeated.
        """
        check_path(path)
        full = path if path.startswith("/") else AGENT_PREFIX + path
        own = {"agent_id": self.agent_id} if "{agent_id}" in full else {}
        given: Any = path_params or {}
        try:
            request = service_request(
                "gateway",
                method,
                full,
                path_params={**own, **given} if isinstance(given, Mapping) else given,
                query=query,
                json=json,
                envelope=envelope,
                repeatable=repeatable,
            )
        finally:  # they may hold a number, and this frame stands in the traceback of any error
            del path_params, given, query, json
        return (await self.send(request)).unwrap()

    def __repr__(self) -> str:
        return f"<Agent {self.agent_id}>"
