"""`aiocc.transport.PoolTransport` as the transport of a plain httpx client."""

from __future__ import annotations

from typing import Any

import httpx

from aiocc import TLS, PoolLimits
from aiocc.transport import pool_transport
from benchmarks.contenders import NotMeasured
from benchmarks.contenders.httpx_client import HttpxCall
from benchmarks.note import PATIENCE, Target


def make(target: Target) -> HttpxCall:
    """Make it.

    Raises:
        NotMeasured: The pool has no httpx face yet.
    """
    pool = PoolLimits(max_connections=target.connections, idle_expiry=PATIENCE)
    transport: Any = pool_transport.PoolTransport(pool, TLS(ca_file=target.ca_file or None))
    if not isinstance(transport, httpx.AsyncBaseTransport):
        raise NotMeasured("PoolTransport is no httpx transport")
    return HttpxCall(httpx.AsyncClient(transport=transport, timeout=PATIENCE, trust_env=False), target.url)
