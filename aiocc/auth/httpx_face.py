"""httpx's face of a strategy: its four methods driven as an auth flow.

`credential` is a coroutine that awaits its `fetch`, while a flow hands requests out by yielding them. `_drive`
joins the two: it runs the coroutine by hand, lets every await of its own pass to the event loop, and stops at
the requests it wants fetched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Generator
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import anyio.lowlevel
import httpx
from attrs import define

from aiocc.auth.by_identity import ByIdentity
from aiocc.auth.failure import own_error
from aiocc.auth.held import held_credential
from aiocc.errors import CredentialError
from aiocc.protocol import foreign_logs
from aiocc.protocol.codec import CodecError, decode_json
from aiocc.protocol.messages import DEFAULT_PORTS, Answer, AnswerHead, Origin, WireRequest
from aiocc.protocol.reading import code_text

if TYPE_CHECKING:
    from aiocc.auth.strategy import Credential, Strategy

TOKEN_TIMEOUT = {"connect": 5.0, "read": 10.0, "write": 10.0, "pool": 5.0}


class _Wanted(NamedTuple):
    request: WireRequest


class _Step:
    """Runs a coroutine until it wants a request fetched (gives `_Wanted`) or is done (gives its credential)."""

    def __init__(self, coroutine: Coroutine[Any, Any, Credential], value: Answer | BaseException | None = None) -> None:
        self.coroutine = coroutine
        self.value = value

    def __await__(self) -> Generator[Any, Any, _Wanted | Credential]:
        value: Any = self.value
        send: Any = self.coroutine.throw if isinstance(value, BaseException) else self.coroutine.send
        while True:
            try:
                yielded = send(value)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]  # a coroutine's return value
            if isinstance(yielded, _Wanted):
                return yielded
            try:
                value, send = (yield yielded), self.coroutine.send
            except BaseException as error:  # noqa: BLE001 - whatever the loop throws in belongs to the coroutine
                value, send = error, self.coroutine.throw


class _Ask:
    """The awaitable of one fetch."""

    def __init__(self, request: WireRequest) -> None:
        self.request = request

    def __await__(self) -> Generator[_Wanted, Answer, Answer]:
        return (yield _Wanted(self.request))


class _Fetch:
    def __init__(self, at: Origin | None = None) -> None:
        self.origin = at

    async def __call__(self, request: WireRequest, /) -> Answer:
        if request.origin is None:
            request.origin = self.origin
        return await _Ask(request)

    async def credential(
        self, strategy: Strategy, /, *, rejected: Credential | None = None, at: Origin | None = None
    ) -> Credential:
        held = held_credential(strategy, rejected)
        if held is not None:
            return held
        async with _turn_of(strategy):
            return held_credential(strategy, rejected) or await strategy.credential(_Fetch(at), rejected=rejected)


async def async_flow(strategy: Strategy, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
    """Drive a strategy for an `httpx.AsyncClient`."""
    foreign_logs.hide_heads()
    await request.aread()
    bare = _Bare(request)
    rejected: Credential | None = None
    fetched: list[httpx.Response] = []
    for last in (False, True):
        step: _Wanted | Credential | None = held_credential(strategy, rejected)
        if step is None:
            async with _turn_of(strategy):
                coroutine = strategy.credential(_Fetch(bare.origin), rejected=rejected)
                try:
                    step = await _Step(coroutine)
                    while isinstance(step, _Wanted):
                        response = yield _token_request(step.request)
                        await response.aread()
                        fetched.append(response)
                        step = await _Step(coroutine, _answer(response, None))
                finally:
                    await _end(coroutine)
        assert not isinstance(step, _Wanted)
        sent = bare.with_credential(strategy, step)
        response = yield request
        strategy.observe(sent, _head(response))
        await response.aread()
        _forget(response, fetched)
        if last or strategy.verdict(sent, _answer(response, strategy.code_key)) != "renew":
            return
        rejected = step


def sync_flow(strategy: Strategy, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
    """Drive a strategy that needs no I/O for an `httpx.Client`."""
    foreign_logs.hide_heads()
    request.read()
    bare = _Bare(request)
    rejected: Credential | None = None
    for last in (False, True):
        coroutine = strategy.credential(_Fetch(bare.origin), rejected=rejected)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            credential = stop.value
        else:
            raise RuntimeError(f"{type(strategy).__name__} needs I/O: use it in an httpx.AsyncClient")
        finally:
            coroutine.close()
        sent = bare.with_credential(strategy, credential)
        response = yield request
        strategy.observe(sent, _head(response))
        response.read()
        if last or strategy.verdict(sent, _answer(response, strategy.code_key)) != "renew":
            return
        rejected = credential


class _GivenUp(BaseException):
    """Thrown where `GeneratorExit` would be, after which nothing may be awaited."""


async def _end(coroutine: Coroutine[Any, Any, Credential]) -> None:
    """Let a coroutine that is given up do what it has to on its way out, a store's lease to end for example."""
    if getattr(coroutine, "cr_frame", None) is None:
        return  # it came to its end
    try:
        await _Step(coroutine, _GivenUp())
    except _GivenUp:
        pass
    finally:
        coroutine.close()


