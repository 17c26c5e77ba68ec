"""From a service as it was configured to the line over which its calls go."""

from __future__ import annotations

from attrs import evolve

from aiocc.auth.held import own_strategy
from aiocc.call.admission import Admission
from aiocc.call.foreign_auth import AuthTransport
from aiocc.call.hooks import ConnectionTeller, Hooks
from aiocc.call.line import Line, Target, Traffic
from aiocc.call.renewal import Renewals
from aiocc.options import Service
from aiocc.transport.foreign import ForeignTransport
from aiocc.transport.interface import Transport
from aiocc.transport.place import Place
from aiocc.transport.pool_transport import PoolTransport
from aiocc.version import __version__

ISALES_CONCURRENCY = 10
"""Calls at once that the pages of iSales advise at most."""

TOKEN_LANE = 4
"""Token requests of one service at once, besides its calls."""

POLL_LANE = 10_000
"""Long polls at the gateway at once, besides its calls: one for each agent that is signed in here."""

CLIENT_HEADERS = (
    ("User-Agent", f"aiocc/{__version__}"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "gzip, deflate"),
)


def open_line(name: str, service: Service, hooks: Hooks, *, place: Place, renewals: Renewals, traffic: Traffic) -> Line:
    """Make the line to a service, in one event loop; nothing is connected yet."""
    slots, more = _slots(name, service)
    return Line(
        name=name,
        target=target_of(service),
        client_headers=CLIENT_HEADERS,
        transport=_transport(name, service, hooks),
        admission=Admission(
            slots,
            max_wait=service.timeouts.queue,
            rate=service.rate,
            limiter=service.limiter,
            remedy=f"Send less at once, or raise {more}, Timeouts(queue=...).",
        ),
        poll_lane=Admission(POLL_LANE, max_wait=service.timeouts.queue),
        hooks=hooks,
        token_lane=Admission(TOKEN_LANE, max_wait=service.timeouts.token),
        renewals=renewals,
        timeouts=service.timeouts,
        limits=service.limits,
        retry=service.retry,
        clock=place.clock,
        nearest_deadline=place.nearest_deadline,
        traffic=traffic,
    )


def _slots(name: str, service: Service) -> tuple[int, str]:
    """Say how many calls may be on their way at once, and what would allow more."""
    connections = service.pool.max_connections
    usual = min(ISALES_CONCURRENCY, connections) if name == "isales" else connections
    bound = service.concurrency is None and usual == connections and service.transport is None
    return service.concurrency or usual, f"{'PoolLimits(max_connections' if bound else 'Service(concurrency'}=...)"


def target_of(service: Service) -> Target:
    """Say where a service's requests go, and with which headers."""
    overridden = {name.lower() for name, _ in service.headers}
    own = [pair for pair in CLIENT_HEADERS if pair[0].lower() not in overridden]
    return Target(service.origin, service.prefix, (*own, *((name, value.reveal()) for name, value in service.headers)))


def _transport(name: str, service: Service, hooks: Hooks) -> Transport:
    transport = _bare_transport(name, service, hooks)
    if service.auth is None or own_strategy(service.auth) is not None:
        return transport
    return AuthTransport(transport, service.auth)


def _bare_transport(name: str, service: Service, hooks: Hooks) -> Transport:
    if service.transport is not None:
        return ForeignTransport(service.transport, server_name=service.server_name)
    # Token requests and polls have lanes of their own: they must find connections when calls hold all of theirs.
    besides = TOKEN_LANE + (POLL_LANE if name == "gateway" else 0)
    pool = evolve(service.pool, max_connections=service.pool.max_connections + besides)
    watcher = ConnectionTeller(name, hooks) if hooks else None
    return PoolTransport(pool, service.tls, own=service.origin, watcher=watcher)
