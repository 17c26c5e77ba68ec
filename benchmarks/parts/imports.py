"""How long `import aiocc` takes, beside what it is built upon: fresh interpreters, in turns."""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from typing import Final

from benchmarks.bench import Bench, Failed
from benchmarks.results import Results

OURS: Final = "aiocc"
THEIRS: Final = "httpx, attrs, cattrs, anyio"

CODE: Final = "import time; began = time.perf_counter(); import {names}; print(time.perf_counter() - began)"


def run(bench: Bench, results: Results) -> None:
    """Import in turns."""
    count = 3 if bench.options.quick else 15
    seconds: dict[str, list[float]] = {OURS: [], THEIRS: []}
    for number in range(count + 1):
        for names, found in seconds.items():
            value = _import(names)
            if number:  # the first may have had to compile
                found.append(value)
    ratios = [ours / theirs for ours, theirs in zip(seconds[OURS], seconds[THEIRS], strict=True)]
    results.parts["imports"] = {
        "aiocc ms": median(seconds[OURS]) * 1e3,
        f"{THEIRS} ms": median(seconds[THEIRS]) * 1e3,
        "ratio": median(ratios),
    }


def _import(names: str) -> float:
    command = [sys.executable, "-c", CODE.format(names=names)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603 - ours
    if done.returncode:
        raise Failed(done.stderr.strip().rpartition("\n")[2])
    return float(done.stdout)
