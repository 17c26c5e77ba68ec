"""`python -m benchmarks`: measure, print, compare with what was kept."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from types import FrameType
from typing import Any, Final

from benchmarks import baseline, duplicates, picture
from benchmarks.bench import Bench, Failed, tell
from benchmarks.machine import allow_many_files, cores, describe, pin, versions
from benchmarks.options import Options, parse
from benchmarks.report import report
from benchmarks.results import Results
from benchmarks.servers import NoServer, Server

NO_SERVER: Final = 3
"""The exit code where nothing could answer."""


def main() -> int:
    """Run; gives the exit code."""
    if sys.argv[1:2] == ["duplicates"]:
        return duplicates.main()
    options = parse()
    signal.signal(signal.SIGTERM, _end)
    # Children find this package, and aiocc beside it, wherever they start.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH", "")]))
    client_core, server_core = cores()
    allow_many_files()
    pin(server_core)  # inherited by the servers; this process sleeps while others work
    began = time.monotonic()
    try:
        with Server() as server:
            results = _measure(Bench(server, options, client_core))
    except NoServer as reason:
        tell(str(reason))
        return NO_SERVER
    except KeyboardInterrupt:
        tell("interrupted")
        return 130
    _say(report(results))
    _say(f"{time.monotonic() - began:.0f} s in all. {baseline.summary(results)}")
    _keep(options, results)
    return 1 if results.failures else 0


def _measure(bench: Bench) -> Results:
    results = Results(describe(bench.server.name))
    for part in bench.options.parts:
        began = time.monotonic()
        module: Any = importlib.import_module(f"benchmarks.parts.{part}")
        try:
            module.run(bench, results)
        except Failed as failed:
            results.failures[part] = str(failed)
        tell(f"{part}: {time.monotonic() - began:.0f} s")
    return results


def _keep(options: Options, results: Results) -> None:
    if options.json is not None:
        options.json.write_text(json.dumps({**results.dump(), "versions": versions()}, indent=1), "utf-8")
    if options.picture is not None:
        tell(picture.draw(results, options.picture))
    if options.keep:
        baseline.keep(results)
        tell("these figures are the baseline now")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
