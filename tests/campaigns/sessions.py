"""The campaign of sessions: many signed-in agents whose GUIDs keep changing send each other notes without a pause."""

from __future__ import annotations

import math
import sys
from collections import Counter
from contextlib import suppress

import anyio
from attrs import define, field

from aiocc import Client, NoteReceived, PoolLimits, Service
from aiocc.scopes.session import AgentSession
from aiocc.simulator import Simulator, World
from aiocc.transport.tls import TLS

from .kernel import peak_memory, until
from .storm import BACKENDS

DEFAULT = 180
"""Seconds; the seed chooses the event loop."""

AGENTS = 200
FASTER = 20
"""All of the vendor's intervals are divided by this."""

BETWEEN = 1.0
"""Seconds between two notes of one agent: together they ask for about half of a core."""

FIRST = 40_000
TICK = 0.05


@define
class Campaign:
    """One run."""

    sim: Simulator
    seconds: float
    agents: int
    sent: Counter[str] = field(factory=Counter)
    seen: Counter[str] = field(factory=Counter)
    failures: list[str] = field(factory=list)
    signed_in: int = 0
    polls_lost: int = 0
    guids: int = 0
    late: float = 0.0
    """Seconds by which the event loop was late at worst: with too little of a core, sessions end for that."""

    async def run(self) -> None:
        """Sign everyone in, let them talk, and let what is on its way arrive."""
        pool = PoolLimits(max_connections=self.agents)
        ready, quiet = anyio.Event(), anyio.Event()
        service = Service(self.sim.url("gateway"), tls=TLS(ca_file=self.sim.ca_file), pool=pool)
        async with Client(gateway=service) as client, anyio.create_task_group() as group:
            for number in range(self.agents):
                group.start_soon(self._live, client, FIRST + number, ready, quiet)
            await until(lambda: self.signed_in == self.agents, 60)
            ready.set()
            end = anyio.current_time() + self.seconds
            while (now := anyio.current_time()) < end:
                await anyio.sleep(TICK)
                self.late = max(self.late, anyio.current_time() - now - TICK)
            quiet.set()

    async def _live(self, client: Client, agent_id: int, ready: anyio.Event, quiet: anyio.Event) -> None:
        try:
            async with client.sign_in(
                agent_id,
                password=self.sim.environment["AIOCC_AGENT_PASSWORD"],
                phone="88880000",
                on_guid=self._count,
                poll_pause=(0.2 / FASTER, 0.5 / FASTER),
            ) as agent:
                self.signed_in += 1
                async with anyio.create_task_group() as group:
                    group.start_soon(self._listen, agent)
                    await ready.wait()
                    await anyio.sleep(BETWEEN * (agent_id - FIRST) / self.agents)  # not all in the same moment
                    number = 0
                    while not quiet.is_set():
                        await self._say(agent, number)
                        number += 1
                    with suppress(TimeoutError):  # what has not come by then is a finding
                        await until(lambda: self.seen.total() >= self.sent.total())
                    group.cancel_scope.cancel()
                self.polls_lost += agent.polls_lost
        except Exception as error:  # noqa: BLE001 - anything at all is a finding
            self.failures.append(f"agent {agent_id}: {error!r}")

    async def _say(self, agent: AgentSession, number: int) -> None:
        to = FIRST + (agent.agent_id - FIRST + 1 + number) % self.agents
        text = f"{agent.agent_id} to {to}, {number}"
        await agent.send_note([to], text)
        self.sent[text] += 1
        await anyio.sleep(BETWEEN)

    async def _listen(self, agent: AgentSession) -> None:
        async with agent.events() as events:
            async for event in events:
                if isinstance(event, NoteReceived) and event.text is not None:
                    self.seen[event.text] += 1

    def _count(self, _: str) -> None:
        self.guids += 1


def run(seed: int, count: int, agents: int = AGENTS, patience: float = 120.0 / FASTER) -> list[str]:
    """Let agents live for so many seconds; gives what went wrong.

    The gateway's patience is with former GUIDs and silent agents: give more where a core may have to be waited for.
    """
    world = World(guid_interval=60.0 / FASTER, guid_grace=patience, agent_silence=patience, poll_hold=10.0 / FASTER)
    backend = list(BACKENDS)[seed % len(BACKENDS)]
    with Simulator(world=world) as sim:
        campaign = Campaign(sim, count, agents)
        anyio.run(campaign.run, **BACKENDS[backend])
        found = [*campaign.failures]
        refused = Counter(seen.code for seen in sim.requests if seen.operation == "send_note" and seen.code != "0")
        left = sim.agents_signed_in
    found += [f"notes answered {code}: {times}" for code, times in refused.items()]
    found += [f"never seen: {text}" for text in list((campaign.sent - campaign.seen).keys())[:10]]
    found += [f"seen twice: {text}" for text, times in campaign.seen.items() if times > 1]
    found += [f"still signed in: {left}"] if left else []
    notes, seen = sum(campaign.sent.values()), sum(campaign.seen.values())
    sys.stdout.write(
        f"sessions: {backend}, {agents} agents for {count} s: {notes:,} notes, {seen:,} seen, "
        f"{campaign.guids:,} new GUIDs ({math.floor(campaign.guids / max(agents, 1))} each), "
        f"{campaign.polls_lost} polls lost, the loop late by {campaign.late:.1f} s at most, {len(found)} findings, "
        f"peak {peak_memory():,.0f} MiB\n"
    )
    return found
