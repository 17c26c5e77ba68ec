"""How long `import aiocc` takes, beside what it is built upon: fresh interpreters, in turns.

The package imports its names when they are asked for, so what a program pays that makes a client is measured too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median
from typing import Final

from benchmarks.bench import Bench, Failed
from benchmarks.results import Results

OURS: Final = "import aiocc"
CLIENT: Final = "from aiocc import Client"
THEIRS: Final = "import httpx, attrs, cattrs, anyio"

CODE: Final = "import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"


def run(bench: Bench, results: Results) -> None:
    """Import in turns."""
    count = 3 if bench.options.quick else 15
    seconds: dict[str, list[float]] = {OURS: [], CLIENT: [], THEIRS: []}
    for number in range(count + 1):
        for statement, found in seconds.items():
            value = _import(statement)
            if number:  # the first may have had to compile
                found.append(value)
    results.parts["imports"] = {
        **{f"{statement}, ms": median(found) * 1e3 for statement, found in seconds.items()},
        "ratio": _ratio(seconds[OURS], seconds[THEIRS]),
        "ratio with a Client": _ratio(seconds[CLIENT], seconds[THEIRS]),
    }


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return median(one / two for one, two in zip(ours, theirs, strict=True))


def _import(statement: str) -> float:
    command = [sys.executable, "-c", CODE.format(statement=statement)]
    # As it is for users: compiled once, which an environment may have forbidden.
    compiling = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(  # noqa: S603 - ours
        command, capture_output=True, text=True, check=False, timeout=30, env=compiling
    )
    if done.returncode:
        raise Failed(done.stderr.strip().rpartition("\n")[2])
    return float(done.stdout)
