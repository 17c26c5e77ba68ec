"""Telling hooks what happens, so that none of them can harm a call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from inspect import iscoroutinefunction
from typing import Any

from aiocc.call.record import Record, Tried
from aiocc.delivery import Reason
from aiocc.errors import ConfigurationError
from aiocc.hooks import (
    AttemptEnded,
    AttemptStarted,
    CallFinished,
    CallStarted,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    Hook,
    RepeatPlanned,
)
from aiocc.outcome import Outcome
from aiocc.protocol.messages import Origin
from aiocc.secret import mask_numbers

log: logging.Logger = logging.getLogger("aiocc")

Tell = Callable[[Event], None]


class Hooks:
    """Some hooks, told one after the other.

    Args:
        hooks: In the order in which they are told.

    Raises:
        ConfigurationError: One is no function, or a coroutine function, which nobody would await.
    """

    def __init__(self, hooks: Iterable[Hook] = (), *, failed: set[str] | None = None) -> None:
        try:
            self._hooks = tuple(hooks)
        except TypeError:
            raise ConfigurationError(f"hooks must be a list of functions, not a {type(hooks).__name__}") from None
        # By name, and shared with views: one that is made for each request does not log anew.
        self._failed: set[str] = set() if failed is None else failed
        for hook in self._hooks:
            if not _is_hook(hook):
                raise ConfigurationError(f"hooks must be functions of one event that do not wait, not {_shown(hook)}")

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def and_also(self, hooks: Iterable[Hook]) -> Hooks:
        """Give these and others."""
        more = Hooks(hooks)
        return Hooks((*self._hooks, *more._hooks), failed=self._failed) if more else self

    def tell(self, event: Event) -> None:
        """Tell every hook; the first error of each is logged, and goes no further."""
        for hook in self._hooks:
            try:
                hook(event)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - a hook may raise anything; a cancellation out of one is not the call's
                self._log_once(_shown(hook), error)

    def _log_once(self, name: str, error: BaseException) -> None:
        if name not in self._failed:
            self._failed.add(name)
            # Its trace may hold what the hook knows: its class has to do.
            log.error("the hook %s raised %s; what it raises from now on is not logged", name, type(error).__name__)


NO_HOOKS = Hooks()


class CallTeller:
    """Tells the hooks about one call.

    Args:
        hooks: Of this call.
        record: Of this call.
    """

    __slots__ = ("_going_on", "_hooks", "_record")

    def __init__(self, hooks: Hooks, record: Record[Any]) -> None:
        self._hooks = hooks
        self._record = record
        self._going_on: Tried | None = None

    def started(self, origin: Origin, lane: str, deadline: float) -> None:
        """The call begins."""
        operation = self._record.operation
        self._tell(
            CallStarted,
            log_name=mask_numbers(operation.log_name),  # a path of the user's own may hold anything
            method=operation.method,
            url_template=mask_numbers(operation.path),
            scheme=origin.scheme,
            server_address=origin.host,
            server_port=origin.port,
            lane=lane,
            deadline=deadline,
        )

    def attempt_started(self, tried: Tried) -> None:
        """A try begins."""
        self._going_on = tried
        self._tell(AttemptStarted, number=tried.number)

    def attempt_ended(self, tried: Tried) -> None:
        """A try has ended."""
        self._going_on = None
        self._tell(
            AttemptEnded,
            attempt=tried.attempt(),
            credential_wait=tried.credential_wait,
            queue_wait=tried.queue_wait,
        )

    def repeat_planned(self, tried: Tried, wait: float, *, renewed: bool) -> None:
        """Another try will be made."""
        assert tried.reason is not None
        self._tell(
            RepeatPlanned,
            number=tried.number + 1,
            reason=tried.reason,
            delivery=tried.delivery,
            wait=wait,
            renewed=renewed,
        )

    def finished(self, outcome: Outcome[Any]) -> None:
        """The call has its outcome."""
        error = outcome.error
        self._tell(
            CallFinished,
            delivery=outcome.delivery,
            reason=error.reason if error is not None else None,
            attempts=outcome.attempts,
            elapsed=outcome.elapsed,
            error=type(error).__name__ if error is not None else None,
            maybe_repeated=outcome.maybe_repeated,
        )

    def broken_off(self, error: BaseException, reason: Reason, elapsed: float) -> None:
        """The call ends without an outcome: it was cancelled, or its credential's strategy raised."""
        if self._going_on is not None:
            self.attempt_ended(self._going_on)
        self._tell(
            CallFinished,
            delivery=self._record.delivery(),
            reason=reason,
            attempts=tuple(one.attempt() for one in self._record.tried),
            elapsed=elapsed,
            error=type(error).__name__,
            maybe_repeated=False,
        )

    def _tell(self, event: type[Event], **fields: Any) -> None:
        record = self._record
        operation = record.operation
        self._hooks.tell(event(service=operation.service, call_id=record.call_id, operation=operation.name, **fields))  # type: ignore[call-arg]  # every event of a call has these


class ConnectionTeller:
    """Tells the hooks about the connections of one service; a `Watcher`.

    Args:
        service: Its name.
        hooks: Of the client.
    """

    __slots__ = ("_hooks", "_service")

    def __init__(self, service: str, hooks: Hooks) -> None:
        self._service = service
        self._hooks = hooks

    def opened(self, origin: Origin, elapsed: float) -> None:
        """A connection is open."""
        self._hooks.tell(
            ConnectionOpened(
                service=self._service, server_address=origin.host, server_port=origin.port, elapsed=elapsed
            )
        )

    def closed(self, origin: Origin, reason: str) -> None:
        """A connection was closed."""
        self._hooks.tell(
            ConnectionClosed(service=self._service, server_address=origin.host, server_port=origin.port, reason=reason)
        )


def _is_hook(hook: object) -> bool:
    """Whether it can be called, and does not give a coroutine, which nobody would await."""
    return callable(hook) and not iscoroutinefunction(hook) and not iscoroutinefunction(hook.__call__)


def _shown(hook: object) -> str:
    return getattr(hook, "__qualname__", type(hook).__name__)
