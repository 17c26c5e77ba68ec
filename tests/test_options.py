"""A service as its user describes it."""

import ssl

import httpx
import pytest

from aiocc import Client, CreateCall, PoolLimits, RetryPolicy
from aiocc.auth import AkSk, AppKey, CookieToken, Secret
from aiocc.errors import ClientClosedError, ConfigurationError, InvalidRequestError
from aiocc.options import Service, headers_option
from aiocc.protocol.limits import AnswerLimits, Timeouts
from aiocc.protocol.messages import Origin
from aiocc.protocol.pace import Rate
from aiocc.transport.tls import TLS

URL = "https://10.10.10.2:18446"
TRANSPORT = httpx.MockTransport(lambda _: httpx.Response(200))


def test_defaults():
    """A service needs an address; all else has a default of the design."""
    service = Service(URL)

    assert (None, (), PoolLimits(), Timeouts(), AnswerLimits(), RetryPolicy(), None, None, TLS(), None, False) == (
        service.auth,
        service.headers,
        service.pool,
        service.timeouts,
        service.limits,
        service.retry,
        service.concurrency,
        service.rate,
        service.tls,
        service.transport,
        service.insecure_http,
    )


def test_what_is_given_is_kept():
    """What a service is given it has."""
    context = ssl.create_default_context()
    auth, pool, rate = CookieToken("token"), PoolLimits(max_connections=7), Rate(50)

    service = Service(
        URL, auth=auth, pool=pool, rate=rate, concurrency=3, tls=context, headers={"X-TenantSpaceID": "1"}
    )

    assert (auth, pool, rate, 3, context, (("X-TenantSpaceID", Secret("1")),), None) == (
        service.auth,
        service.pool,
        service.rate,
        service.concurrency,
        service.tls,
        service.headers,
        service.server_name,
    )


@pytest.mark.parametrize(
    ("url", "options", "origin", "prefix"),
    [
        (URL, {}, Origin("https", "10.10.10.2", 18446), ""),
        ("https://h/gate/way/", {}, Origin("https", "h", 443), "/gate/way"),
        ("http://127.0.0.1:8080", {}, Origin("http", "127.0.0.1", 8080), ""),
        ("http://[::1]:8080", {}, Origin("http", "::1", 8080), ""),
        ("http://lab.example", {"insecure_http": True}, Origin("http", "lab.example", 80), ""),
    ],
)
def test_address(url, options, origin, prefix):
    """An address is https, may have a path, and http only at a literal loopback address or when it is asked for."""
    service = Service(url, **options)

    assert (origin, prefix) == (service.origin, service.prefix)


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("http://10.10.10.2", {}, "url must be https"),
        ("http://localhost", {}, "url must be https"),
        ("https://user:s3cret@h", {}, "url must not hold user info"),
        ("h:8043", {}, "url must be an absolute"),
        (URL, {"auth": "s3cret-token"}, "auth must be .* not text"),
        (URL, {"auth": Secret("s3cret-token")}, "auth must be "),
        (URL, {"auth": ("user", "s3cret")}, "auth must be .* not a tuple"),
        (URL, {"concurrency": 0}, "Service.concurrency must be a whole number over 0"),
        (URL, {"concurrency": 101}, r"concurrency=101 is more .* PoolLimits\(max_connections=100\): raise these too"),
        (URL, {"concurrency": 8, "pool": PoolLimits(max_connections=7)}, "concurrency=8 is more than there are"),
        (URL, {"transport": TRANSPORT, "pool": PoolLimits()}, "leave pool= and tls= out"),
        (URL, {"transport": TRANSPORT, "tls": TLS()}, "leave pool= and tls= out"),
    ],
)
def test_refuses(url, options, words):
    """What cannot work, or would show a secret, is refused when the service is made."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        Service(url, **options)
    assert "s3cret" not in str(caught.value)


async def test_any_auth_of_httpx_works():
    """A user's own `httpx.Auth` authenticates a service's requests."""
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200, json={"resultCode": "0", "returnCode": "0"})

    service = Service(URL, auth=httpx.BasicAuth("user", "word"), transport=httpx.MockTransport(answer))
    async with Client(webadapter=service) as client:
        await client.leave_message(phone_no="123456", content="call back")

    assert ["Basic dXNlcjp3b3Jk"] == seen


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), ()),
        ({"X-A": "1", "X-B": ""}, (("X-A", "1"), ("X-B", ""))),
        ([("X-A", "1"), ("X-A", "2")], (("X-A", "1"), ("X-A", "2"))),
        (iter([("X-A", "a b")]), (("X-A", "a b"),)),
    ],
)
def test_headers(given, expected):
    """Headers are a mapping or pairs, and keep their order and repetition."""
    assert expected == headers_option(given)


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (("", "1"), "no header name"),
        (("X A", "1"), "no header name"),
        (("X-A:", "1"), "no header name"),
        (("X-A\r\n", "1"), "no header name"),
        (("X-Ä", "1"), "no header name"),
        ((7, "1"), "no header name"),
        (("Host", "evil.example"), "set by the client itself"),
        (("content-length", "1"), "set by the client itself"),
        (("Transfer-Encoding", "chunked"), "set by the client itself"),
        (("X-A", "s3cret\r\nX-B: 2"), "the value of X-A"),
        (("X-A", "s3cret\x00"), "the value of X-A"),
        (("X-A", " s3cret"), "the value of X-A"),
        (("X-A", "s3cret ü"), "the value of X-A"),
        (("X-A", None), "the value of X-A"),
    ],
)
def test_headers_refuse(pair, words):
    """A name or value that no header may have, and what frames a request, are refused; values are not shown."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        headers_option([pair])
    assert "s3cret" not in str(caught.value)


