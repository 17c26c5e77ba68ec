"""The built package, and environments of its own for each test."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

ROOT = Path(__file__).parents[2]
PROJECT: Mapping[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
QUIET = ("-q", "--disable-pip-version-check", "--no-warn-script-location")


def run(*command: str | Path, cwd: Path, timeout: float = 300) -> str:
    """Run a program to its good end, and give what it printed."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@frozen
class Environment:
    """A new virtual environment, with nothing in it but what a test installs."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @classmethod
    def make(cls, folder: Path) -> Environment:
        """Make one of this interpreter's kind."""
        run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
        return cls(folder)

    def install(self, *what: str | Path) -> None:
        """Install packages, and check that they agree with each other."""
        run(self.python, "-m", "pip", "install", *QUIET, *what, cwd=self.folder)
        run(self.python, "-m", "pip", "check", cwd=self.folder)

    def run(self, code: str) -> str:
        """Run a program away from the source tree."""
        return run(self.python, "-W", "error", "-I", "-c", code, cwd=self.folder)


@frozen
class Built:
    """The two files that a release has."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the package as a release is built: the sdist, and the wheel."""
    folder = tmp_path_factory.mktemp("built")
    environment = Environment.make(folder / "venv")
    environment.install("hatchling>=1.26")
    run(environment.python, "-m", "hatchling", "build", "-d", folder / "dist", cwd=ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture
def fresh(tmp_path: Path) -> Environment:
    """A new environment."""
    return Environment.make(tmp_path / "venv")


def lowest() -> list[str]:
    """Give the oldest allowed version of every core dependency."""
    found = [re.match(r"([\w-]+)>=([\d.]+)", requirement) for requirement in PROJECT["dependencies"]]
    return [f"{match[1]}=={match[2]}" for match in found if match]
