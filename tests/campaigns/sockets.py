"""The campaign of mutated answers over sockets: every call ends, with an answer or a fault."""

from __future__ import annotations

import random

import anyio
import anyio.lowlevel

from aiocc.delivery import Reason
from aiocc.protocol.messages import Fault, Origin
from aiocc.transport import PoolTransport
from tests.transport.corpus import CORPUS
from tests.transport.raw import Peer, exchange, pooled, serving

from .kernel import sockets_to, until
from .mutation import LIMITS, by_seed, ends_by_itself
from .progress import Progress
from .storm import BACKENDS

DEFAULT = 10_000
BLOCK = 250
"""Answers made by one seed, over one pool."""

TOGETHER = 16
PATIENCE = 5.0
"""Seconds after which a call counts as hung: the server ends its stream at once."""


class Block:
    """The answers of one seed, over one pool."""

    def __init__(self, seed: int, count: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)  # noqa: S311 - nothing secret
        corpus = [case.data for case in CORPUS if len(case.data) < 2_000]
        self.answers = [by_seed(corpus, self.rng)[1] for _ in range(count)]
        self.found: list[str] = []

    async def run(self) -> list[str]:
        """Ask until every answer was sent, then count what is left."""
        async with serving(self.converse) as served:
            async with pooled(max_connections=TOGETHER) as transport:
                while self.answers and not self.found:
                    with anyio.fail_after(4 * PATIENCE):
                        async with anyio.create_task_group() as group:
                            for _ in range(TOGETHER):
                                group.start_soon(self.call, transport, served.origin)
                stats = transport.stats()[served.url]
                if stats.active or stats.connecting or stats.waiting:
                    self.found.append(f"{stats}")
            await until(lambda: not sockets_to(served.port))
        return [f"seed {self.seed}: {one}" for one in self.found]

    async def converse(self, peer: Peer) -> None:
        """Send an answer in two pieces; end the stream where the answer needs its end, and now and then elsewhere."""
        while await peer.request() is not None and self.answers:
            data = self.answers.pop()
            for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
                await peer.send(piece)
                await anyio.lowlevel.checkpoint()
            if not ends_by_itself(data) or self.rng.random() < 0.3:
                if self.rng.random() < 0.2:
                    peer.reset()
                return

    async def call(self, transport: PoolTransport, origin: Origin) -> None:
        """Ask once."""
        try:
            await exchange(transport, origin, limits=LIMITS, within=PATIENCE)
        except Fault as fault:
            if fault.reason is Reason.INTERNAL:
                self.found.append(fault.detail)


def run(seed: int, count: int) -> list[str]:
    """Send so many mutated answers over sockets, on each event loop in turn; gives what went wrong."""
    progress = Progress("sockets", "mutated answers over sockets", count)
    found: list[str] = []
    done = 0
    while done < count:
        size = min(BLOCK, count - done)
        backend = list(BACKENDS)[seed % len(BACKENDS)]
        found += anyio.run(Block(seed, size).run, **BACKENDS[backend])
        done += size
        seed += 1
        progress.reach(done, seed)
    progress.end(seed)
    return found
