"""C1: API Fabric's bearer token."""

import time

import pytest

from aiocc.auth import AppKey, Credential, Secret
from aiocc.errors import ConfigurationError, CredentialError
from aiocc.protocol.messages import Origin

from .conftest import Fetched, answer, sent

KEY, SECRET = "my-app-key", "my-app-secret"
PATH = "/apigovernance/api/oauth/tokenByAkSk"
DOCUMENTED = {
    "AccessToken": "1fea3651a3a09fa8489054bc3e1d6a15",
    "ApplyType": "Bearer",
    "CreateTime": "1545650171",
    "Expires": "600",
    "Scope": "********",
    "AppKey": KEY,
    "UserID": "Anonymous",
}


async def test_token_request():
    """The keys travel in the body alone, as JSON, to the documented path, with the life time asked for."""
    fetched = Fetched(answer(200, DOCUMENTED))

    await AppKey(f"{KEY}\n", Secret(SECRET), lifetime=60).credential(fetched)

    request = fetched.asked[0]
    assert ("POST", None, PATH, b'{"app_key":"my-app-key","app_secret":"my-app-secret"}') == (
        request.method,
        request.origin,
        request.target,
        request.body,
    )
    assert [("Content-Type", "application/json"), ("X-Token-Expire", "60")] == request.headers


async def test_token_is_put_on_a_request():
    """A request carries the app key, and the token after the word that came with it and one blank."""
    strategy = AppKey(KEY, SECRET)
    credential = await strategy.credential(Fetched(answer(200, DOCUMENTED)))

    assert [
        ("X-APP-Key", KEY),
        ("Authorization", "Bearer 1fea3651a3a09fa8489054bc3e1d6a15"),
    ] == sent(strategy, credential).headers


@pytest.mark.parametrize(
    ("changes", "scheme", "seconds"),
    [
        ({}, "Bearer", 600),
        ({"Expires": 600}, "Bearer", 600),
        ({"Expires": "100"}, "Bearer", 100),
        ({"Expires": "3600"}, "Bearer", 3600),
        ({"Expires": None}, "Bearer", 3600),
        ({"Expires": "soon"}, "Bearer", 3600),
        ({"Expires": "-1"}, "Bearer", 3600),
        ({"Expires": "nan"}, "Bearer", 3600),
        ({"Expires": "1545650771"}, "Bearer", 3600),
        ({"Expires": True}, "Bearer", 3600),
        ({"ApplyType": "Token"}, "Token", 600),
        ({"ApplyType": None}, "Bearer", 600),
        ({"ApplyType": "Bearer\r\nX: y"}, "Bearer", 600),
        ({"AccessToken": "quoted-\"'"}, "Bearer", 600),
    ],
)
async def test_token_answer(changes, scheme, seconds):
    """Values come as text or numbers; Expires is a length; a token ends a little early, so as not to end on its way."""
    credential = await AppKey(KEY, SECRET).credential(Fetched(answer(200, {**DOCUMENTED, **changes})))

    left = credential.expires_at - time.monotonic()
    assert (scheme, True) == (credential.scheme, 0.8 * seconds < left < seconds)


@pytest.mark.parametrize(
    ("status", "data", "words"),
    [
        (403, {"errorCode": "0", "exceptionInfo": "auth fail!"}, "HTTP 403: auth fail!"),
        (403, {"errorCode": "0", "exceptionInfo": f"unknown {SECRET}\n{KEY}"}, r"HTTP 403: unknown \*\*\*"),
        (403, b"<html>", "HTTP 403$"),
        (500, DOCUMENTED, "HTTP 500"),
        (200, {}, "HTTP 200$"),
        (200, [], "HTTP 200$"),
        (200, b"", "HTTP 200$"),
        (200, {"AccessToken": ""}, "HTTP 200$"),
        (200, {"AccessToken": 7}, "HTTP 200$"),
        (200, {"AccessToken": "t0ken\r\nX-Evil: 1"}, "tokenByAkSk"),
        (200, {"AccessToken": "t0ken ü"}, "tokenByAkSk"),
    ],
)
async def test_no_token(status, data, words):
    """An answer without a token that can travel is a CredentialError, which shows nothing of the request."""
    with pytest.raises(CredentialError, match=words) as caught:
        await AppKey(KEY, SECRET).credential(Fetched(answer(status, data)))
    assert [] == [word for word in (KEY, SECRET, "t0ken", "\n") if word in str(caught.value)]


