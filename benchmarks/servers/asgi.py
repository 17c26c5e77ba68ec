"""granian, or else uvicorn: one process for TLS, one for plain."""

from __future__ import annotations

import importlib.util
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.note import ANSWER, PATH
from benchmarks.servers.files import Certificate, Commands

HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer a note."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    known = scope["path"] == PATH and scope["method"] == "POST"
    await send({"type": "http.response.start", "status": 200 if known else 404, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


def find() -> tuple[str, Commands] | None:
    """Look for granian, then for uvicorn."""
    for name, commands in (("granian", _granian), ("uvicorn", _uvicorn)):
        if importlib.util.find_spec(name) is not None:
            return f"{name} {metadata.version(name)}", commands
    return None


def _granian(folder: Path, certificate: Certificate, plain: int, secure: int) -> list[list[str]]:
    base = [sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--log-level", "error"]
    base += ["--http", "1", "--backlog", "4096", "--host", "127.0.0.1"]
    tls = ["--ssl-certificate", str(certificate.chain), "--ssl-keyfile", str(certificate.key)]
    target = "benchmarks.servers.asgi:app"
    return [[*base, "--port", str(plain), target], [*base, "--port", str(secure), *tls, target]]


def _uvicorn(folder: Path, certificate: Certificate, plain: int, secure: int) -> list[list[str]]:
    base = [sys.executable, "-m", "uvicorn", "benchmarks.servers.asgi:app", "--log-level", "error", "--no-access-log"]
    base += ["--host", "127.0.0.1", "--timeout-keep-alive", "3600", "--backlog", "4096", "--lifespan", "off"]
    tls = ["--ssl-certfile", str(certificate.chain), "--ssl-keyfile", str(certificate.key)]
    return [[*base, "--port", str(plain)], [*base, "--port", str(secure), *tls]]
