"""What the kinds of server have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """Files of one run.

    Attributes:
        authority: Whom clients trust.
        chain: The server's certificate.
        key: And its key.
    """

    authority: Path
    chain: Path
    key: Path


Commands = Callable[[Path, Certificate, int, int], list[list[str]]]
"""Give the commands of a server: its folder, its certificate, the plain port and the TLS port."""
