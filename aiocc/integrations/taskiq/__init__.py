"""One fan-out of notes shared by many workers, on taskiq.

Needs `pip install 'aiocc[taskiq]'`, a Redis for the ledger, and asyncio. A queue delivers at least once, so the
ledger decides: a request is claimed before it is sent, and one whose claim was taken and never settled is UNKNOWN.
"""

from aiocc.integrations.extras import needing

with needing("taskiq", "taskiq", "taskiq_redis", "redis", "cryptography"):
    from aiocc.integrations.taskiq.broker import StreamBroker
    from aiocc.integrations.taskiq.queue import NoteQueue
    from aiocc.integrations.taskiq.run import QueuedRun

__all__ = ["NoteQueue", "QueuedRun", "StreamBroker"]
