"""What a type checker is shown: that `tests/typing` leaves no public method out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import aiocc
import aiocc.auth

API = (Path(__file__).parent.parent / "typing" / "api.py").read_text("utf-8")
INSIDE = {"because", "check", "groups", "in_bulk"}
"""Public to other modules of the package alone."""


def public_methods() -> set[str]:
    """Name every method and property of what `aiocc` and `aiocc.auth` export."""
    return {
        name
        for module in (aiocc, aiocc.auth)
        for exported in (getattr(module, name) for name in module.__all__)
        if inspect.isclass(exported)
        for cls in exported.__mro__
        if cls.__module__.startswith("aiocc.")
        for name, value in vars(cls).items()
        if not name.startswith("_") and (callable(value) or isinstance(value, property | classmethod | staticmethod))
    }


def test_every_public_method_has_a_type_test() -> None:
    """Each public method and property is used in the typing test, which mypy and pyright check."""
    used = set(re.findall(r"\.(\w+)", API))

    assert set() == public_methods() - used - INSIDE


def test_every_public_name_can_be_imported() -> None:
    """What a module says it exports it has."""
    for module in (aiocc, aiocc.auth):
        assert [] == [name for name in module.__all__ if not hasattr(module, name)]
