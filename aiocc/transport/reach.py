"""Where connections may lead: anywhere, unless this process was told to keep to some addresses.

A test run is told so (see `aiocc.testing.plugin`), for a test must not dial a person; a program may be, by the
variable `AIOCC_ALLOWED_ADDRESSES`. It is asked when connections to a host are first wanted, not for each call.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from attrs import field, frozen

from aiocc.errors import ConfigurationError
from aiocc.protocol.messages import Origin

VARIABLE: Final = "AIOCC_ALLOWED_ADDRESSES"
LOOPBACK: Final = "loopback"
ANYWHERE: Final = "*"


def _entries(addresses: Iterable[str]) -> frozenset[tuple[str, int | None]]:
    return frozenset(map(_entry, addresses))


def _entry(address: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise ConfigurationError(f"{address!r} is no address: one is 'host', 'host:port', 'loopback' or '*'")
    return host, port


@frozen
class Addresses:
    """Some addresses: `host`, `host:port`, `loopback` for this machine's own, `*` for all there are.

    Raises:
        ConfigurationError: One is none of these.
    """

    entries: frozenset[tuple[str, int | None]] = field(converter=_entries)

    def __contains__(self, origin: Origin) -> bool:
        named = {ANYWHERE, origin.host}
        if origin.is_loopback or origin.host == "localhost":
            named.add(LOOPBACK)
        return any(host in named and port in (None, origin.port) for host, port in self.entries)


class Reach:
    """What this process may connect to; one for all threads, since an application's clients may live in any."""

    def __init__(self) -> None:
        self._allows: Callable[[Origin], bool] | None = None
        self._advice = ""
        self._besides: list[Addresses] = []

    @contextmanager
    def limited(self, allows: Callable[[Origin], bool], advice: str) -> Iterator[None]:
        """Keep to what `allows` says within this block.

        Args:
            allows: Says of a host whether it may be connected to.
            advice: How to allow one on purpose, with a place for its `{address}`.
        """
        before = self._allows, self._advice, self._besides
        self._allows, self._advice, self._besides = allows, advice, []
        try:
            yield
        finally:
            self._allows, self._advice, self._besides = before

    @contextmanager
    def widened(self, addresses: Addresses) -> Iterator[None]:
        """Allow these as well within this block."""
        besides = self._besides
        besides.append(addresses)
        try:
            yield
        finally:
            besides.remove(addresses)

    def check(self, origin: Origin) -> None:
        """Refuse a host that may not be connected to; nothing was sent.

        Raises:
            ConfigurationError: Says how to allow it.
        """
        if any(origin in addresses for addresses in self._besides):
            return
        if self._allows is not None:
            if not self._allows(origin):
                advice = self._advice.format(address=f"{origin.host}:{origin.port}")
                raise ConfigurationError(f"{origin} may not be reached from here: {advice}")
            return
        listed = os.environ.get(VARIABLE, "").split()
        if listed and origin not in Addresses(listed):
            raise ConfigurationError(f"{origin} may not be reached from here: it is not in {VARIABLE}")


REACH: Final = Reach()
