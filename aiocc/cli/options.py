"""Options that many commands share."""

from __future__ import annotations

from enum import StrEnum
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


class ForceSignIn(StrEnum):
    """Whether signing in ends a session that the agent has already, as `client.sign_in(force=...)` says it."""

    NEVER = "never"
    IF_SIGNED_IN = "if_signed_in"
    ALWAYS = "always"


Force = Annotated[
    ForceSignIn,
    typer.Option(
        "--force",
        help="End a session that this agent has already: never, only where the gateway says that there is one, always.",
    ),
]


def source_of(context: typer.Context) -> Source:
    """Give what was said before the command: `aiocc --profile staging ...`."""
    found = context.find_object(Source)
    return found if found is not None else Source()
