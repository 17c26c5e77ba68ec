"""A plugin for the tests under the oldest anyio, whose own plugin has no automatic mode: every async test is marked."""

from __future__ import annotations

from inspect import iscoroutinefunction

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know the setting that this anyio does not know."""
    parser.addini("anyio_mode", "of a newer anyio")


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module, name: str, obj: object) -> None:
    """Mark each async test."""
    if collector.istestfunction(obj, name) and iscoroutinefunction(getattr(obj, "hypothesis", obj)):
        pytest.mark.anyio(obj)
        pytest.mark.usefixtures("anyio_backend")(obj)
