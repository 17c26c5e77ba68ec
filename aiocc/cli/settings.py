"""Where commands get addresses and credentials: the environment, a file with profiles, a prompt; never an argument.

The file is TOML. Each top table is a profile, each table in it a service, each key a variable's name in little:

    [default]
    ca_file = "/etc/cc/ca.pem"

    [default.gateway]
    url = "https://10.10.10.3:8043"

    [default.agent]
    id = 101
    password_file = "/run/secrets/agent"

A variable that is set wins over the file.
"""

from __future__ import annotations

import difflib
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import typer
from attrs import frozen

from aiocc.errors import ConfigurationError

_SERVICE = ("url", "ca_file", "server_name", "client_cert", "client_key")

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("ca_file",),
    "webadapter": (*_SERVICE, "token", "token_file"),
    "gateway": _SERVICE,
    "isales": (*_SERVICE, "access_key", "access_key_file", "secret_key", "secret_key_file", "signature"),
    "fabric": (*_SERVICE, "app_key", "app_key_file", "app_secret", "app_secret_file", "token_url"),
    "agent": ("id", "guid", "guid_file", "password", "password_file", "phone"),
    "queue": ("url", "key", "key_file"),
}
"""What a profile may say, by table."""

VARIABLES: Final = frozenset(
    "_".join(filter(None, ("AIOCC", table.upper(), key.upper()))) for table, keys in KEYS.items() for key in keys
)

PROMPTED: Final[Mapping[str, tuple[str, ...]]] = {
    "webadapter": ("AIOCC_WEBADAPTER_TOKEN",),
    "isales": ("AIOCC_ISALES_ACCESS_KEY", "AIOCC_ISALES_SECRET_KEY"),
    "fabric": ("AIOCC_FABRIC_APP_KEY", "AIOCC_FABRIC_APP_SECRET"),
    "guid": ("AIOCC_AGENT_GUID",),
    "sign-in": ("AIOCC_AGENT_PASSWORD",),
}
"""Secrets that are asked for on a terminal, by what needs them."""


@frozen
class Source:
    """What the options `--config` and `--profile` say; None for what the environment or the default says."""

    config: Path | None = None
    profile: str | None = None

    @property
    def file(self) -> Path:
        """The file, whether it is there or not."""
        if self.config is not None:
            return self.config
        if given := os.environ.get("AIOCC_CONFIG", "").strip():
            return Path(given)
        return Path(typer.get_app_dir("aiocc")) / "config.toml"

    @property
    def is_explicit(self) -> bool:
        """Whether somebody asked for this file."""
        return self.config is not None or bool(os.environ.get("AIOCC_CONFIG", "").strip())


def settings(source: Source, *needs: str) -> dict[str, str]:
    """Give the variables that `Client.from_env` reads; missing secrets are asked for on a terminal.

    Args:
        source: Which file, which profile.
        needs: Of `PROMPTED`.

    Raises:
        ConfigurationError: The file, the profile or a key is wrong; names it, and the nearest right one.
    """
    _check_variables(os.environ)
    variables = {**_from_file(source), **{name: value for name, value in os.environ.items() if name in VARIABLES}}
    for need in needs:
        for name in PROMPTED[need]:
            if not variables.get(name) and not variables.get(f"{name}_FILE") and _may_ask(need, variables):
                variables[name] = typer.prompt(name.removeprefix("AIOCC_").replace("_", " ").lower(), hide_input=True)
    return variables


def _may_ask(need: str, variables: Mapping[str, str]) -> bool:
    service = need if need in KEYS else "gateway"
    return sys.stdin.isatty() and bool(variables.get(f"AIOCC_{service.upper()}_URL"))


def _check_variables(environ: Mapping[str, str]) -> None:
    known = VARIABLES | {"AIOCC_CONFIG", "AIOCC_PROFILE"}
    for name in environ:
        if name.startswith("AIOCC_") and name not in known and (near := difflib.get_close_matches(name, known, 1, 0.8)):
            raise ConfigurationError(f"{name} is no variable of aiocc: did you mean {near[0]}?")


def _from_file(source: Source) -> dict[str, str]:
    profile = source.profile or os.environ.get("AIOCC_PROFILE", "").strip() or None
    file = source.file
    if not file.is_file():
        if source.is_explicit or profile is not None:
            raise ConfigurationError(f"{file}: there is no such file")
        return {}
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} could not be read ({type(error).__name__})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}") from None
    return dict(_variables(file, content, profile))


def _variables(file: Path, content: Mapping[str, Any], profile: str | None) -> Iterator[tuple[str, str]]:
    wanted = profile or "default"
    if wanted not in content:
        if profile is None:
            return
        raise ConfigurationError(f"{file} has no profile {wanted!r}{_did_you_mean(wanted, content)}")
    table = content[wanted]
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{file}: {wanted} must be a table")
    for name, value in table.items():
        if isinstance(value, Mapping):
            if name not in KEYS or not name:
                raise ConfigurationError(f"{file}: [{wanted}.{name}] is no service{_did_you_mean(name, KEYS)}")
            for key, inner in value.items():
                yield _variable(file, wanted, name, key, inner)
        else:
            yield _variable(file, wanted, "", name, value)


def _variable(file: Path, profile: str, table: str, key: str, value: object) -> tuple[str, str]:
    where = ".".join(filter(None, (profile, table, key)))
    if key not in KEYS[table]:
        raise ConfigurationError(f"{file}: {where} is no setting{_did_you_mean(key, KEYS[table])}")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigurationError(f"{file}: {where} must be text or a whole number")
    return "_".join(filter(None, ("AIOCC", table.upper(), key.upper()))), str(value)


def _did_you_mean(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, [one for one in known if one], 1, 0.5)
    return f": did you mean {near[0]!r}?" if near else f": one of {', '.join(sorted(one for one in known if one))}"
