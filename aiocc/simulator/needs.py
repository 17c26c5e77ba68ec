"""What the simulator needs that the package alone does not install."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["needing"]


@contextmanager
def needing(*packages: str) -> Iterator[None]:
    """Import inside; where one of these is missing, say which extra to install."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in packages:
            raise
        told = f"no {missing.name}: the simulator needs pip install 'aiocc[simulator]'"
        raise ModuleNotFoundError(told, name=missing.name) from None
