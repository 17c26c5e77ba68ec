"""What the page on the admin port is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest

from aiocc import Client, SendNote
from aiocc.simulator import Simulator


@pytest.fixture
def centre() -> Iterator[Simulator]:
    """A contact centre over http."""
    with Simulator(tls=False) as simulator:
        yield simulator


def test_it_loads_nothing_from_elsewhere(centre: Simulator) -> None:
    """The page is one file; its policy lets it load and run nothing but what stands in it."""
    answer = httpx.get(centre.admin_url, trust_env=False)

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert [] == re.findall(r"(?:src|href)=\"(?!data:|#)", answer.text)
    assert (Path(__file__).parents[2] / "aiocc/simulator/page.html").read_text() == answer.text


def test_a_long_ledger_is_shown_by_its_newest(centre: Simulator) -> None:
    """Of each kind the newest hundred are given, with their numbers; the counts are of all."""

    async def notes() -> None:
        async with Client.from_env(centre.environment) as client:
            await client.agent().send_note(range(31000, 31100), "early")
            await client.agent().send_note([31500], "late")

    anyio.run(notes)
    state = httpx.get(f"{centre.admin_url}/state", trust_env=False).json()

    assert 101 == state["counts"]["notes"]
    assert (100, 101, "late", 2) == (
        len(state["notes"]),
        state["notes"][0]["number"],
        state["notes"][0]["content"],
        state["notes"][-1]["number"],
    )


def test_faults_in_force_are_shown_until_they_are_spent(centre: Simulator) -> None:
    """A fault stands there with how often it has struck and what is left of it; one that is spent does not."""
    centre.fault("reset", "create_call", count=2)
    centre.fault("bad_gateway", p=0.5, seed=1)
    centre.fault("bad_gateway", "send_note", count=1)

    async def call() -> None:
        async with Client.from_env(centre.environment) as client:
            await client.agent().send(SendNote([31002], "hello"))

    anyio.run(call)
    faults = httpx.get(f"{centre.admin_url}/state", trust_env=False).json()["faults"]

    assert [("reset", "create_call", 2, 0), ("bad_gateway, one in 2", "any", None)] == [
        tuple(fault[name] for name in names)
        for fault, names in zip(
            faults, [("name", "operation", "left", "struck"), ("name", "operation", "left")], strict=True
        )
    ]
