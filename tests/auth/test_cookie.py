"""A visitor's token, sent exactly as received."""

import anyio.lowlevel
import pytest

from aiocc.auth import CookieToken, Credential, Secret
from aiocc.errors import ConfigurationError

from .conftest import Fetched, answer, sent

TOKEN = "eyJ0ZW5hbnRJZCI6IjEifQ%3D%3D"


@pytest.mark.parametrize(
    ("send_as", "before", "expected"),
    [
        ("cookie", [], [("Cookie", f"ccmessaging-token={TOKEN}")]),
        ("cookie", [("cookie", "a=b")], [("cookie", f"a=b; ccmessaging-token={TOKEN}")]),
        ("header", [], [("ccmessaging-token", TOKEN)]),
        ("header", [("Cookie", "a=b")], [("Cookie", "a=b"), ("ccmessaging-token", TOKEN)]),
        ("both", [], [("Cookie", f"ccmessaging-token={TOKEN}"), ("ccmessaging-token", TOKEN)]),
    ],
)
async def test_how_it_is_sent(send_as, before, expected):
    """The value is neither decoded nor encoded, and joins the cookies that are there."""
    strategy = CookieToken(f"{TOKEN}\n", send_as=send_as)

    assert expected == sent(strategy, await strategy.credential(Fetched()), headers=list(before)).headers


@pytest.mark.parametrize("bad", ["", "a b", "a;b", "a,b", 'a"b', "a\\b", "a\r\nb", "ü", None, 7])
def test_refuses_what_no_cookie_carries(bad):
    """Row 11: a token that would change the header is refused when it is given, unseen."""
    with pytest.raises(ConfigurationError, match=r"^ccmessaging-token "):
        CookieToken(bad)


def test_refuses_another_way_of_sending():
    """There are three ways of sending it."""
    with pytest.raises(ConfigurationError, match="'cookie', 'header' or 'both'"):
        CookieToken(TOKEN, send_as="query")


async def test_given_token_is_final():
    """A given token is there at once, and when it is refused there is no other."""
    strategy = CookieToken(Secret(TOKEN))
    credential = strategy.held()

    assert (credential, credential) == (
        await strategy.credential(Fetched()),
        await strategy.credential(Fetched(), rejected=credential),
    )
    assert ["ok", "denied", "ok"] == [
        strategy.verdict(sent(strategy, credential), answer(status)) for status in (200, 401, 500)
    ]


async def test_server_renews():
    """A new token in an answer takes the place of the one that was sent, and a refusal of the old is repeated."""
    strategy = CookieToken(TOKEN)
    old = strategy.held()
    request = sent(strategy, old)

    strategy.observe(request, answer(200, ccmessaging_token="new%3D").head)

    assert ("new%3D", "renew") == (
        (await strategy.credential(Fetched())).secret.reveal(),
        strategy.verdict(request, answer(401)),
    )


async def test_late_answer_renews_nothing():
    """The answer to an older token does not replace a newer one."""
    strategy = CookieToken(TOKEN)
    old = sent(strategy, strategy.held())
    strategy.observe(old, answer(200, ccmessaging_token="newer").head)

    strategy.observe(old, answer(200, ccmessaging_token="late").head)

    assert "newer" == strategy.held().secret.reveal()


@pytest.mark.parametrize("value", ["", "a; Path=/", "ü", '"quoted"', "a b"])
def test_renewal_that_cannot_travel_is_ignored(value):
    """An answer whose new token no cookie can carry changes nothing, and is no error of the call it answers."""
    strategy = CookieToken(TOKEN)

    strategy.observe(sent(strategy, strategy.held()), answer(200, ccmessaging_token=value).head)

    assert TOKEN == strategy.held().secret.reveal()


async def test_supplier_is_asked_when_needed():
    """An async function is asked for the first token and after a refusal, not otherwise."""
    tokens = iter(["one", "two"])

    async def supply():
        await anyio.lowlevel.checkpoint()
        return next(tokens)

    strategy = CookieToken(supply)
    empty = strategy.held()
    first = await strategy.credential(Fetched())
    again = await strategy.credential(Fetched())
    second = await strategy.credential(Fetched(), rejected=first)
    late = await strategy.credential(Fetched(), rejected=first)

    assert (None, True, first, second, "two") == (empty, strategy.needs_io, again, late, second.secret.reveal())


async def test_supplier_without_another():
    """A supplier that gives the refused token again gives the same credential, so that nothing is repeated."""

    async def supply():
        return TOKEN

    strategy = CookieToken(supply)
    first = await strategy.credential(Fetched())

    assert first is await strategy.credential(Fetched(), rejected=first)


def test_refusal_of_a_supplied_token_is_repeated():
    """After a 401 a supplier may have another."""

    async def supply():
        return TOKEN

    strategy = CookieToken(supply)

    assert "renew" == strategy.verdict(sent(strategy, Credential(Secret("old"))), answer(401))


async def test_bad_token_of_a_supplier():
    """What a supplier gives is checked like a given token."""

    async def supply():
        return "a;b"

    with pytest.raises(ConfigurationError, match="no cookie may carry"):
        await CookieToken(supply).credential(Fetched())
