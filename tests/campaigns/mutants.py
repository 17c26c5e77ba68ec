"""Mutation testing of the rules: each small change of them must make a test fail.

The rules are mostly tables, and a table is changed by dropping a member or taking a neighbour: hence a mutator of our
own, of some lines, that changes members as well as operators. Each mutant runs in a forked process which finds the
changed module in place of the real one. Seeds are the mutants' numbers.
"""

from __future__ import annotations

import ast
import copy
import importlib
import importlib.abc
import importlib.util
import io
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import frozen

ROOT = Path(__file__).parents[2]
MODULES = ("evidence", "retry", "envelope", "reading")
DEFAULT = 100_000
SHARE = 0.9
"""Of the mutants that must be killed."""
NEAR = [*(f"tests/protocol/test_{name}.py" for name in MODULES), "tests/protocol/test_rules_mutants.py"]
FAR = ["tests/protocol", "tests/endpoints", "tests/call/test_outage.py"]

OPTIONS = (
    "-x",
    "-q",
    "-n",
    "0",
    "-p",
    "no:cacheprovider",
    "--no-header",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)

PRELOADED = (
    "pytest",
    "httpx",
    "httptools",
    "cattrs",
    "hypothesis",
    "trio",
    "uvloop",
    "xdist.plugin",
    "_pytest.terminal",
)
"""What tests load that is none of ours: loaded once, before the forks."""

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip
CALLED = {"min": "max", "max": "min"}
MEMBERS = {"REJECTED": "UNKNOWN", "UNKNOWN": "REJECTED", "NOT_SENT": "UNKNOWN", "ACCEPTED": "UNKNOWN"}


@frozen
class Mutant:
    """One change: where, what, and the module's tree with it."""

    module: str
    line: int
    what: str
    tree: ast.Module


def mutants(module: str) -> Iterator[Mutant]:
    """Give every mutant of a module, in the order of its source."""
    tree = ast.parse((ROOT / "aiocc" / "protocol" / f"{module}.py").read_text("utf-8"))
    passive = _passive(tree)
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in passive:
            continue
        for number, what in enumerate(_changes(node)):
            changed = copy.deepcopy(tree)
            target = next(one for index, one in enumerate(ast.walk(changed)) if index == place)
            _apply(target, number)
            yield Mutant(module, getattr(node, "lineno", 0), what, ast.fix_missing_locations(changed))


def _passive(tree: ast.Module) -> set[int]:
    """Find what says nothing at run time or only to a reader: docstrings, annotations, messages, imports."""
    passive: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Raise() | ast.Import() | ast.ImportFrom() | ast.JoinedStr():
                parts = [node]
            case ast.AnnAssign():
                parts = [node.annotation]
            case ast.arg():
                parts = [node.annotation]
            case ast.FunctionDef():
                parts = [node.returns]
        for part in parts:
            if part is not None:
                passive.update(id(one) for one in ast.walk(part))
    return passive


