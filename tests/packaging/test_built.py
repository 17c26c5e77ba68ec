"""What a release holds, and that it works where it is installed."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from .conftest import PROJECT, ROOT, Built, Environment, lowest, run

pytestmark = [pytest.mark.packaging, pytest.mark.xdist_group("packaging"), pytest.mark.timeout(900)]

EXTRAS_LOAD = {
    "cryptography",
    "opentelemetry",
    "pytest",
    "redis",
    "rich",
    "starlette",
    "taskiq",
    "trio",
    "trustme",
    "typer",
    "uvicorn",
}

SMOKE = f"""
import asyncio, sys
import anyio, attrs, cattrs, httptools, httpx  # these may load what they find, httpx its own command line
before = set(sys.modules)
from aiocc import Client, CreateCall, Delivery, RejectedError, Service
from aiocc.auth import AppKey

CREATED = {{"resultCode": "0", "resultData": {{"sipServiceAddress": "a:1", "accesscode": "1"}}}}
extras = (set(sys.modules) - before) & {EXTRAS_LOAD!r}
assert not extras, extras

def answer(request):
    if request.url.path.endswith("tokenByAkSk"):
        return httpx.Response(200, json={{"AccessToken": "t", "ApplyType": "Bearer", "Expires": "3600"}})
    return httpx.Response(200, json=CREATED)

async def main():
    fabric = Service("https://aicc.example.com", auth=AppKey("k", "s"), transport=httpx.MockTransport(answer))
    async with Client(fabric=fabric) as client:
        print((await client.create_call(called="88884432")).access_code)

asyncio.run(main())
"""
"""One typed call over a mock, and nothing loaded of what an extra brings."""

OVER_SOCKETS = """
import asyncio
from aiocc import Client, MediaAbility
from aiocc.simulator import Simulator

async def main():
    with Simulator() as simulator:
        async with Client.from_env(simulator.environment) as client:
            await client.leave_message(phone_no="123456", content="hello")
            await client.click_to_dial(MediaAbility.VIDEO)
            await client.agent().send_note([31002], "hello")
            await client.obs_result_codes(vdn_id=1)
            await client.create_call(called="88884432")
        print(simulator.calls_placed, len(simulator.messages), len(simulator.dials), len(simulator.inbox(31002)))

asyncio.run(main())
"""

EXTRAS = {
    "cli": ("import sys\nsys.argv = ['aiocc', '--version']\nfrom aiocc.cli import main\nmain()", "0."),
    "simulator": (OVER_SOCKETS, "1 1 1 1"),
    "otel": ("from aiocc.integrations.otel import Telemetry\nprint(Telemetry().active)", "True"),
    "trio": ("import trio, aiocc\nasync def main(): print('on trio')\ntrio.run(main)", "on trio"),
    "redis": ("import aiocc.integrations.redis as found\nprint(sorted(found.__all__) != [])", "True"),
    "taskiq": ("import aiocc.integrations.taskiq as found\nprint(sorted(found.__all__) != [])", "True"),
    "all": (OVER_SOCKETS, "1 1 1 1"),
}
"""What each extra is for, and what that prints."""

ELSEWHERE = {"bench", "dev", "peers", "recipes"}
"""Tools of this repository's own, which the gate installs and uses."""


def files_of(folder: str) -> set[str]:
    """List the source files below a folder."""
    return {
        str(file.relative_to(ROOT))
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_the_wheel_is_complete(built: Built) -> None:
    """The wheel holds every file of the package, its licence and its entry points, and nothing else."""
    names = set(zipfile.ZipFile(built.wheel).namelist())
    info = {name for name in names if ".dist-info/" in name}

    assert files_of("aiocc") == names - info
    assert {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE"} == {Path(name).name for name in info}


def test_the_sdist_is_complete(built: Built) -> None:
    """The sdist holds package, tests and benchmarks, and what is read first."""
    with tarfile.open(built.sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}

    wanted = files_of("aiocc") | {name for name in files_of("tests") | files_of("benchmarks") if name.endswith(".py")}
    assert set() == (wanted | {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "PKG-INFO"}) - names


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_it_works_alone(kind: str, built: Built, fresh: Environment) -> None:
    """Installed without an extra, from either file, it performs a call, and loads nothing of any extra."""
    fresh.install(getattr(built, kind))

    assert "1\n" == fresh.run(SMOKE)


def test_every_extra_is_known_here() -> None:
    """A new extra has its line in this file."""
    assert set(PROJECT["optional-dependencies"]) == set(EXTRAS) | ELSEWHERE


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_works_alone(extra: str, built: Built, fresh: Environment) -> None:
    """Each extra alone brings what it is for, and `import aiocc` loads nothing of it."""
    code, said = EXTRAS[extra]
    fresh.install(f"aiocc[{extra}] @ {built.wheel.as_uri()}")

    assert fresh.run(code).startswith(said)
    assert "1\n" == fresh.run(SMOKE)


def test_the_oldest_dependencies_will_do(fresh: Environment) -> None:
    """With the oldest allowed version of every core dependency the rules, the transport and real calls pass.

    On asyncio: trio takes a newer anyio, which its extra asks for. Left out are the tests of what the newest httpx and
    httpcore write into their own logs and traces, and those of the tools around the package.
    """
    fresh.install(f"{ROOT}[simulator,otel,dev]", *(one for one in lowest() if not one.startswith("anyio")))
    # Last, since the tests' own trio asks for a newer one.
    anyio = [one for one in lowest() if one.startswith("anyio")]
    run(fresh.python, "-m", "pip", "install", "-q", *anyio, cwd=fresh.folder)
    folders = ("auth", "call", "endpoints", "live", "protocol", "scopes", "simulator", "transport")
    said = run(
        *(
            fresh.python,
            "-m",
            "pytest",
            "-p",
            "tests.packaging.old_anyio",
            "-q",
            "-n",
            "2",
            "-k",
            "not uvloop and not trio",
        ),
        *(f"tests/{folder}" for folder in folders),
        cwd=ROOT,
        timeout=800,
    )

    assert " passed" in said.splitlines()[-1]
