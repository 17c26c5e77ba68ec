"""A client's configuration from environment variables."""

import pytest

from aiocc.auth import AkSk, AppKey, CookieToken, Secret
from aiocc.environment import AgentSettings, agent_from, services_from, url_variable
from aiocc.errors import ConfigurationError

WEBADAPTER = {"AIOCC_WEBADAPTER_URL": "https://10.10.10.2:18446"}
GATEWAY = {"AIOCC_GATEWAY_URL": "https://10.10.10.3:8043"}
ISALES = {
    "AIOCC_ISALES_URL": "https://10.10.10.4:28080",
    "AIOCC_ISALES_ACCESS_KEY": "access-key",
    "AIOCC_ISALES_SECRET_KEY": "s3cret-key",
}
FABRIC = {
    "AIOCC_FABRIC_URL": "https://service.besclouds.com",
    "AIOCC_FABRIC_APP_KEY": "app-key",
    "AIOCC_FABRIC_APP_SECRET": "s3cret-app",
}


def test_all_services():
    """Each URL makes its service, with the strategy of that service."""
    services = services_from({**WEBADAPTER, "AIOCC_WEBADAPTER_TOKEN": "token", **GATEWAY, **ISALES, **FABRIC})

    assert {
        "webadapter": ("https://10.10.10.2:18446", CookieToken),
        "gateway": ("https://10.10.10.3:8043", type(None)),
        "isales": ("https://10.10.10.4:28080", AkSk),
        "fabric": ("https://service.besclouds.com", AppKey),
    } == {name: (service.url, type(service.auth)) for name, service in services.items()}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (GATEWAY, {"gateway"}),
        ({**GATEWAY, "AIOCC_FABRIC_URL": "", "AIOCC_ISALES_URL": "  "}, {"gateway"}),
        ({**WEBADAPTER, "PATH": "/bin"}, {"webadapter"}),
        ({"AIOCC_GATEWAY_URL": " https://10.10.10.3:8043\n"}, {"gateway"}),
    ],
)
def test_only_what_is_set(environ, expected):
    """A service without a URL is not there, and an empty variable is not set."""
    assert expected == set(services_from(environ))