class _Turn:
    """Whose turn it is to fetch: one request at a time. No lock: it is handed on from wherever a flow ends.

    A cancelled fetch hands the turn on; one that brought no token tells so to all that wait, or they would ask
    for it one after the other.
    """

    def __init__(self) -> None:
        self.loop = anyio.lowlevel.current_token()
        self._taken = False
        self._waiting: deque[_Waiter] = deque()

    async def __aenter__(self) -> None:
        if not self._taken:
            self._taken = True
            return
        waiter = _Waiter(anyio.Event())
        self._waiting.append(waiter)
        try:
            await waiter.event.wait()
        except BaseException:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif waiter.failure is None:
                self._pass_on()
            raise
        if waiter.failure is not None:
            raise own_error(self, waiter.failure)

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CredentialError):
            while self._waiting:
                waiter = self._waiting.popleft()
                waiter.failure = error
                waiter.event.set()
        self._pass_on()

    def _pass_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().event.set()
        else:
            self._taken = False


@define(eq=False)
class _Waiter:
    event: anyio.Event
    failure: CredentialError | None = None


_turns: ByIdentity[_Turn] = ByIdentity()


def _turn_of(strategy: Strategy) -> _Turn:
    """Give a strategy's turn in this event loop; one of a loop that has ended is never waited for."""
    turn = _turns.get(strategy)
    if turn is None or turn.loop != anyio.lowlevel.current_token():
        turn = _turns.set(strategy, _Turn())
    return turn


class _Bare:
    """A request as it was before any credential, so that a renewed one replaces the refused."""

    def __init__(self, request: httpx.Request) -> None:
        url = request.url
        self.request = request
        self.origin = Origin(url.scheme, url.host, url.port or DEFAULT_PORTS.get(url.scheme, 0))
        self.headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw]

    def with_credential(self, strategy: Strategy, credential: Credential) -> WireRequest:
        """Let the strategy complete the request."""
        url = self.request.url
        head = WireRequest(
            method=self.request.method,
            path=url.raw_path.partition(b"?")[0].decode("ascii"),
            query=tuple(url.params.multi_items()),
            headers=list(self.headers),
            body=self.request.content or None,
            origin=self.origin,
            credential=credential,
        )
        strategy.apply(head, credential)
        self.request.headers = httpx.Headers(head.headers)
        return head


def _forget(response: httpx.Response, fetched: list[httpx.Response]) -> None:
    """Take the answers of token requests out of a history: they are no redirects, and they hold secrets."""
    response.history = [earlier for earlier in response.history if earlier not in fetched]
    for earlier in response.history:
        earlier.history = [r for r in earlier.history if r not in fetched]


def _token_request(request: WireRequest) -> httpx.Request:
    return httpx.Request(
        request.method,
        f"{request.origin}{request.target}",
        headers=request.headers,
        content=request.body,
        extensions={"timeout": dict(TOKEN_TIMEOUT)},
    )


def _head(response: httpx.Response) -> AnswerHead:
    pairs = [(name.decode("ascii").lower(), value.decode("latin-1")) for name, value in response.headers.raw]
    return AnswerHead(response.status_code, pairs)


def _answer(response: httpx.Response, code_key: str | None) -> Answer:
    answer = Answer(_head(response), response.content)
    if code_key is not None:
        try:
            data = decode_json(answer.body, answer.head.header("content-type"))
        except CodecError:
            return answer
        if isinstance(data, dict):
            answer.code = code_text(data.get(code_key))
    return answer