def _changes(node: ast.AST) -> list[str]:  # noqa: C901, PLR0912 - a table, by the kind of node
    """Name the changes of one node; `_apply` knows them by their number."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARED:
            return [f"{type(op).__name__} -> {COMPARED[type(op)].__name__}"]
        case ast.Compare(ops=[first, second]):
            return [f"{type(first).__name__} of a chain", f"{type(second).__name__} of a chain"]
        case ast.BoolOp():
            return ["and <-> or"]
        case ast.UnaryOp(op=ast.Not()):
            return ["not dropped"]
        case ast.BinOp(op=op) if type(op) in COMPUTED:
            return [f"{type(op).__name__} -> {COMPUTED[type(op)].__name__}"]
        case ast.Constant(value=bool()):
            return ["True <-> False"]
        case ast.Constant(value=int() | float()):
            return ["a number, and one more"]
        case ast.Constant(value=str()):
            return ["another text"]
        case ast.If() | ast.IfExp():
            return ["the other branch"]
        case ast.Call(func=ast.Name(id=name)) if name in CALLED:
            return [f"{name} -> {CALLED[name]}"]
        case ast.Attribute(value=ast.Name(id="Delivery"), attr=attr):
            return [f"{attr} -> {MEMBERS[attr]}"]
        case ast.Attribute(value=ast.Name(id="Reason"), attr=attr):
            return [f"{attr} -> another reason"]
        case ast.Set(elts=elts) | ast.Tuple(elts=elts, ctx=ast.Load()) if len(elts) > 1:
            return [f"without {ast.unparse(one)}" for one in elts]
        case ast.Dict(keys=keys):
            return [f"without {ast.unparse(one)}" for one in keys if one is not None]
        case ast.Return(value=value) if value is not None and not _is_none(value):
            return ["returns None"]
    return []


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _apply(node: Any, number: int) -> None:  # noqa: C901, PLR0912 - a table, by the kind of node
    match node:
        case ast.Compare():
            node.ops[number] = COMPARED[type(node.ops[number])]()
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.UnaryOp():
            node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
        case ast.BinOp():
            node.op = COMPUTED[type(node.op)]()
        case ast.Constant(value=bool()):
            node.value = not node.value
        case ast.Constant(value=int() | float()):
            node.value += 1
        case ast.Constant():
            node.value = f"x{node.value}"
        case ast.If() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Call():
            node.func.id = CALLED[node.func.id]
        case ast.Attribute(value=ast.Name(id="Delivery")):
            node.attr = MEMBERS[node.attr]
        case ast.Attribute():
            node.attr = "INTERNAL" if node.attr != "INTERNAL" else "STATUS"
        case ast.Set() | ast.Tuple():
            del node.elts[number]
        case ast.Dict():
            del node.keys[number], node.values[number]
        case ast.Return():
            node.value = ast.Constant(None)


class _InPlace(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the changed module where the real one is asked for."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = f"aiocc.protocol.{mutant.module}"
        self._code = compile(mutant.tree, self._name, "exec")

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        """Take this one name alone."""
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code."""
        exec(self._code, module.__dict__)  # noqa: S102 - our own module, with one change


def survives(mutant: Mutant | None, tests: list[str]) -> bool:
    """Run tests against a mutant, or against the real modules, in a process of its own; True where all pass."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    code = 1
    try:
        import pytest

        if mutant is not None:
            sys.meta_path.insert(0, _InPlace(mutant))
        for module in MODULES:  # before pytest, which reads the package's modules in a way of its own
            importlib.import_module(f"aiocc.protocol.{module}")
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            code = int(pytest.main([*OPTIONS, *tests]))
    finally:
        os._exit(code)


def _killed_one(mutant: Mutant) -> bool:
    own = f"tests/protocol/test_{mutant.module}.py"
    return not survives(mutant, [own, *(one for one in NEAR if one != own)]) or not survives(mutant, FAR)


def run(first: int, count: int) -> list[str]:
    """Try the mutants of these numbers; gives those that live, if there are too many of them."""
    os.chdir(ROOT)
    assert not any(name.startswith("aiocc.protocol") for name in sys.modules), "the rules must not be loaded yet"
    for name in PRELOADED:
        importlib.import_module(name)
    chosen = [one for module in MODULES for one in mutants(module)][first : first + count]
    if not survives(None, NEAR):
        return ["the tests fail without any mutant"]
    began = time.monotonic()
    living = []
    for number, mutant in enumerate(chosen, first):
        if not _killed_one(mutant):
            living.append(f"{number} {mutant.module}.py:{mutant.line}: {mutant.what}")
            sys.stdout.write(f"lives: {living[-1]}\n")
            sys.stdout.flush()
    share = 1 - len(living) / max(1, len(chosen))
    took = time.monotonic() - began
    sys.stdout.write(f"mutants: {len(chosen) - len(living)} of {len(chosen)} killed, {share:.1%}, in {took:,.0f} s\n")
    return living if share < SHARE else []
