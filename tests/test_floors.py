"""The floors, drawn from the source: who imports whom."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import aiocc

ROOT = Path(aiocc.__file__).parent

FLOORS = {
    "delivery": 0, "secret": 0, "errors": 0, "outcome": 0, "hooks": 0, "version": 0,
    "protocol": 1,
    "auth": 2, "transport": 2,
    "call": 3,
    "endpoints": 4,
    "scopes": 5,
    "client": 6, "principals": 6, "agents": 6, "services": 6, "lines": 6, "options": 6, "environment": 6,
    "cli": 7, "testing": 7, "integrations": 7,
    "__main__": 8, "": 8,
}  # fmt: skip
"""The part of the package, and its floor; the package's own `__init__` is above all."""

WAITING = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)


def module_name(file: Path) -> str:
    """Name the module of a file."""
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {module_name(file): ast.parse(file.read_text("utf-8")) for file in ROOT.rglob("*.py")}


def part(module: str) -> str:
    """Give the part of the package to which a module belongs."""
    return f"{module}.".split(".")[1]


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Give the modules that these nodes import, each by its own name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in TREES else str(node.module)


def edges() -> Iterator[tuple[str, str]]:
    """Give every import between modules of the package, also those for the type checker and inside functions."""
    for module, tree in TREES.items():
        for target in imported(ast.walk(tree)):
            if part(module) != "simulator" and target.partition(".")[0] == "aiocc" and part(target) != "simulator":
                yield module, target


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from at_import(child)


def foreign_modules(statement: str) -> set[str]:
    """Give the top-level modules, not the standard library's, that a statement loads into a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split()) - sys.stdlib_module_names


def test_every_part_has_a_floor():
    """A new part of the package is given its floor here before anything else."""
    assert set() == {part(module) for module in TREES} - set(FLOORS) - {"simulator"}


def test_imports_only_point_down():
    """No module imports one of a higher floor."""
    assert [] == [(one, other) for one, other in edges() if FLOORS[part(one)] < FLOORS[part(other)]]


def test_auth_and_transport_never_meet():
    """The two halves of floor 2 import nothing of each other."""
    assert [] == [(one, other) for one, other in edges() if {part(one), part(other)} == {"auth", "transport"}]


def test_no_import_goes_in_a_circle():
    """Modules can be put in an order in which each one imports only those before it."""
    graph = {module: set(imported(at_import(tree))) & set(TREES) - {module} for module, tree in TREES.items()}

    assert set(TREES) == set(TopologicalSorter(graph).static_order())


def test_simulator_shares_nothing():
    """The simulator imports nothing of aiocc outside itself, so that a shared mistake cannot pass."""
    targets = {
        target for module, tree in TREES.items() if part(module) == "simulator" for target in imported(ast.walk(tree))
    }

    assert set() == {t for t in targets if t.partition(".")[0] == "aiocc" and part(t) != "simulator"}


def test_simulator_is_for_tests_and_the_command_line():
    """Only `cli` and `testing` import the simulator."""
    users = {
        part(module)
        for module, tree in TREES.items()
        if any(target.startswith("aiocc.simulator") for target in imported(ast.walk(tree)))
    }

    assert set() == users - {"simulator", "cli", "testing"}


def test_rules_neither_wait_nor_reach_out():
    """Floor 1 imports no network library, and has no `async` and no `await`."""
    rules = {module: tree for module, tree in TREES.items() if part(module) == "protocol"}
    reaching = {"httpx", "anyio", "asyncio", "trio", "socket", "ssl", "httptools", "time"}

    assert [] == [(m, t) for m, tree in rules.items() for t in imported(ast.walk(tree)) if t in reaching]
    assert [] == [m for m, tree in rules.items() for node in ast.walk(tree) if isinstance(node, WAITING)]


def test_import_is_light():
    """All its names load its five dependencies and what these load themselves: no extra, no server, no test tool."""
    dependencies = foreign_modules("import anyio.lowlevel, attrs, cattrs, httptools, httpx")

    assert {"aiocc"} == foreign_modules("from aiocc import *") - dependencies
