"""The machine: its name for the tables, its cores, and what a process uses of it."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import ssl
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Final

PACKAGES: Final = (
    "aiocc", "httpx", "httpcore", "httpx-aiohttp", "aiohttp", "pyreqwest", "httptools", "anyio", "trio", "uvloop",
)  # fmt: skip
MANY_FILES: Final = 65_536


def describe(server: str) -> str:
    """Name machine, interpreter and server in one line; no name of the host, no path."""
    cores = os.cpu_count() or 1
    return (
        f"{_processor()}, {cores} core{'s' if cores > 1 else ''}, {platform.system()} "
        f"{platform.release().partition('-')[0]}, {platform.python_implementation()} {platform.python_version()}, "
        f"{ssl.OPENSSL_VERSION.partition('  ')[0].rsplit(' ', 3)[0]}, server: {server}"
    )


def versions() -> dict[str, str]:
    """Give the versions of what is measured."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def cores() -> tuple[int | None, int | None]:
    """Choose the client's core and the server's; None where processes cannot be pinned."""
    if sys.platform != "linux":
        return None, None
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def pin(core: int | None) -> None:
    """Keep this process, and those it starts from now on, on one core."""
    if core is not None and sys.platform == "linux":
        os.sched_setaffinity(0, {core})


def allow_many_files() -> int:
    """Raise this process's limit of open files, and so its children's; gives the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(MANY_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft if soft != resource.RLIM_INFINITY else MANY_FILES


def peak_rss() -> int:
    """Give the most memory this process has held, in bytes.

    Not `ru_maxrss` where it can be avoided: a child inherits its parent's on Linux.
    """
    value = _status("VmHWM")
    if value is not None:
        return value
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def rss() -> int:
    """Give the memory this process holds now, in bytes."""
    return _status("VmRSS") or peak_rss()


def open_sockets() -> int:
    """Count this process's sockets; 0 where they cannot be counted."""
    count = 0
    with contextlib.suppress(OSError):
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                count += os.readlink(entry).startswith("socket:")
    return count


def cpu_seconds(pids: Iterable[int]) -> float | None:
    """Give the processor time that processes have used, with all their threads; None where it cannot be read."""
    total = 0.0
    try:
        for pid in pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None
    return total


def family(pid: int) -> list[int]:
    """Give a process and its descendants."""
    found = [pid]
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += family(int(child))
    return found


def _status(field: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return None


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
