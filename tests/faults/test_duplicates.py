"""The benchmark of duplicates counts what it says; ours delivers once."""

from __future__ import annotations

import pytest

duplicates = pytest.importorskip("benchmarks.duplicates")


def test_ours_is_delivered_once() -> None:
    """A request whose answer is lost, or is a 500, is delivered once."""
    assert {"aiocc": {"close": 1, "500": 1}} == duplicates.deliveries(("aiocc",), ("close", "500"))


def test_the_table_has_a_line_for_each_client() -> None:
    """Clients that are not installed are named as well."""
    table = duplicates.table({"aiocc": {"silent": 1, "close": 1, "500": 1}, "twilio": None})

    assert "| aiocc " in table
    assert "| 1 | 1 | 1 |" in table
    assert "| twilio | not installed | not installed | not installed |" in table
