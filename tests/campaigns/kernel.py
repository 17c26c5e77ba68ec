"""What the kernel itself says of this process."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import anyio

ESTABLISHED = "01"


def sockets_to(port: int) -> int:
    """Count the sockets of this process that are, or are being, connected to a port of this machine."""
    wanted = {f"socket:[{fields[9]}]" for fields in _connected_to(port) if fields[9] != "0"}
    count = 0
    for entry in Path("/proc/self/fd").iterdir() if wanted else ():
        with suppress(OSError):
            count += str(entry.readlink()) in wanted
    return count


def undisturbed(port: int) -> int:
    """Count the sockets connected to a port on which nothing has come that is not read, not even an end."""
    return sum(
        fields[3] == ESTABLISHED and fields[9] != "0" and int(fields[4].partition(":")[2], 16) == 0
        for fields in _connected_to(port)
    )


def _connected_to(port: int) -> Iterator[list[str]]:
    remote = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(FileNotFoundError), Path(table).open(encoding="ascii") as lines:
            next(lines)
            yield from (fields for fields in map(str.split, lines) if fields[2].endswith(remote))


def peak_memory() -> float:
    """Give the most memory that this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def until(condition: Callable[[], bool], patience: float = 10.0) -> None:
    """Wait until something is so that only the kernel, or another process, knows."""
    with anyio.fail_after(patience):
        while not condition():  # noqa: ASYNC110 - the kernel gives no event  # noqa: ASYNC110 - the kernel tells of nothing
            await anyio.sleep(0.001)
