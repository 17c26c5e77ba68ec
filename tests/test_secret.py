"""A secret shows itself to nobody."""

import copy
import pickle

import attrs
import cattrs
import pytest

from aiocc.auth import AgentGuid, AkSk, AppKey, CookieToken
from aiocc.errors import ConfigurationError
from aiocc.secret import HIDDEN, Secret, header_secret, scrub

TEXT = "s3cr3t-value"


@attrs.frozen
class Holder:
    name: str
    secret: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{:>20}".format,
        "{!r}".format,
        lambda secret: "%s" % secret,  # noqa: UP031 - this way of formatting, too
        lambda secret: repr(Holder("n", secret)),
        lambda secret: repr(attrs.asdict(Holder("n", secret))),
        lambda secret: repr(attrs.astuple(Holder("n", secret))),
        lambda secret: repr(cattrs.unstructure(Holder("n", secret))),
        lambda secret: repr([secret, {"key": secret}]),
    ],
)
def test_secret_is_hidden(show):
    """Whichever way a secret is shown, stars are shown."""
    shown = show(Secret(TEXT))

    assert (True, False) == (HIDDEN in shown, TEXT in shown)


def test_secret_is_not_pickled():
    """A secret goes into no pickle."""
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret(TEXT))


@pytest.mark.parametrize("remake", [copy.copy, copy.deepcopy])
def test_copy_is_the_secret_itself(remake):
    """A copied settings object holds the same secret, not a second one in memory."""
    secret = Secret(TEXT)

    assert secret is remake(secret)


def test_secrets_compare_by_their_text():
    """Equal secrets are equal and hash alike; a secret is not its text."""
    assert (Secret(TEXT), hash(Secret(TEXT))) == (Secret(TEXT), hash(Secret(TEXT)))
    assert [False, False, False] == [Secret(TEXT) == Secret("other"), Secret(TEXT) == TEXT, bool(Secret(""))]
    assert TEXT == Secret(TEXT).reveal()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (TEXT, TEXT),
        (f"{TEXT}\n", TEXT),
        (f"{TEXT}\r\n", TEXT),
        (Secret(f"{TEXT}\n"), TEXT),
        ("with blank inside", "with blank inside"),
        ("!#$%&'*+-.^_`|~:/=,;", "!#$%&'*+-.^_`|~:/=,;"),
    ],
)
def test_header_secret_takes(given, expected):
    """A credential is taken as it is, without the one line end that a file ends in."""
    assert expected == header_secret("token", given).reveal()


@pytest.mark.parametrize(
    "given",
    [
        None,
        7,
        TEXT.encode(),
        "",
        "\n",
        f" {TEXT}",
        f"{TEXT} ",
        f"{TEXT}\n\n",
        f"{TEXT}\r\nX-Evil: 1",
        f"{TEXT}\x00",
        f"{TEXT}\x7f",
        f"{TEXT}ü",
        f"{TEXT}\ud800",
    ],
)
def test_header_secret_refuses(given):
    """Row 11: what no header can carry is refused when it is given, and the error shows its name alone."""
    with pytest.raises(ConfigurationError, match=r"^token ") as caught:
        header_secret("token", given)
    assert TEXT not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda text: header_secret("token", f"{text}\x00"),
        lambda text: AkSk(f"{text}\x00", text),
        lambda text: AkSk("ak", f"{text}\x00"),
        lambda text: AppKey(f"{text}\x00", text),
        lambda text: CookieToken(f"{text};"),
        lambda text: AgentGuid(f"{text}\x00"),
    ],
)
def test_refused_secret_is_in_no_local(make):
    """A report that prints the locals of our frames shows no refused credential, nor another beside it."""
    with pytest.raises(ConfigurationError) as caught:
        make(TEXT)
    ours = [entry.frame.f_locals for entry in caught.traceback if "aiocc/" in str(entry.path)]
    assert ([], True) == ([found for found in ours if TEXT in repr(found)], len(ours) > 0)


@pytest.mark.parametrize(
    ("text", "secrets", "expected"),
    [
        ("no secret", [TEXT], "no secret"),
        (f"bad token {TEXT}.", [TEXT], "bad token ***."),
        (f"{TEXT}{TEXT}", [TEXT], "******"),
        ("ab abcde", ["ab", "abcde", ""], "ab abcde"),
        ("key abcdef secret abcdef-ghijkl", ["abcdef", "abcdef-ghijkl"], "key *** secret ***"),
    ],
)
def test_scrub(text, secrets, expected):
    """Foreign text that echoes a secret loses all of it; fragments under six characters are no secret."""
    assert expected == scrub(text, secrets)
