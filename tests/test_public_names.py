"""The package's own names: there when they are asked for, and the same for programs and for type checkers."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys

import pytest

import aiocc


def test_every_name_is_there_and_the_same_as_where_it_is_made() -> None:
    """`from aiocc import X` gives what its own module has, for each public name."""
    homes = {name: module for module, names in aiocc._HOMES.items() for name in names}

    assert set(aiocc.__all__) == set(homes)
    assert [getattr(importlib.import_module(homes[name]), name) for name in aiocc.__all__] == [
        getattr(aiocc, name) for name in aiocc.__all__
    ]


def test_type_checkers_are_told_the_same() -> None:
    """The imports that only a type checker reads are the table that a program is served from."""
    (block,) = [
        node for node in ast.parse(inspect.getsource(aiocc)).body if isinstance(node, ast.If) and node.orelse == []
    ][:1]
    told = {
        str(node.module): tuple(alias.name for alias in node.names)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    }

    assert told == aiocc._HOMES


def test_importing_the_package_alone_imports_nothing_else() -> None:
    """A program that only names the package waits for nothing; what it asks for is imported then, dependencies too."""
    code = (
        "import sys, aiocc; print(*(name for name in sys.modules if name.partition('.')[0] in ('aiocc', 'httpx')));"
        "print(aiocc.auth.AkSk.__name__, aiocc.errors.AioccError is aiocc.AioccError)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ["aiocc", "AkSk True"] == done.stdout.splitlines()


def test_a_name_that_is_none_of_ours_is_an_attribute_error() -> None:
    """A misspelt name fails as it would in any module, and `dir` shows those that exist."""
    with pytest.raises(AttributeError, match=r"'aiocc' has no attribute 'Cleint'"):
        aiocc.Cleint  # noqa: B018 - the look alone
    with pytest.raises(ImportError, match="Cleint"):
        exec("from aiocc import Cleint")  # noqa: S102 - the statement itself is what fails
    assert {*aiocc.__all__, "auth", "transport"} <= set(dir(aiocc))
