"""A failed fetch, told to each waiter by an error of its own."""

from __future__ import annotations

from typing import TypeVar

from aiocc.errors import AioccError, ConfigurationError, CredentialError

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
