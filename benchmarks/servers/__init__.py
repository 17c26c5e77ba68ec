"""The server that answers: another process, on another core."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import trustme

from benchmarks.machine import family
from benchmarks.note import Target
from benchmarks.servers import asgi, nginx
from benchmarks.servers.files import Certificate, Commands

LIFETIME: Final = 3000.0
"""Seconds after which a server ends by itself, whatever happens."""

START_TIME: Final = 10.0


class NoServer(Exception):  # noqa: N818 - printed as a reason
    """No server is installed that could answer."""


class Server:
    """Answers notes over TLS and plain, until it is closed.

    Attributes:
        name: And version, for the tables.
        slow: Address of a host that answers late, for the neighbour; empty until `start_slow`.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="aiocc-bench-", ignore_cleanup_errors=True)
        self._guards: list[subprocess.Popen[bytes]] = []
        self._ports = free_ports(2)
        self.name = ""
        self.slow = ""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def ca_file(self) -> str:
        """Whom clients trust."""
        return str(self._certificate.authority)

    def target(self, connections: int, *, tls: bool) -> Target:
        """Give an address to a contender."""
        plain, secure = self._ports
        if tls:
            return Target(f"https://127.0.0.1:{secure}", self.ca_file, connections)
        return Target(f"http://127.0.0.1:{plain}", "", connections)

    def pids(self) -> list[int]:
        """Give the processes that do the answering."""
        return [pid for guard in self._guards[: self._answering] for pid in family(guard.pid)]

    def start_slow(self, delay: float) -> None:
        """Start the slow host."""
        self.slow = self.start_late(delay)

    def start_late(self, delay: float) -> str:
        """Start a host that answers after so many seconds; gives its address."""
        (port,) = free_ports(1)
        self._guard([sys.executable, "-m", "benchmarks.servers.slow", str(port), str(delay)])
        self._wait_for(port)
        return f"http://127.0.0.1:{port}"

    def close(self) -> None:
        """End the servers and remove their files."""
        for guard in self._guards:
            if guard.stdin is not None:
                guard.stdin.close()
        for guard in self._guards:
            try:
                guard.wait(6)
            except subprocess.TimeoutExpired:
                guard.kill()
        self._guards = []
        self._folder.cleanup()

    def _start(self) -> None:
        self._certificate = _certificate(Path(self._folder.name))
        found = nginx.find() or asgi.find()
        if found is None:
            raise NoServer("no server found: install nginx, or granian or uvicorn (extra `bench`)")
        self.name, commands = found
        for command in self._commands(commands):
            self._guard(command)
        self._answering = len(self._guards)
        for port in self._ports:
            self._wait_for(port)

    def _commands(self, commands: Commands) -> list[list[str]]:
        plain, secure = self._ports
        return commands(Path(self._folder.name), self._certificate, plain, secure)

    def _guard(self, command: list[str]) -> None:
        log = (Path(self._folder.name) / f"server-{len(self._guards)}.log").open("wb")
        with log:
            self._guards.append(
                subprocess.Popen(  # noqa: S603 - the benchmark's own command
                    [sys.executable, "-m", "benchmarks.servers.guard", str(LIFETIME), self._folder.name, *command],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                )
            )

    def _wait_for(self, port: int) -> None:
        until = time.monotonic() + START_TIME
        while time.monotonic() < until:
            if any(guard.poll() is not None for guard in self._guards):
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        logs = "\n".join(file.read_text("utf-8", "replace")[-2000:] for file in Path(self._folder.name).glob("*.log"))
        raise NoServer(f"{self.name} did not start:\n{logs}")


def free_ports(count: int) -> list[int]:
    """Find ports of the loopback that nobody uses."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _certificate(folder: Path) -> Certificate:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    certificate = Certificate(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority.cert_pem.write_to_path(certificate.authority)
    issued.private_key_pem.write_to_path(certificate.key)
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(certificate.chain, append=number > 0)
    return certificate
