"""The command line, run in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from aiocc.cli.app import app
from aiocc.environment import SERVICES
from aiocc.simulator import Simulator

Run = Callable[..., Result]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> pytest.MonkeyPatch:
    """Keep the settings of whoever runs the tests out of them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    return monkeypatch


@pytest.fixture
def run(aicc: Simulator, settings: pytest.MonkeyPatch) -> Run:
    """Run a command with the simulator's environment, of one service alone where `only` names it.

    Variables given beside it win; None takes one away.
    """

    def invoke(*arguments: str, only: str | None = None, **variables: str | None) -> Result:
        others = [f"AIOCC_{name.upper()}_" for name in SERVICES if only is not None and name != only]
        environ = {name: value for name, value in aicc.environment.items() if not name.startswith(tuple(others))}
        result = CliRunner().invoke(app, arguments, env={**environ, **variables})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke
