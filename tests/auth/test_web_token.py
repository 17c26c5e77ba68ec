"""A visitor's token that is applied for at API Fabric."""

import json
import time

import pytest

from aiocc.auth import AppKey, WebToken
from aiocc.delivery import Reason
from aiocc.errors import ConfigurationError, CredentialError
from aiocc.protocol.messages import Origin

from .conftest import Fetched, answer, sent

BEARER = answer(200, {"AccessToken": "bearer-1", "ApplyType": "Bearer", "Expires": "600"})
BEARER_2 = answer(200, {"AccessToken": "bearer-2", "ApplyType": "Bearer", "Expires": "600"})
VISITOR = {"url": "https://fabric.example", "channel_id": "c1", "user_id": "u1", "user_name": "Ada"}
SECRET = "my-app-secret"


def web_token(**changes):
    """Make a visitor who has applied for nothing yet."""
    return WebToken(AppKey("my-app-key", SECRET), **{**VISITOR, **changes})


async def test_application():
    """The app key's token is had first, then the visitor's, with the documented fields at the documented path."""
    fetched = Fetched(BEARER, answer(200, {"resultCode": "0", "token": "abc%3D"}))

    credential = await web_token(locale="zh_CN").credential(fetched)

    request = fetched.asked[1]
    assert ("POST", Origin("https", "fabric.example", 443), "/apiaccess/ccmessaging/applyToken", "abc%3D") == (
        request.method,
        request.origin,
        request.target,
        credential.secret.reveal(),
    )
    assert {"channelId": "c1", "userId": "u1", "userName": "Ada", "locale": "zh_CN"} == json.loads(request.body)
    assert {"Content-Type": "application/json", "X-APP-Key": "my-app-key", "Authorization": "Bearer bearer-1"} == dict(
        request.headers
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"resultCode": "0", "token": "abc"}, "abc"),
        ({"resultCode": 0, "token": "abc"}, "abc"),
        ({"token": "abc"}, "abc"),
        ({"token": '"abc"'}, "abc"),
    ],
)
async def test_forms_of_the_answer(data, expected):
    """A missing code beside a token is success, and one pair of quotes around it is stripped."""
    credential = await web_token().credential(Fetched(BEARER, answer(200, data)))

    left = credential.expires_at - time.monotonic()
    assert (expected, True) == (credential.secret.reveal(), 2880 < left < 3600)


@pytest.mark.parametrize(
    ("status", "data", "words"),
    [
        (200, {"resultCode": "1", "resultDesc": "no such channel", "token": "abc"}, "HTTP 200: no such channel"),
        (200, {"resultCode": "1"}, "HTTP 200$"),
        (200, {"resultCode": None, "token": "abc"}, "HTTP 200$"),
        (200, {"resultCode": "0"}, "HTTP 200$"),
        (200, {"resultCode": "0", "token": ""}, "HTTP 200$"),
        (200, {"resultCode": "0", "token": '""'}, "HTTP 200$"),
        (200, {"resultCode": "0", "token": 7}, "HTTP 200$"),
        (500, {"resultCode": "0", "token": "abc"}, "HTTP 500$"),
        (200, b"<html>", "HTTP 200$"),
        (200, {"resultCode": "0", "token": "t0ken; Path=/"}, "applyToken"),
        (200, {"resultCode": "0", "token": "t0ken\r\nX: y"}, "applyToken"),
    ],
)
async def test_no_token(status, data, words):
    """An answer without a token that a cookie can carry is a CredentialError, which shows no secret."""
    with pytest.raises(CredentialError, match=words) as caught:
        await web_token().credential(Fetched(BEARER, answer(status, data)))
    assert [] == [word for word in (SECRET, "bearer-1", "t0ken") if word in str(caught.value)]


@pytest.mark.parametrize(
    ("status", "reason", "remedy"),
    [
        (404, Reason.CREDENTIAL_UNAVAILABLE, "No token is given out at this address: check url= and channel_id="),
        (200, Reason.CREDENTIAL_UNAVAILABLE, "The answer has no token: check url= and channel_id= of WebToken, and"),
        (500, Reason.CREDENTIAL_UNAVAILABLE, "The token service fails: wait, then try again;"),
        (429, Reason.CREDENTIAL_UNAVAILABLE, "Tokens are asked for too often. Wait 60 s, then try again."),
        (400, Reason.CREDENTIAL_REFUSED, ""),
    ],
)
async def test_why_there_is_no_token(status, reason, remedy):
    """What to do about an application without a token depends on what answered it."""
    with pytest.raises(CredentialError) as caught:
        await web_token().credential(Fetched(BEARER, answer(status, {"resultCode": "1"}, retry_after="60")))

    error = caught.value
    assert (reason, remedy) == (error.reason, error.remedy[: len(remedy)])


async def test_refused_bearer_is_renewed_once():
    """Where the app key's token is refused, another one is had and the application repeated, once."""
    refused = answer(403, {"errorCode": "0", "exceptionInfo": "auth fail! illegal or expired token info."})
    fetched = Fetched(BEARER, refused, BEARER_2, answer(200, {"resultCode": "0", "token": "abc"}))

    credential = await web_token().credential(fetched)

    tokens = [request.header("authorization") for request in fetched.asked]
    assert ("abc", [None, "Bearer bearer-1", None, "Bearer bearer-2"]) == (credential.secret.reveal(), tokens)


async def test_bearer_that_stays_refused():
    """A second refusal of the app key's token is the end."""
    fetched = Fetched(BEARER, answer(401), BEARER_2, answer(401))

    with pytest.raises(CredentialError, match=r"HTTP 401$"):
        await web_token().credential(fetched)
    assert 4 == len(fetched.asked)


async def test_token_is_kept():
    """One token serves until it ends or is refused, and a refusal always asks for another."""
    fetched = Fetched(BEARER, *(answer(200, {"resultCode": "0", "token": token}) for token in ("one", "two")))
    visitor = web_token()

    empty = visitor.held()
    first = await visitor.credential(fetched)
    again = await visitor.credential(fetched)
    second = await visitor.credential(fetched, rejected=first)

    assert (None, first, "two", second) == (empty, again, second.secret.reveal(), visitor.held())
    assert "renew" == visitor.verdict(sent(visitor, second), answer(401))


async def test_one_app_key_serves_many_visitors():
    """Visitors share the app key's token."""
    app_key = AppKey("my-app-key", SECRET)
    fetched = Fetched(BEARER, *(answer(200, {"token": name}) for name in ("a", "b", "c")))

    for name in ("a", "b", "c"):
        await WebToken(app_key, **{**VISITOR, "user_id": name}).credential(fetched)

    assert ["tokenByAkSk", *["applyToken"] * 3] == [request.path.rpartition("/")[2] for request in fetched.asked]


async def test_server_renews():
    """A token that the server renewed lives as long as one that was applied for."""
    visitor = web_token()
    first = await visitor.credential(Fetched(BEARER, answer(200, {"token": "one"})))

    visitor.observe(sent(visitor, first), answer(200, ccmessaging_token="two").head)

    held = visitor.held()
    left = held.expires_at - time.monotonic()
    assert ("two", True) == (held.secret.reveal(), 2880 < left < 3600)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channel_id": ""}, "channelId must be text"),
        ({"user_id": ""}, "userId must be text"),
        ({"user_id": "u" * 33}, "userId must be text of 1 to 32 characters, not of 33"),
        ({"user_name": None}, "userName must be text"),
        ({"locale": ""}, "locale must be text"),
        ({"url": "http://fabric.example"}, "url must be https"),
        ({"url": "fabric.example"}, "url must be an absolute"),
        ({"send_as": "query"}, "send_as must be"),
    ],
)
def test_refuses(changes, words):
    """A field outside its limit, and an address without TLS, are refused at once."""
    with pytest.raises(ConfigurationError, match=words):
        web_token(**changes)
