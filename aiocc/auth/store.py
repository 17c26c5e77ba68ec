"""Where credentials are kept: the seam at which processes can share one, and the store of a single process.

A strategy holds its credential itself, so that a call never waits for a store. The store is asked when another
one is needed: it may have what another process obtained, and it says who is to obtain the next.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar, runtime_checkable

import anyio
from attrs import frozen

from aiocc.auth.strategy import Credential
from aiocc.secret import Secret, conceal

LEASE: Final = 15.0
"""Seconds for which whoever fetches is alone, should it never say that it has ended."""

_POLL: Final = 0.05
_FEW: Final = 64

log: logging.Logger = logging.getLogger("aiocc")

T = TypeVar("T")


@frozen
class StoredCredential:
    """A credential as a store keeps it: times are epoch seconds, which processes share.

    Attributes:
        secret: What is shown to the service.
        expires_at: When it ends, None where that is not known.
        scheme: The word before it in an Authorization header.
        renew_at: From when on another one is fetched ahead.
    """

    secret: Secret
    expires_at: float | None = None
    scheme: str = ""
    renew_at: float | None = None

    def to_json(self) -> str:
        """Give it as text, the secret in clear: whoever keeps the text encrypts it."""
        return json.dumps([self.secret.reveal(), self.expires_at, self.scheme, self.renew_at])

    @classmethod
    @conceal
    def from_json(cls, text: str) -> StoredCredential:
        """Read the text that `to_json` gave.

        Raises:
            ValueError: It is another text.
        """
        try:
            secret, expires_at, scheme, renew_at = json.loads(text)
        except (ValueError, TypeError):
            raise ValueError("this is no stored credential") from None
        return cls(Secret(str(secret)), expires_at, str(scheme), renew_at)


@runtime_checkable
class CredentialStore(Protocol):
    """Keeps credentials by keys, which are hashes that tell nothing. What it raises is logged, and it is done without.

    For a store that others can read: encrypt what is kept, and let it end when the credential does.
    """

    async def get(self, key: str, /) -> StoredCredential | None:
        """Give what is kept, None where there is nothing."""

    async def lease(self, key: str, seconds: float, /) -> bool:
        """Say whether the caller is now the one to fetch; until its `put`, or for these seconds at most."""

    async def put(self, key: str, credential: StoredCredential | None, /) -> None:
        """End the lease, and keep what was fetched; None, where nothing was, leaves what is kept."""


class MemoryStore:
    """Keeps credentials in this process.

    Whoever asks may fetch: a client has one fetch at a time anyhow, and a lease of an event loop that has ended,
    or of a parent process, would be waited for in vain.
    """

    def __init__(self) -> None:
        self._kept: dict[str, StoredCredential] = {}
        self._many = _FEW

    async def get(self, key: str, /) -> StoredCredential | None:
        """Give what is kept, None where there is nothing."""
        return self._kept.get(key)

    async def lease(self, key: str, seconds: float, /) -> bool:
        """Let whoever asks fetch."""
        return True

    async def put(self, key: str, credential: StoredCredential | None, /) -> None:
        """Keep what was fetched; None, where nothing was, leaves what is kept."""
        if credential is not None:
            self._kept[key] = credential
        if len(self._kept) > self._many:
            now = time.time()
            self._kept = {k: one for k, one in self._kept.items() if (one.expires_at or now) >= now}
            self._many = max(_FEW, 2 * len(self._kept))

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self._kept)}>"


async def shared(
    store: CredentialStore, key: str, rejected: Credential | None, fetch: Callable[[], Awaitable[Credential]]
) -> Credential:
    """Have a credential from a store, or fetch one for all that share it: one fetches, the others wait for it."""
    give_up = time.monotonic() + LEASE
    while True:
        found = _usable(await _asked(store.get(key), None), rejected)
        if found is not None:
            return found
        if await _asked(store.lease(key, LEASE), True) or time.monotonic() >= give_up:
            break
        await anyio.sleep(_POLL)
    # Whoever had the lease before may have put one between the question and this lease.
    fresh = _usable(await _asked(store.get(key), None), rejected)
    kept: StoredCredential | None = None
    try:
        if fresh is None:
            fresh = await fetch()
            kept = _stored(fresh)
    finally:
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + 1.0):
            await _asked(store.put(key, kept), None)
    return fresh


async def _asked(answer: Awaitable[T], otherwise: T) -> T:
    """Ask a store; where it fails the credential is fetched without it."""
    try:
        return await answer
    except Exception as error:  # noqa: BLE001 - a user's store may raise anything, and no call fails for it
        log.warning("credential store: %s; going on without it", type(error).__name__)
        return otherwise


def _usable(stored: StoredCredential | None, rejected: Credential | None) -> Credential | None:
    if stored is None or (rejected is not None and stored.secret == rejected.secret):
        return None
    ahead = time.monotonic() - time.time()
    expires_at = None if stored.expires_at is None else stored.expires_at + ahead
    renew_at = None if stored.renew_at is None else stored.renew_at + ahead
    credential = Credential(stored.secret, expires_at, stored.scheme, renew_at)
    return None if credential.expired else credential


def _stored(credential: Credential) -> StoredCredential:
    ahead = time.time() - time.monotonic()
    expires_at = None if credential.expires_at is None else credential.expires_at + ahead
    renew_at = None if credential.renew_at is None else credential.renew_at + ahead
    return StoredCredential(credential.secret, expires_at, credential.scheme, renew_at)
