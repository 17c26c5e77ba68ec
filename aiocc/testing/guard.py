"""The guard: under the plugin no call reaches anything but a simulator, so that a green test dials nobody.

Tools that stand in for httpx (respx, pytest-httpx) do not see the connections of a `Client`. The guard does: it is
asked by the transport itself, whoever made the client, in whatever thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiocc.transport.reach import LOOPBACK, REACH, VARIABLE, Addresses

if TYPE_CHECKING:
    from aiocc.protocol.messages import Origin
    from aiocc.simulator import Simulator

_ADVICE = (
    "under aiocc's pytest plugin only the simulator is. To allow it on purpose: @pytest.mark.aiocc_allow('{address}'), "
    "`with aiocc.testing.allow('{address}')`, or aiocc_allow = ['{address}'] in pytest's settings"
)


@contextmanager
def guarded(addresses: Iterable[str] = ()) -> Iterator[None]:
    """Let no call leave for anything but running simulators and these addresses; at the end, as it was before.

    Programs that are started from within may reach this machine's loopback, where a simulator is, and these addresses.

    Args:
        addresses: `host`, `host:port`, `loopback` or `*`.

    Raises:
        ConfigurationError: One is none of these.
    """
    allowed = Addresses(addresses)

    def allows(origin: Origin) -> bool:
        return origin in allowed or _is_simulator(origin)

    with REACH.limited(allows, _ADVICE), _told_to_children((LOOPBACK, *addresses)):
        yield


@contextmanager
def allow(*addresses: str) -> Iterator[None]:
    """Let calls reach these addresses as well, on purpose, within this block.

    Connections that are opened in it are not closed at its end: make the client inside.

    Args:
        addresses: `host`, `host:port`, `loopback` or `*`.

    Raises:
        ConfigurationError: One is none of these.
    """
    with REACH.widened(Addresses(addresses)), _told_to_children(addresses):
        yield


@contextmanager
def _told_to_children(addresses: Iterable[str]) -> Iterator[None]:
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = " ".join([*(before or "").split(), *addresses])
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


def _is_simulator(origin: Origin) -> bool:
    # Where it was not imported none runs: pytest starts in projects that do not have it.
    module = sys.modules.get("aiocc.simulator.simulator")
    running: Iterable[Simulator] = module.running_simulators() if module is not None else ()
    return any(simulator.serves(origin.host, origin.port) for simulator in running)
