"""Hooks: told everything in order, unable to harm anything."""

import asyncio
import logging

import pytest

from aiocc import Client, ConfigurationError, Service
from aiocc.call.hooks import NO_HOOKS, Hooks
from aiocc.hooks import CredentialRenewed

EVENT = CredentialRenewed(service="fabric", strategy="AppKey", elapsed=0.1)


async def waits(event: object) -> None:
    """A hook that nobody would await."""


class Waits:
    """Another one."""

    async def __call__(self, event: object) -> None: ...


@pytest.mark.parametrize(
    "hooks",
    [[waits], [Waits()], [None], ["hook"], print, 7],
    ids=["async", "async object", "none", "text", "alone", "number"],
)
def test_what_cannot_be_called_is_refused(hooks):
    """A hook that is no function, or gives a coroutine, is refused when the client is made, or its view."""
    for make in (Hooks, lambda hooks: Client(hooks=hooks), lambda hooks: Client().with_options(hooks=hooks)):
        with pytest.raises(ConfigurationError, match=r"^hooks must be "):
            make(hooks)


@pytest.mark.parametrize("error", [KeyError("s3cr3t"), asyncio.CancelledError("s3cr3t")], ids=["error", "cancellation"])
def test_a_hook_that_raises_harms_nothing(caplog, error):
    """The others are told, and its first error alone is logged, by its class; also over several views."""

    def raising(event: object) -> None:
        raise error

    told: list[object] = []
    hooks = Hooks([raising, told.append])
    for one in (hooks, hooks, hooks.and_also([told.append])):
        one.tell(EVENT)

    assert [EVENT] * 4 == told
    name = f"{test_a_hook_that_raises_harms_nothing.__name__}.<locals>.raising"
    said = f"the hook {name} raised {type(error).__name__}; what it raises from now on is not logged"
    assert [("aiocc", logging.ERROR, said)] == caplog.record_tuples


def test_what_ends_the_program_passes():
    """An interrupt that arrives while a hook runs is nobody's to swallow."""

    def interrupted(event: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Hooks([interrupted]).tell(EVENT)


def test_no_hooks_are_nothing():
    """Without hooks there is nothing to tell, and adding none makes no other."""
    assert (False, True) == (bool(NO_HOOKS), bool(Hooks([print])))
    assert NO_HOOKS is NO_HOOKS.and_also([])


def test_a_bulk_switch_is_a_bool():
    """`bulk` is True or False."""
    with pytest.raises(ConfigurationError, match=r"^bulk must be True or False, not "):
        Client().with_options(bulk=1)


@pytest.mark.parametrize("limiter", [7, object()], ids=["number", "object"])
def test_limiter_is_checked(limiter):
    """What has neither acquire nor release is refused when the service is made."""
    with pytest.raises(ConfigurationError, match=r"^limiter must have acquire and release"):
        Service("https://127.0.0.1", limiter=limiter)
