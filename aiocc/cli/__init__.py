"""Floor 7: the command line. `main` is the console script `aiocc`; what it needs is the extra `cli`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say which extra it needs."""
    try:
        from aiocc.cli.app import app
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("typer", "click", "rich"):
            raise
        sys.exit("aiocc: the command line needs an extra: pip install 'aiocc[cli]'")
    app()