def test_repr_shows_no_secret():
    """A service can be printed: credentials, values of headers and files of keys are not in it."""
    service = Service(
        URL,
        auth=AkSk("s3cret-ak", "s3cret-sk"),
        headers={"X-Token": "s3cret-token"},
        tls=TLS(client_cert=("cert.pem", "key.pem", "s3cret-password")),
    )

    assert ("s3cret" not in repr(service), True) == (True, "X-Token" in repr(service))


@pytest.mark.parametrize("where", ["service", "view"])
async def test_resending_calls_takes_a_second_switch(where):
    """`on_unknown="resend"` alone is refused for what dials, before anything is sent: people would be called twice."""
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"AccessToken": "token", "ApplyType": "Bearer", "Expires": "600"})

    resend = RetryPolicy(on_unknown="resend")
    retry = resend if where == "service" else RetryPolicy()
    service = Service(URL, auth=AppKey("key", "word"), transport=httpx.MockTransport(answer), retry=retry)
    async with Client(fabric=service) as client:
        view = client if where == "service" else client.with_options(retry=resend)
        with pytest.raises(ConfigurationError, match="allow_duplicate_calls"):
            await view.send(CreateCall(called="88884432"))

    assert [] == seen


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tls": "/x.pem"}, "tls must be TLS or SSLContext, not text"),
        ({"tls": False}, "tls must be TLS or SSLContext, not a bool"),
        ({"pool": 5}, "pool must be PoolLimits, not 5"),
        ({"timeouts": 5.0}, "timeouts must be Timeouts, not a float"),
        ({"retry": 3}, "retry must be RetryPolicy, not 3"),
        ({"rate": 50}, "rate must be Rate or None, not 50"),
        ({"insecure_http": "yes"}, "insecure_http must be True or False, not text"),
        ({"headers": {"authorization": "s3cret"}}, "carries a credential"),
        ({"headers": {"Guid": "s3cret"}}, "carries a credential"),
    ],
)
def test_a_setting_of_another_class_is_named(options, words):
    """A setting that cannot work is refused when it is given, by its name, and not at the first call."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        Service(URL, **options)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("request_", ["x", None, 5])
async def test_what_is_no_request_is_refused(request_):
    """`send` and `explain` name what they take."""
    async with Client(webadapter=Service(URL, auth=CookieToken("token"))) as client:
        with pytest.raises(InvalidRequestError, match="such as CreateCall"):
            await client.send(request_)
        with pytest.raises(InvalidRequestError, match="such as CreateCall"):
            client.explain(request_)


async def test_a_closed_client_cannot_be_entered():
    """Entering a closed client says so, not its first call."""
    client = Client(webadapter=Service(URL, auth=CookieToken("token")))
    await client.aclose()

    with pytest.raises(ClientClosedError):
        await client.__aenter__()
