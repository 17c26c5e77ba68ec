"""Obtaining credentials: one fetch at a time for each strategy, in a lane of its own."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import anyio

from aiocc.auth.strategy import Credential, Strategy
from aiocc.delivery import Reason
from aiocc.errors import CredentialError
from aiocc.protocol.evidence import without_answer
from aiocc.protocol.messages import Answer, AnswerHead, Fault, Origin, Wire, WireRequest
from aiocc.protocol.operation import Effect
from aiocc.protocol.retry import Ended, wait_before_repeat

if TYPE_CHECKING:
    from aiocc.call.line import Line


class Renewals:
    """The credentials of one client in one event loop."""

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[Strategy, anyio.Lock] = WeakKeyDictionary()

    async def credential(
        self, line: Line, strategy: Strategy, *, rejected: Credential | None = None, at: Origin | None = None
    ) -> Credential:
        """Have a strategy's credential, fetched at most once at a time however many callers wait."""
        lock = self._locks.get(strategy)
        if lock is None:
            lock = self._locks[strategy] = anyio.Lock()
        async with lock:
            return await strategy.credential(LineFetch(line, self, at), rejected=rejected)


def held_credential(strategy: Strategy, rejected: Credential | None) -> Credential | None:
    """Give a credential that is there already, without the way through the lock.

    Only where whoever wrote `credential` knew of `held`: a subclass that overrides the former alone is asked.
    """
    if not _short_path(type(strategy)):  # type: ignore[arg-type]  # a class is hashable
        return None
    held = strategy.held()
    return None if held is rejected else held


@cache
def _short_path(cls: type[Strategy]) -> bool:
    held, credential = _owner(cls, "held"), _owner(cls, "credential")
    ours = held.__module__.startswith("aiocc.") and credential.__module__.startswith("aiocc.")
    return ours or issubclass(held, credential)


def _owner(cls: type, name: str) -> type:
    return next(base for base in cls.__mro__ if name in vars(base))


class LineFetch:
    """The I/O of a strategy: over its service's transport, in the token lane, repeated as what it is: idempotent."""

    def __init__(self, line: Line, renewals: Renewals, at: Origin | None = None) -> None:
        self._line = line
        self._renewals = renewals
        self._at = at

    async def credential(
        self, strategy: Strategy, /, *, rejected: Credential | None = None, at: Origin | None = None
    ) -> Credential:
        """Obtain the credential of another strategy that this one builds upon."""
        held = held_credential(strategy, rejected)
        return held or await self._renewals.credential(self._line, strategy, rejected=rejected, at=at)

    async def __call__(self, request: WireRequest, /) -> Answer:
        """Send a token request.

        Raises:
            CredentialError: There was no answer.
        """
        line = self._line
        deadline = anyio.current_time() + line.timeouts.token
        seen: set[Reason] = set()
        number = 1
        while True:
            wire = Wire()
            try:
                return await self._once(self._complete(request), wire, deadline)
            except Fault as fault:
                reason, detail = fault.reason, fault.detail
            ended = Ended(number, without_answer(left=wire.left), reason, seen_before=reason in seen)
            delay = wait_before_repeat(line.retry, Effect.IDEMPOTENT, ended)
            if delay is None or anyio.current_time() + delay >= deadline:
                break
            seen.add(reason)
            number += 1
            await anyio.sleep(delay)
        said = f" ({detail})" if detail else ""
        raise CredentialError(f"no token from {request.origin or self._at or line.origin}: {reason.value}{said}")

    async def _once(self, request: WireRequest, wire: Wire, deadline: float) -> Answer:
        line = self._line
        await line.token_lane.acquire(deadline)
        try:
            return await line.transport.exchange(
                request, wire, deadline=deadline, timeouts=line.timeouts, limits=line.limits, on_head=_ignore
            )
        finally:
            line.token_lane.release()

    def _complete(self, request: WireRequest) -> WireRequest:
        line = self._line
        origin = request.origin or self._at or line.origin
        prefix = line.prefix if request.origin is None and self._at is None else ""
        return WireRequest(
            method=request.method,
            origin=origin,
            path=prefix + request.path,
            query=request.query,
            headers=[
                ("Host", origin.authority),
                *line.client_headers,
                *request.headers,
                *([("Content-Length", str(len(request.body)))] if request.body is not None else []),
            ],
            body=request.body,
        )


def _ignore(_: AnswerHead) -> None:
    """A token's answer teaches nothing by its head."""
