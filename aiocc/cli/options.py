"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aiocc.cli.settings import Source

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Write CSV, for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, credentials hidden; send nothing.")]
Deadline = Annotated[float | None, typer.Option(min=0.1, help="Seconds for the whole call.")]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="A TOML file with profiles; else AIOCC_CONFIG, else ~/.config/aiocc/config.toml or its like.",
    ),
]
Profile = Annotated[
    str | None, typer.Option("--profile", help="Which of its profiles; else AIOCC_PROFILE, else default.")
]


def source_of(context: typer.Context) -> Source:
    """Give what was said before the command: `aiocc --profile staging ...`."""
    found = context.find_object(Source)
    return found if found is not None else Source()
