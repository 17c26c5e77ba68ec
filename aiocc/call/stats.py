"""What a client holds now, for a look and for gauges: `client.stats()`."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from aiocc.call.admission import AdmissionStats
from aiocc.protocol.breaker import State
from aiocc.transport.stats import PoolStats


@frozen(kw_only=True)
class ServiceStats:
    """One service, in the event loop in which it is used.

    Attributes:
        calls: The slots of its calls.
        polls: Those of long polls.
        tokens: Those of token requests.
        breaker: "closed", "open" while its host keeps refusing connections and nothing is tried, "half open" while one
            attempt probes it.
        refusals: Connections that were refused in a row.
        retry_quota: Tokens left for repeats, of 500.
        pools: Its connections, by origin; empty for a transport of the user's.
    """

    calls: AdmissionStats
    polls: AdmissionStats
    tokens: AdmissionStats
    breaker: State
    refusals: int
    retry_quota: int
    pools: Mapping[str, PoolStats]
