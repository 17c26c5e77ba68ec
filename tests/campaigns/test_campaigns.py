"""The campaigns as tests: `pytest -m campaign`. For a range of seeds see `python -m tests.campaigns --help`."""

from __future__ import annotations

import importlib

import pytest

from .__main__ import NAMES


@pytest.mark.campaign
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", NAMES)
def test_a_campaign_of_full_size_finds_nothing(name: str) -> None:
    """Each campaign at its own figure finds nothing."""
    campaign = importlib.import_module(f"tests.campaigns.{name}")

    assert [] == campaign.run(0, campaign.DEFAULT)


@pytest.mark.parametrize(("name", "count"), [("reader", 20_000), ("sockets", 300), ("stale", 60), ("faults", 2000)])
def test_a_campaign_of_small_size_finds_nothing(name: str, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A campaign says how far it came, how fast, what it cost, and with which seed to go on."""
    campaign = importlib.import_module(f"tests.campaigns.{name}")

    assert [] == campaign.run(1, count)
    said = capsys.readouterr().out
    assert all(word in said for word in (f"{count:,} of {count:,}", "a second", "MiB", "next seed"))
