"""What a module here needs that the package alone does not install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needing(extra: str, *packages: str) -> Iterator[None]:
    """Import inside; where one of the extra's packages is missing, say which extra to install.

    Raises:
        ModuleNotFoundError: As Python's own, with the missing module's name.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in packages:
            raise
        told = f"no {missing.name}: this needs pip install 'aiocc[{extra}]'"
        raise ModuleNotFoundError(told, name=missing.name) from None
