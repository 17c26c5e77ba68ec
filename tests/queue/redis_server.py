"""A Redis server of a test's own: a process on a free port of loopback, that writes to disk before it answers."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import pytest

COMMAND = shutil.which("redis-server") or shutil.which("redis-server", path="/usr/bin:/usr/local/bin:/opt/homebrew/bin")


def free_port() -> int:
    """Give a port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class RedisServer:
    """The process, which can be stopped, killed and started again with what it wrote.

    Args:
        folder: Where it keeps its file.
        settings: Beside, or in place of, those of a ledger.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        if COMMAND is None:
            pytest.skip("no redis-server on this machine: install it to run the tests of the queue")
        self.folder = folder
        self.port = free_port()
        self.settings = {"appendonly": "yes", "appendfsync": "always", "save": "", "loglevel": "warning", **settings}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert COMMAND is not None
        told = [part for name, value in self.settings.items() for part in (f"--{name}", value)]
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        self.process = subprocess.Popen([COMMAND, *place, *told], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"redis-server ended with {self.process.returncode}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as one:
                    one.sendall(b"PING\r\n")
                    if one.recv(16).startswith(b"+PONG"):
                        return
            except OSError:
                pass
            time.sleep(0.01)
        raise RuntimeError("redis-server does not answer")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, by SIGTERM or as by a power cut of the process."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(20)
            self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGKILL)
