"""The short path to a credential that is there already."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import httpx

    from aiocc.auth.strategy import Credential, Strategy


def held_credential(strategy: Strategy, rejected: Credential | None) -> Credential | None:
    """Give a credential that is there already, without asking `credential` for it; None where it must be asked.

    Only where whoever wrote `credential` knew of `held`: a subclass that overrides the former alone is asked.
    """
    if not _short_path(cast("Hashable", type(strategy))):
        return None
    held = strategy.held()
    return None if held is rejected else held


@cache
def _short_path(cls: Hashable) -> bool:
    held, credential = _owner(cls, "held"), _owner(cls, "credential")
    ours = held.__module__.startswith("aiocc.") and credential.__module__.startswith("aiocc.")
    return ours or issubclass(held, credential)


def own_strategy(auth: httpx.Auth | None) -> Strategy | None:
    """Give what is driven by a strategy's four methods; None for any other `httpx.Auth`.

    A subclass of ours that overrides httpx's flow is such another: its flow is what its maker wants to have used.
    """
    return cast("Strategy", auth) if _has_our_face(cast("Hashable", type(auth))) else None


@cache
def _has_our_face(cls: Hashable) -> bool:
    from aiocc.auth.strategy import Strategy  # noqa: PLC0415 - which imports this module by way of its face

    return isinstance(cls, type) and issubclass(cls, Strategy) and _owner(cls, "async_auth_flow") is Strategy


def _owner(cls: Any, name: str) -> type:
    mro: tuple[type, ...] = cls.__mro__
    return next(base for base in mro if name in vars(base))
