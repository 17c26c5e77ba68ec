"""Real servers as processes: nginx and haproxy before a server of the test's, uvicorn, hypercorn and granian alone."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import pytest
from attrs import frozen

from aiocc.protocol.messages import Origin
from tests.campaigns.kernel import until

NGINX = """
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder}; client_max_body_size 50m;
  client_body_buffer_size 50m; proxy_buffering off;
  upstream service {{ server 127.0.0.1:{upstream}; }}
  server {{
    listen 127.0.0.1:{port}; keepalive_requests {requests}; keepalive_timeout 60s;
    location / {{ proxy_pass http://service; proxy_next_upstream off; proxy_http_version 1.1; }}
  }}
}}
"""
HAPROXY = """
global
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive {keep_alive}
  retries 0
frontend front
  bind 127.0.0.1:{port}
  default_backend service
backend service
  server one 127.0.0.1:{upstream}
"""
PYTHON: dict[str, list[str]] = {
    "uvicorn": [
        "uvicorn",
        "--host",
        "127.0.0.1",
        "--port",
        "{port}",
        "--log-level",
        "error",
        "--timeout-keep-alive",
        "1",
    ],
    "hypercorn": ["hypercorn", "--bind", "127.0.0.1:{port}", "--log-level", "error", "--keep-alive", "1"],
    "granian": ["granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "error"],
}
PROXIES = ("nginx", "haproxy")


@frozen
class Real:
    """A server that runs.

    Attributes:
        origin: Its address.
        reload: Makes it start anew, gracefully; of the proxies alone.
        workers: The processes that it has now.
    """

    origin: Origin
    reload: Callable[[], None]
    workers: Callable[[], set[str]]


def need(name: str) -> None:
    """Skip the test where a server is not installed."""
    if name in PROXIES:
        if _executable(name) is None:
            pytest.skip(f"{name} is not installed on this machine")
    elif importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: it comes with the extra dev")


def _executable(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@asynccontextmanager
async def real(
    name: str, folder: Path, *, upstream: int = 0, requests: int = 1_000, keep_alive: str = "60s"
) -> AsyncIterator[Real]:
    """Run a server that is installed."""
    port = _free_port()
    if name in PROXIES:
        executable = _executable(name)
        assert executable is not None
        text = {"nginx": NGINX, "haproxy": HAPROXY}[name]
        file = folder / f"{name}.conf"
        values = {"port": port, "upstream": upstream, "requests": requests, "keep_alive": keep_alive}
        file.write_text(text.format(folder=folder, **values))
        command = [executable, "-c", str(file)] if name == "nginx" else [executable, "-W", "-f", str(file)]
    else:
        command = [sys.executable, "-m", *(part.format(port=port) for part in PYTHON[name]), "tests.transport.asgi:app"]
    log = (folder / f"{name}.log").open("wb")
    with log, subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=log, stderr=log) as process:  # noqa: ASYNC220 - it returns at once
        try:
            await _until_listening(port, process)
            again = signal.SIGHUP if name == "nginx" else signal.SIGUSR2
            yield Real(
                Origin("http", "127.0.0.1", port), lambda: process.send_signal(again), lambda: _children(process.pid)
            )
        finally:
            process.send_signal(signal.SIGTERM if name != "granian" else signal.SIGINT)
            with anyio.CancelScope(shield=True), suppress(TimeoutError):
                await until(lambda: process.poll() is not None, 3)
            if process.poll() is None:
                process.kill()


def _children(pid: int) -> set[str]:
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())


def _free_port() -> int:
    """Give a port that is free now: these servers do not tell which one they took for 0."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def _until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    with anyio.fail_after(20):
        while process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            await anyio.sleep(0.01)
    raise RuntimeError(f"the server ended with {process.returncode}")
