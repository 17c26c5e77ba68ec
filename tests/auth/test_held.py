"""The short path to a credential that is there already."""

import pytest

from aiocc.auth import AgentGuid, CookieToken, Credential, Secret, Strategy
from aiocc.auth.held import held_credential

OWN = Credential(Secret("own"))


class Asked(CookieToken):
    """A user's, which overrides `credential` alone: what it inherits as held is not what it would give."""

    async def credential(self, fetch, /, *, rejected=None):
        return OWN


class Both(Asked):
    """A user's, whose `held` knows of its `credential`."""

    def held(self):
        return OWN


class Sends(AgentGuid):
    """A user's, which changes how a credential is sent, not which."""

    def apply(self, head, credential, /):
        head.headers.append(("X-Guid", credential.secret.reveal()))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (CookieToken("token"), "token"),
        (Sends("guid"), "guid"),
        (Both("token"), "own"),
        (Asked("token"), None),
        (Strategy(), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_short_path_respects_an_override(strategy, expected):
    """A held credential is used where whoever wrote `credential` knew of `held`; else `credential` is asked."""
    held = held_credential(strategy, None)

    assert expected == (None if held is None else held.secret.reveal())


def test_refused_credential_is_not_held():
    """What was refused is not given again by the short path."""
    strategy = CookieToken("token")

    assert None is held_credential(strategy, strategy.held())
