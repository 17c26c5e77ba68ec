"""Every async test runs on asyncio, asyncio with uvloop, and trio."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

BACKENDS = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
    pytest.param(("trio", {}), id="trio"),
]


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The event loops under which users await."""
    return request.param


@pytest.fixture(autouse=True)
def leftovers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect what a test leaves open on purpose while its own filter holds, not in the middle of another test."""
    yield
    marks = request.node.iter_markers("filterwarnings")
    if any("ResourceWarning" in str(argument) for mark in marks for argument in mark.args):
        gc.collect()
