"""What a bomb costs: a gibibyte of zeros in a megabyte of gzip, measured in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from aiocc.simulator import Fault, Simulator

LIMIT = 1 << 20
BESIDES = 4 << 20
"""Of memory, for everything but the body."""

PROGRAM = """
import asyncio, os, resource
from aiocc import AnswerLimits, Client, LeaveMessage, Service, TLS
from aiocc.auth import CookieToken

async def main():
    service = Service(
        os.environ["AIOCC_WEBADAPTER_URL"],
        auth=CookieToken(os.environ["AIOCC_WEBADAPTER_TOKEN"]),
        tls=TLS(ca_file=os.environ["AIOCC_CA_FILE"]),
        limits=AnswerLimits(body=1 << 20),
    )
    async with Client(webadapter=service) as client:
        for _ in range(3):
            await client.leave_message(phone_no="123456", content="before")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        view = client.with_options(headers={"X-Bomb": "1"})
        outcome = await view.send(LeaveMessage(phone_no="123456", content="bomb"))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(str(outcome.delivery), type(outcome.error).__name__, (after - before) * 1024)

asyncio.run(main())
"""


@pytest.mark.campaign
def test_a_bomb_costs_no_more_than_its_limit() -> None:
    """A body that would be a gibibyte costs at most the limit and 4 MB, and its fate is unknown."""
    with Simulator() as sim:
        bomb = Fault.make("gzip_bomb", size=1 << 30)
        sim.choose_faults(lambda _, arrival: bomb if arrival.header("x-bomb") else None)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env={**os.environ, **sim.environment}, capture_output=True, text=True
        )

    delivery, error, cost = done.stdout.split()
    assert ("unknown", "BadAnswerError") == (delivery, error)
    assert int(cost) <= LIMIT + BESIDES
    sys.stdout.write(f"a bomb of 1 GiB cost {int(cost) / (1 << 20):.1f} MiB under a limit of 1 MiB\n")
