"""Floor 2b: bytes out, bytes in, and what is known of them.

A transport exchanges one request for one answer. It never decides: it says in `Wire` how far it came and
whether a byte left, and raises `Fault` where there is no answer. It knows no credential and no envelope.
"""

from aiocc.transport.foreign import ForeignTransport
from aiocc.transport.interface import Transport
from aiocc.transport.pool_transport import PoolTransport
from aiocc.transport.stats import PoolStats, Watcher
from aiocc.transport.tls import TLS

__all__ = ["TLS", "ForeignTransport", "PoolStats", "PoolTransport", "Transport", "Watcher"]
