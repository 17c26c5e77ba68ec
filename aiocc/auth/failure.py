"""A fetch that failed: why, what to do, and an error of its own for each who waits for it."""

from __future__ import annotations

import time
from typing import Final, TypeVar

from aiocc.delivery import Reason
from aiocc.errors import AioccError, ConfigurationError, CredentialError
from aiocc.protocol.messages import Answer
from aiocc.protocol.next_step import wait_for
from aiocc.protocol.retry import retry_after_seconds, throttle_window

_KEY_REFUSED: Final = frozenset({400, 401, 403})
_ELSEWHERE: Final = frozenset({404, 405, 410})
_WINDOW_WITHIN: Final = 1000

E = TypeVar("E", bound=AioccError)


def own_error(maker: object, error: Exception) -> AioccError:
    """Give a waiter an error of its own: one that is raised in two tasks would carry both their traces.

    Args:
        maker: The strategy that failed.
        error: How it failed; another's error becomes the cause of a `CredentialError`.
    """
    if isinstance(error, ConfigurationError | CredentialError):
        return _copied(error)
    own = CredentialError(f"{type(maker).__name__} raised {type(error).__name__}")
    own.__cause__ = error
    return own


def _copied(error: E) -> E:
    cls = type(error)
    own = cls.__new__(cls, *error.args)  # a user's subclass may want other arguments for its __init__
    own.args = error.args
    own.__dict__.update(vars(error))
    own.__cause__ = error.__cause__
    return own


def no_token(answer: Answer, said: str, where: str) -> CredentialError:
    """Tell a key that is refused from a service that fails, and from one that gives no tokens.

    Args:
        answer: Without a token.
        said: What it says.
        where: What says where the operation is to be found.
    """
    status, error = answer.status, CredentialError(said)
    if status in _KEY_REFUSED:
        return error.because(Reason.CREDENTIAL_REFUSED)
    if status in _ELSEWHERE or 300 <= status < 400:
        remedy = f"No token is given out at this address: check {where}."
    elif status == 429:
        remedy = f"Tokens are asked for too often. {wait_for(asked_to_wait(answer))}, then try again."
    elif status < 300:
        remedy = f"The answer has no token: check {where}, and show the operator what it says."
    else:
        remedy = f"The token service fails: wait, then try again; if it lasts, check {where}."
    return error.because(Reason.CREDENTIAL_UNAVAILABLE, remedy, asked_to_wait(answer))


def asked_to_wait(answer: Answer) -> float | None:
    """Read how many seconds an answer without a token asks to wait."""
    asked = retry_after_seconds(answer.head.header("retry-after"), now=time.time())
    if asked is None and answer.status == 429:
        asked = throttle_window(answer.body[:_WINDOW_WITHIN].decode("utf-8", "replace"))
    return asked
