"""What many processes share through Redis: tokens, a service's limits, agents' sessions, the jobs of fan-outs.

Needs `pip install 'aiocc[redis]'` and asyncio: redis-py knows no trio.
"""

from aiocc.integrations.extras import needing

with needing("redis", "redis", "cryptography"):
    from aiocc.integrations.redis.credentials import RedisStore
    from aiocc.integrations.redis.jobs import NoSuchJobError, Progress, RedisJobs
    from aiocc.integrations.redis.keeper import AgentKeeper
    from aiocc.integrations.redis.ledger import NotNowError, RedisJournal, RedisLedger
    from aiocc.integrations.redis.limiter import FleetLimiter
    from aiocc.integrations.redis.server import RedisGoneError
    from aiocc.integrations.redis.sessions import SharedSessions

__all__ = [
    "AgentKeeper",
    "FleetLimiter",
    "NoSuchJobError",
    "NotNowError",
    "Progress",
    "RedisGoneError",
    "RedisJobs",
    "RedisJournal",
    "RedisLedger",
    "RedisStore",
    "SharedSessions",
]