def test_visitors_need_no_token():
    """The web adapter may be configured without a token of its own: its visitors bring theirs."""
    assert None is services_from(WEBADAPTER)["webadapter"].auth


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_secrets_from_files(tmp_path, ending):
    """Each secret can stand in a file, without the line end that a file ends in."""
    secrets = {
        "AIOCC_WEBADAPTER_TOKEN": "token",
        "AIOCC_ISALES_ACCESS_KEY": "access-key",
        "AIOCC_ISALES_SECRET_KEY": "s3cret-key",
        "AIOCC_FABRIC_APP_KEY": "app-key",
        "AIOCC_FABRIC_APP_SECRET": "s3cret-app",
        "AIOCC_AGENT_GUID": "guid",
        "AIOCC_AGENT_PASSWORD": "s3cret-word",
    }
    files = {}
    for name, value in secrets.items():
        file = tmp_path / name
        file.write_bytes(f"{value}{ending}".encode())
        files[f"{name}_FILE"] = str(file)
    urls = {name: value for name, value in {**WEBADAPTER, **ISALES, **FABRIC}.items() if name.endswith("_URL")}

    services = services_from({**urls, **files})
    agent = agent_from(files)

    assert {"webadapter", "isales", "fabric"} == set(services)
    assert "token" == services["webadapter"].auth.held().secret.reveal()
    assert "s3cret-key" == services["isales"].auth.held().secret.reveal()
    assert ("guid", "s3cret-word") == (agent.guid.reveal(), agent.password.reveal())


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "AIOCC_WEBADAPTER_URL, AIOCC_GATEWAY_URL, AIOCC_ISALES_URL, AIOCC_FABRIC_URL"),
        ({"AIOCC_ISALES_URL": ISALES["AIOCC_ISALES_URL"]}, "AIOCC_ISALES_ACCESS_KEY .or AIOCC_ISALES_ACCESS_KEY_FILE"),
        ({**ISALES, "AIOCC_ISALES_SECRET_KEY": " "}, "AIOCC_ISALES_SECRET_KEY"),
        ({"AIOCC_FABRIC_URL": FABRIC["AIOCC_FABRIC_URL"]}, "AIOCC_FABRIC_APP_KEY"),
        ({**FABRIC, "AIOCC_FABRIC_APP_SECRET": ""}, "AIOCC_FABRIC_APP_SECRET"),
        ({**ISALES, "AIOCC_ISALES_SECRET_KEY_FILE": "/x"}, "AIOCC_ISALES_SECRET_KEY_FILE are both set"),
        ({**WEBADAPTER, "AIOCC_WEBADAPTER_TOKEN_FILE": "/no/such"}, "AIOCC_WEBADAPTER_TOKEN_FILE .*FileNotFoundError"),
        ({"AIOCC_GATEWAY_URL": "http://10.10.10.3"}, "https"),
        ({**FABRIC, "AIOCC_FABRIC_TOKEN_URL": "http://tokens.example"}, "token_url must be https"),
        ({**ISALES, "AIOCC_ISALES_SECRET_KEY": "s3cret\x00key"}, "secret_key has characters"),
        ({**WEBADAPTER, "AIOCC_WEBADAPTER_TOKEN": "s3cret;token"}, "no cookie may carry"),
    ],
)
def test_refuses(environ, words):
    """No service, a service in part, and what cannot work are refused with the name to look at, and no secret."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        services_from(environ)
    assert "s3cret" not in str(caught.value)


def test_file_that_is_no_text(tmp_path):
    """A file that is not UTF-8 is named, its content is not."""
    file = tmp_path / "token"
    file.write_bytes(b"s3cret\xff")

    with pytest.raises(ConfigurationError, match="AIOCC_WEBADAPTER_TOKEN_FILE could not be read") as caught:
        services_from({**WEBADAPTER, "AIOCC_WEBADAPTER_TOKEN_FILE": str(file)})
    assert "s3cret" not in str(caught.value)


def test_authorities():
    """`AIOCC_<SERVICE>_CA_FILE` comes before `AIOCC_CA_FILE`, which serves all others."""
    services = services_from({**WEBADAPTER, **GATEWAY, "AIOCC_CA_FILE": "/all.pem", "AIOCC_GATEWAY_CA_FILE": "/gw.pem"})

    assert ("/all.pem", "/gw.pem") == (services["webadapter"].tls.ca_file, services["gateway"].tls.ca_file)
    assert None is services_from(GATEWAY)["gateway"].tls.ca_file


def test_names_and_certificates():
    """A host's name in its certificate, and a certificate of the client's, can be given for each service."""
    gateway = {**GATEWAY, "AIOCC_GATEWAY_SERVER_NAME": "cc.example.com", "AIOCC_GATEWAY_CLIENT_CERT": "/me.pem"}
    apart = {**gateway, "AIOCC_GATEWAY_CLIENT_KEY": "/me.key"}

    assert ("cc.example.com", "/me.pem") == (
        services_from(gateway)["gateway"].tls.server_name,
        services_from(gateway)["gateway"].tls.client_cert,
    )
    assert ("/me.pem", "/me.key") == services_from(apart)["gateway"].tls.client_cert
    with pytest.raises(ConfigurationError, match="AIOCC_GATEWAY_CLIENT_KEY is set, and AIOCC_GATEWAY_CLIENT_CERT"):
        services_from({**GATEWAY, "AIOCC_GATEWAY_CLIENT_KEY": "/me.key"})


def test_token_url():
    """The token's address can be given apart."""
    services = services_from({**FABRIC, "AIOCC_FABRIC_TOKEN_URL": "https://tokens.example:28070"})

    assert "https://tokens.example:28070" == services["fabric"].auth.token_url


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, AgentSettings()),
        ({"AIOCC_AGENT_ID": "101"}, AgentSettings(agent_id=101)),
        (
            {
                "AIOCC_AGENT_ID": " 101 ",
                "AIOCC_AGENT_GUID": "guid",
                "AIOCC_AGENT_PASSWORD": "word",
                "AIOCC_AGENT_PHONE": "8888",
            },
            AgentSettings(agent_id=101, guid=Secret("guid"), password=Secret("word"), phone="8888"),
        ),
    ],
)
def test_agent(environ, expected):
    """An agent's variables are read as far as they are set."""
    assert expected == agent_from(environ)


@pytest.mark.parametrize("value", ["Ada", "-101", "1.5", "²", "1_000"])
def test_agent_id_is_a_number(value):
    """An agent id that is no whole number is refused with the variable's name."""
    with pytest.raises(ConfigurationError, match=r"^AIOCC_AGENT_ID must be a whole number$"):
        agent_from({"AIOCC_AGENT_ID": value})


def test_repr_shows_no_secret():
    """What was read can be printed."""
    agent = agent_from({"AIOCC_AGENT_GUID": "s3cret-guid", "AIOCC_AGENT_PASSWORD": "s3cret-word"})

    assert "s3cret" not in repr([agent, services_from({**ISALES, **FABRIC})])


def test_name_of_the_variable():
    """The variable of a service is named by one function, for errors too."""
    assert "AIOCC_ISALES_URL" == url_variable("isales")


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("AIOCC_WEBADAPTER_TOKEN", "AIOCC_WEBADAPTER_URL"),
        ("AIOCC_ISALES_SECRET_KEY", "AIOCC_ISALES_URL"),
        ("AIOCC_FABRIC_APP_SECRET_FILE", "AIOCC_FABRIC_URL"),
    ],
)
def test_a_credential_without_its_address_is_refused(variable, url):
    """A configuration half written names what is there and what is missing, and shows no value."""
    with pytest.raises(ConfigurationError, match=url) as caught:
        services_from({variable: "s3cret", "AIOCC_GATEWAY_URL": "https://10.10.10.3:8043"})

    assert (True, False) == (variable.removesuffix("_FILE") in str(caught.value), "s3cret" in str(caught.value))
