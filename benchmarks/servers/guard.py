"""Runs a server as long as whoever asked for it lives: `python -m benchmarks.servers.guard SECONDS FOLDER COMMAND...`.

It ends the server when its own input ends, which happens also where the benchmark was killed; when the time is
up; or when the server ended by itself. Then it removes the folder, which nobody needs any more.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time

STEP = 0.5
"""Seconds between two looks at the server."""


def guard(seconds: float, folder: str, command: list[str]) -> int:
    """Run a command until the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the benchmark's own command
    until = time.monotonic() + seconds
    try:
        while server.poll() is None and time.monotonic() < until:
            readable, _, _ = select.select([0], [], [], STEP)
            if readable and not os.read(0, 1024):
                break
    finally:
        stop(server)
        shutil.rmtree(folder, ignore_errors=True)
    return server.returncode or 0


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process: politely, then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(guard(float(sys.argv[1]), sys.argv[2], sys.argv[3:]))
