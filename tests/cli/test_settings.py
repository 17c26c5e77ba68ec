"""Where settings come from, and that a wrong one is named with the nearest right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiocc.simulator import Simulator

from .conftest import Run

LIST = ("codes", "list", "1")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[default.isale]\nurl = 'x'", "[default.isale] is no service: did you mean 'isales'?"),
        ("[default.isales]\nurll = 'x'", "default.isales.urll is no setting: did you mean 'url'?"),
        ("[default]\nca_fil = 'x'", "default.ca_fil is no setting: did you mean 'ca_file'?"),
        ("[default.agent]\nid = true", "default.agent.id must be text or a whole number"),
        ("default = 1", "default must be a table"),
        ("[default", "is not TOML"),
    ],
)
def test_a_wrong_key_of_the_file_is_3(run: Run, tmp_path: Path, content: str, said: str) -> None:
    """A table, a key or a value that is wrong is named together with its file."""
    file = tmp_path / "config.toml"
    file.write_text(content)

    done = run("--config", str(file), *LIST)

    assert 3 == done.exit_code
    assert f"aiocc: {file}" in done.stderr
    assert said in done.stderr


def test_a_wrong_profile_is_3(run: Run, tmp_path: Path) -> None:
    """A profile that the file lacks is named with the nearest that it has."""
    file = tmp_path / "config.toml"
    file.write_text("[staging]\n")

    done = run("--config", str(file), "--profile", "stagin", *LIST)

    assert 3 == done.exit_code
    assert "no profile 'stagin': did you mean 'staging'?" in done.stderr


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AIOCC_ISALES_SECRETKEY": "canary-4711"}, "did you mean AIOCC_ISALES_SECRET_KEY?"),
        ({"AIOCC_ISALES_SECRET_KEY": None}, "AIOCC_ISALES_SECRET_KEY (or AIOCC_ISALES_SECRET_KEY_FILE) is not set"),
        ({"AIOCC_ISALES_SECRET_KEY_FILE": "/nowhere"}, "are both set"),
        ({"AIOCC_ISALES_URL": None}, "AIOCC_ISALES_URL is not"),
        ({"AIOCC_ISALES_URL": "http://cc.example"}, "AIOCC_ISALES_URL: url must be https"),
        ({"AIOCC_ISALES_SIGNATURE": "millis"}, "AIOCC_ISALES_SIGNATURE: 'millis' is none of milliseconds"),
        ({"AIOCC_CA_FILE": "/nowhere"}, "ca_file: there is no file '/nowhere'"),
        ({"AIOCC_AGENT_ID": "canary-4711"}, "AIOCC_AGENT_ID must be a whole number"),
        ({"AIOCC_CONFIG": "/nowhere"}, "/nowhere: there is no such file"),
    ],
)
def test_a_wrong_variable_is_3(run: Run, variables: dict[str, str | None], said: str) -> None:
    """A variable that is misspelt, missing or impossible is named, and its value is not shown."""
    done = run(*LIST, **variables)

    assert 3 == done.exit_code
    assert said in done.stderr
    assert "canary-4711" not in done.output


def test_a_profile_with_secrets_in_files(run: Run, aicc: Simulator, tmp_path: Path) -> None:
    """A profile names files for its secrets; a variable that is set wins over the file."""
    environ = aicc.environment
    (tmp_path / "secret").write_text(environ["AIOCC_ISALES_SECRET_KEY"] + "\n")
    file = tmp_path / "config.toml"
    file.write_text(
        f'[staging]\nca_file = "{environ["AIOCC_CA_FILE"]}"\n[staging.isales]\nurl = "https://elsewhere.invalid"\n'
        f'access_key = "{environ["AIOCC_ISALES_ACCESS_KEY"]}"\nsecret_key_file = "{tmp_path / "secret"}"\n'
    )
    nothing = dict.fromkeys(environ)

    done = run(
        "--config",
        str(file),
        "--profile",
        "staging",
        *LIST,
        **{**nothing, "AIOCC_ISALES_URL": environ["AIOCC_ISALES_URL"]},
    )

    assert (0, "") == (done.exit_code, done.stderr)


def test_the_usual_file_is_found(run: Run, aicc: Simulator, settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without `--config` the user's own file is read, where there is one."""
    settings.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "aiocc").mkdir()
    (tmp_path / "aiocc" / "config.toml").write_text("[default]\nwrong = 'x'\n")

    done = run(*LIST)

    assert 3 == done.exit_code
    assert "default.wrong is no setting" in done.stderr


def test_a_service_that_is_not_configured_is_3(run: Run) -> None:
    """A command whose service is missing names the variable that configures it."""
    done = run(*LIST, only="fabric")

    assert 3 == done.exit_code
    assert "AIOCC_ISALES_URL" in done.stderr
