"""Servers that close idle connections around the moment of reuse: nothing is sent twice, and failures are counted."""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter

import anyio

from aiocc import CallError, Client, Delivery, Service
from aiocc.auth import CookieToken
from tests.live.scripted import SUCCESS
from tests.transport.corpus import answer
from tests.transport.raw import Peer, serving

from .progress import Progress
from .storm import BACKENDS

DEFAULT = 3_000
BLOCK = 300
"""Calls of one seed, on one event loop."""

LANES = 12
IDLE = 0.02
"""Seconds after an answer when the server closes."""

JITTER = 0.001
_CONTENT = re.compile(rb"n(\d+)e")


class Block:
    """The messages of one seed: what the server received of each, and what was said of it."""

    def __init__(self, seed: int, count: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)  # noqa: S311 - nothing secret
        self.numbers = iter(range(count))
        self.ledger: Counter[int] = Counter()
        self.told: dict[int, Delivery] = {}
        self.tally: Counter[str] = Counter()
        body = json.dumps(SUCCESS["leave_message"]).encode()
        self.answer = answer(b"Content-Type: application/json", b"Content-Length: %d" % len(body), body=body)

    async def run(self) -> None:
        """Send all of them."""
        async with serving(self.converse) as served, anyio.create_task_group() as group:
            for _ in range(LANES):
                group.start_soon(self.lane, served.url)
        self.tally["connections"] += served.connections

    async def converse(self, peer: Peer) -> None:
        """Answer, and close a little later."""
        while True:
            with anyio.move_on_after(IDLE) as scope:
                request = await peer.request()
            if scope.cancelled_caught or request is None:
                return
            if (found := _CONTENT.search(request[1])) is not None:
                self.ledger[int(found.group(1))] += 1
            await peer.send(self.answer)

    async def lane(self, url: str) -> None:
        """Send the next one when the server is about to close."""
        async with Client(webadapter=Service(url, auth=CookieToken("token"))) as client:
            for number in self.numbers:
                try:
                    await client.leave_message(phone_no="123456", content=f"n{number}e")
                except CallError as error:
                    self.told[number] = error.delivery
                    self.tally[f"failed: {error.reason.name}"] += 1
                else:
                    self.told[number] = Delivery.ACCEPTED
                    self.tally["accepted"] += 1
                await anyio.sleep(max(0.0, self.rng.gauss(IDLE, JITTER)))

    def found(self) -> list[str]:
        """Say what arrived twice, and of what something untrue was said."""
        found = [f"message {number} arrived {times} times" for number, times in self.ledger.items() if times > 1]
        for number, delivery in self.told.items():
            arrived = self.ledger[number] > 0
            if (delivery is Delivery.ACCEPTED and not arrived) or (delivery is Delivery.NOT_SENT and arrived):
                found.append(f"message {number}: {delivery}, and arrived: {arrived}")
        return [f"seed {self.seed}: {one}" for one in found]


def run(seed: int, count: int) -> list[str]:
    """Make so many calls, on each event loop in turn; gives what arrived twice, or was told wrongly."""
    progress = Progress("stale", "messages at the moment of closing", count)
    found: list[str] = []
    tally: Counter[str] = Counter()
    done = 0
    while done < count:
        size = min(BLOCK, count - done)
        block = Block(seed, size)
        anyio.run(block.run, **BACKENDS[list(BACKENDS)[seed % len(BACKENDS)]])
        found += block.found()
        tally += block.tally
        done += size
        seed += 1
        progress.reach(done, seed)
    progress.end(seed)
    sys.stdout.write(f"  {', '.join(f'{what} {times:,}' for what, times in sorted(tally.items()))}\n")
    return found