async def test_token_is_kept():
    """One token serves until it ends or is refused; then another takes its place."""
    fetched = Fetched(*(answer(200, {**DOCUMENTED, "AccessToken": token}) for token in ("one", "two", "three")))
    strategy = AppKey(KEY, SECRET)

    empty = strategy.held()
    first = await strategy.credential(fetched)
    again = await strategy.credential(fetched)
    second = await strategy.credential(fetched, rejected=first)
    late = await strategy.credential(fetched, rejected=first)

    assert (None, first, second, second) == (empty, again, late, strategy.held())
    assert ["one", "two", 2] == [first.secret.reveal(), second.secret.reveal(), len(fetched.asked)]


async def test_expired_token_is_replaced():
    """A token whose time is over is not held, and the next one is fetched."""
    short = answer(200, {**DOCUMENTED, "Expires": "0.000001"})
    fetched = Fetched(short, answer(200, {**DOCUMENTED, "AccessToken": "two"}))
    strategy = AppKey(KEY, SECRET)

    await strategy.credential(fetched)
    held = strategy.held()
    second = await strategy.credential(fetched)

    assert (None, "two") == (held, second.secret.reveal())


async def test_failed_fetch_leaves_nothing():
    """After a failed fetch the next call fetches again."""
    fetched = Fetched(answer(500), answer(200, DOCUMENTED))
    strategy = AppKey(KEY, SECRET)

    with pytest.raises(CredentialError):
        await strategy.credential(fetched)
    found = await strategy.credential(fetched)

    assert found is strategy.held()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"{}", "ok"),
        (401, b"", "renew"),
        (403, b'{"errorCode":"0","exceptionInfo":"auth fail! illegal or expired token info."}', "renew"),
        (403, b'{"exceptionInfo":"Auth fail! Illegal or Expired Token info."}', "renew"),
        (403, b'{"errorCode":"0","exceptionInfo":"no entitlement"}', "ok"),
        (403, b"<html>", "ok"),
        (500, b"illegal or expired token", "ok"),
    ],
)
def test_verdict(status, body, expected):
    """A 401, and a 403 that speaks of the token, ask for another one; any other refusal does not."""
    strategy, credential = AppKey(KEY, SECRET), Credential(Secret("t"), scheme="Bearer")

    assert expected == strategy.verdict(sent(strategy, credential), answer(status, body))


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://tokens.example:28070", Origin("https", "tokens.example", 28070), PATH),
        (f"https://tokens.example{PATH}", Origin("https", "tokens.example", 443), PATH),
        ("https://tokens.example/prefix/", Origin("https", "tokens.example", 443), f"/prefix{PATH}"),
        ("https://tokens.example/own/tokenByAkSk", Origin("https", "tokens.example", 443), "/own/tokenByAkSk"),
        ("http://127.0.0.1:8080", Origin("http", "127.0.0.1", 8080), PATH),
    ],
)
async def test_token_url(url, origin, path):
    """The token's address is given whole, with a prefix, or as an origin alone."""
    fetched = Fetched(answer(200, DOCUMENTED))

    await AppKey(KEY, SECRET, token_url=url).credential(fetched)

    assert (origin, path) == (fetched.asked[0].origin, fetched.asked[0].path)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("", SECRET), {}, "app_key is empty"),
        ((KEY, ""), {}, "app_secret is empty"),
        ((KEY, f"{SECRET}\x00"), {}, "app_secret has characters"),
        ((KEY, SECRET), {"lifetime": 0}, "lifetime must be"),
        ((KEY, SECRET), {"lifetime": 3601}, "lifetime must be"),
        ((KEY, SECRET), {"lifetime": 1.5}, "lifetime must be"),
        ((KEY, SECRET), {"lifetime": True}, "lifetime must be"),
        ((KEY, SECRET), {"token_url": "http://tokens.example"}, "token_url must be https"),
        ((KEY, SECRET), {"token_url": "http://localhost"}, "token_url must be https"),
        ((KEY, SECRET), {"token_url": "https://user:pa55@tokens.example"}, "token_url must not hold user info"),
        ((KEY, SECRET), {"token_url": "tokens.example"}, "token_url must be an absolute"),
    ],
)
def test_refuses(arguments, options, words):
    """Keys that cannot travel, a life time outside its limit, and an address without TLS are refused at once."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        AppKey(*arguments, **options)
    assert [] == [word for word in (SECRET, "pa55") if word in str(caught.value)]
