"""C2, "auth-v2": vectors made by the vendor's own demo classes, and what a strategy signs."""

import hmac
import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import httpx
import pytest

from aiocc.auth import AkSk, Credential, Secret, sign_c2
from aiocc.auth.aksk import signed_at, timestamp_text
from aiocc.errors import ConfigurationError
from aiocc.protocol.messages import AnswerHead, Origin

from .conftest import Fetched, answer, sent

AK, SK, TIME = "globalaktest", "1q2w3e4r5t6y7u8i9o20", "2024-10-31T14:06:52Z"
MOMENT = datetime(2024, 10, 31, 14, 6, 52, 123456, tzinfo=UTC)
HOST = "10.22.26.181:28080"
PATH = "/rest/isales/v1/openapi/campaigns/1/queryOBSResultCode"
OBS = {"method": "GET", "path": PATH, "query": {"pageSize": "50", "pageNum": "1"}, "headers": {"host": HOST}}
PING = {
    "method": "POST",
    "path": "/rest/cmsapp/v1/ping",
    "body": '{"say": "Hello world!"}',
    "headers": {"host": HOST},
}
NAMES = {
    "method": "GET",
    "path": "/rest/cmsapp/v1/openapi/x",
    "query": {"a b": "c+d/e", "name": "张三", "z": "", "star": "*~"},
    "headers": {"host": HOST},
}
THREE = {"content-length": "23", "content-type": "application/json;charset=UTF-8", "host": HOST}
V5 = {**PING, "headers": THREE}
MILLISECONDS = {"timestamp": "2024-10-31T14:06:52.123Z"}

VECTORS = [
    ("V1", OBS, "host/3698671251128c97d134f5b7505efc624c34727f7cfa45af8ecd63cea19a793b"),
    ("V2", {**OBS, "headers": {"host": "10.22.26.181"}},
     "host/10aaea5481f6a58809bccbdf6077125a0c8419e1864f69059843a5fd4dc027e9"),
    ("V3", {**OBS, "headers": {"content-type": "application/json; charset=UTF-8", "host": HOST}},
     "content-type;host/6b6d49f61cacf83bf777d66a3c8130127c2bbe7040d200842096f524811e63be"),
    ("V4", PING, "host/6d610c376a09567aa4fd624ed085a08812bb6044410f1771e393062e0e1382aa"),
    ("V5", V5,
     "content-length;content-type;host/a81d8766adb068983497440bc82f467f893dd9a48ecb3949d4d55973e96980db"),
    ("V7", NAMES, "host/d2018d7fb24174cf5f203286768c0d734c10ae8671df0e4ee13dac70fed6fd26"),
    ("V5 in milliseconds", {**V5, **MILLISECONDS},
     "content-length;content-type;host/e7ec03fce9d08901bf5e1f0840fe12f7c21824cd84514029e74b8099e6d64735"),
    ("V5 with a blank line", {**V5, **MILLISECONDS, "blank_query_line": True},
     "content-length;content-type;host/77887f83f3e18024d5a790da83b5093c8849835f8ce8513d53b60493afc9a7f2"),
]  # fmt: skip

SIGNING_KEY = "61a237f3c8dd0402457dc6893f0e8bdb1c9cc25d8583131c931a20c9eee93903"


def sign(**fields):
    """Sign a request with the keys and the time of the vectors."""
    return sign_c2(**{"access_key": AK, "secret_key": SK, "timestamp": TIME, **fields})


@pytest.mark.parametrize(("name", "request_", "expected"), VECTORS, ids=[name for name, _, _ in VECTORS])
def test_vector(name, request_, expected):
    """A signature is the one that the vendor's demo classes make for the same input."""
    moment = request_.get("timestamp", TIME)

    assert (name, f"auth-v2/{AK}/{moment}/{expected}") == (name, sign(**request_))


@pytest.mark.parametrize(
    ("request_", "canonical"),
    [
        (OBS, f"GET\n{PATH}\npageNum=1&pageSize=50\nhost\nhost:10.22.26.181%3A28080\n"),
        (
            PING,
            "POST\n/rest/cmsapp/v1/ping\nhost\nhost:10.22.26.181%3A28080\n%7B%22say%22%3A%20%22Hello%20world%21%22%7D",
        ),
        (
            NAMES,
            "GET\n/rest/cmsapp/v1/openapi/x\na%20b=c%2Bd%2Fe&name=%E5%BC%A0%E4%B8%89&star=%2A~&z=\n"
            "host\nhost:10.22.26.181%3A28080\n",
        ),
    ],
    ids=["V1", "V4", "V7"],
)
def test_intermediate_values(request_, canonical):
    """The signature is made of the documented canonical request, with the hexadecimal text of the signing key."""
    prefix = f"auth-v2/{AK}/{TIME}/host"
    key = hmac.digest(SK.encode(), prefix.encode(), "sha256").hex()
    signature = hmac.digest(key.encode(), canonical.encode(), "sha256").hex()

    assert (SIGNING_KEY, f"{prefix}/{signature}") == (key, sign(**request_))


@pytest.mark.parametrize(
    "fields",
    [
        {"query": {"pageNum": "1", "pageSize": "50"}},
        {"query": [("pageSize", "50"), ("pageNum", "1")]},
        {"query": (("pageSize", "50"), ("pageNum", "1"), ("pageSize", "50"))},
        {"method": "get"},
        {"headers": {"Host": HOST}},
        {"secret_key": Secret(SK)},
        {"body": ""},
        {"body": b""},
        {"timestamp": MOMENT},
        {"timestamp": MOMENT.astimezone(timezone(timedelta(hours=8)))},
    ],
)
def test_what_does_not_change_a_signature(fields):
    """Order and repetition in the query, case of names, an empty body and the form of the time say the same."""
    assert sign(**OBS) == sign(**{**OBS, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"query": {"pageSize": "50", "pageNum": "2"}},
        {"query": {"pageSize": "50", "pageNum": "1", "x": ""}},
        {"path": f"{PATH}/"},
        {"method": "POST"},
        {"headers": {"host": "other"}},
        {"body": "{}"},
        {"secret_key": f"{SK}x"},
        {"access_key": f"{AK}x"},
        {"timestamp": "2024-10-31T14:06:53Z"},
    ],
)
def test_what_changes_a_signature(fields):
    """Every part of the request, and the moment, is signed."""
    assert sign(**OBS).rpartition("/")[2] != sign(**{**OBS, **fields}).rpartition("/")[2]


def test_order_is_that_of_finished_pairs():
    """`a-b=1` sorts before `a=1`, since whole pairs are sorted, not names."""
    request = {**OBS, "query": [("a", "1"), ("a-b", "1")]}
    canonical = f"GET\n{PATH}\na-b=1&a=1\nhost\nhost:10.22.26.181%3A28080\n"
    signature = hmac.digest(SIGNING_KEY.encode(), canonical.encode(), "sha256").hex()

    assert f"auth-v2/{AK}/{TIME}/host/{signature}" == sign(**request)


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"headers": {}}, "host, must be signed"), ({"timestamp": MOMENT.replace(tzinfo=None)}, "time zone")],
)
def test_sign_refuses(fields, words):
    """Nothing to sign, and a time of no place, are errors."""
    with pytest.raises(ValueError, match=words):
        sign(**{**OBS, **fields})


@pytest.mark.parametrize(
    ("options", "headers", "signed"),
    [
        ({}, [("Host", HOST)], {"host": HOST}),
        ({}, [], {"host": HOST}),
        ({"host": "10.22.26.181"}, [("Host", HOST)], {"host": "10.22.26.181"}),
        ({"milliseconds": True}, [("Host", HOST)], {"host": HOST}),
        ({"blank_query_line": True}, [("Host", HOST)], {"host": HOST}),
        ({"signed_headers": "Host"}, [("Host", HOST)], {"host": HOST}),
        (
            {"signed_headers": ["Host", "Content-Length", "content-type"]},
            [("Host", HOST), ("Content-Type", "application/json;charset=UTF-8")],
            THREE,
        ),
        (
            {"signed_headers": ("content-length", "host")},
            [("Host", HOST), ("content-length", "23")],
            {"host": HOST, "content-length": "23"},
        ),
    ],
)
def test_strategy_signs_what_is_sent(options, headers, signed):
    """The value in the Authorization header is the signature of this very request, at the time it names."""
    strategy = AkSk(AK, f"{SK}\n", **options)
    body = PING["body"].encode()

    request = sent(
        strategy,
        Credential(Secret(SK)),
        path=PING["path"],
        headers=list(headers),
        body=body,
        origin=Origin("https", "10.22.26.181", 28080),
    )

    value = request.header("authorization")
    moment = value.split("/")[2]
    assert True is bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", moment))
    assert options.get("milliseconds", False) is ("." in moment)
    assert value == sign(
        **{**PING, "headers": signed, "body": body},
        timestamp=moment,
        blank_query_line=options.get("blank_query_line", False),
    )


def test_content_length_of_no_body():
    """A GET's content-length is signed as 0 where it is to be signed."""
    strategy = AkSk(AK, SK, signed_headers=("host", "content-length"))

    request = sent(strategy, Credential(Secret(SK)), method="GET", headers=[("Host", HOST)])

    value = request.header("authorization")
    headers = {"host": HOST, "content-length": "0"}
    assert value == sign(method="GET", path="/x", headers=headers, timestamp=value.split("/")[2])


@pytest.mark.parametrize("header", ["content-type", "host"])
def test_missing_header_cannot_be_signed(header):
    """A header that is to be signed and is not sent is an error of configuration, not a wrong signature."""
    strategy = AkSk(AK, SK, signed_headers={"host", header})
    headers = [("Host", HOST)] if header != "host" else []

    with pytest.raises(ConfigurationError, match=f"no header '{header}'"):
        sent(strategy, Credential(Secret(SK)), headers=headers)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("", SK), {}, "access_key is empty"),
        ((AK, "\n"), {}, "secret_key is empty"),
        ((AK, "s3cr3t\x00"), {}, "secret_key has characters"),
        ((f"{AK}ü", SK), {}, "access_key has characters"),
        ((AK, None), {}, "secret_key must be text"),
        ((AK, SK), {"signed_headers": ("content-type",)}, "'host'"),
        ((AK, SK), {"signed_headers": ()}, "'host'"),
    ],
)
def test_strategy_refuses(arguments, options, words):
    """Keys that cannot travel, and a signature without the host, are refused when the strategy is made."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        AkSk(*arguments, **options)
    assert "s3cr3t" not in str(caught.value)


async def test_keys_are_the_credential():
    """The keys are there at once, and a refusal of theirs is final while the clock is right."""
    strategy = AkSk(AK, SK)
    credential = await strategy.credential(Fetched())

    assert (credential, False, f"<{AkSk.__name__}>") == (strategy.held(), credential.expired, repr(strategy))
    assert ["ok", "denied", "ok"] == [
        strategy.verdict(sent(strategy, credential, headers=[("Host", HOST)]), answer(status))
        for status in (200, 401, 500)
    ]


@pytest.mark.parametrize(
    ("options", "world", "params"),
    [
        ({}, {}, {}),
        ({"milliseconds": True}, {}, {}),
        ({"signed_headers": ("host", "content-type")}, {}, {}),
        ({"signed_headers": ("host", "content-type", "content-length")}, {}, {}),
        ({"blank_query_line": True}, {"c2_blank_query_line": True}, {}),
        ({}, {}, {"a b": "c+d/e", "name": "张三", "z": "", "star": "*~"}),
    ],
)
async def test_service_accepts(aicc, http, options, world, params):
    """A plain httpx client with this strategy is accepted by a service that recomputes every signature."""
    aicc.configure(**world)
    environment = aicc.environment
    auth = AkSk(environment["AIOCC_ISALES_ACCESS_KEY"], environment["AIOCC_ISALES_SECRET_KEY"], **options)

    response = await http.get(
        aicc.url("isales") + PATH,
        params={"pageSize": "50", "pageNum": "1", **params},
        headers={"Content-Type": "application/json; charset=UTF-8", "Content-Length": "0"},
        auth=auth,
    )

    assert (200, "0200000", 1) == (response.status_code, response.json().get("resultCode"), len(aicc.requests))


async def test_wrong_key_is_asked_once(aicc, http):
    """Row 56: a refused signature is not sent again: there is no other key."""
    auth = AkSk(aicc.environment["AIOCC_ISALES_ACCESS_KEY"], "wrong")

    response = await http.get(
        aicc.url("isales") + PATH, headers={"Content-Type": "application/json; charset=UTF-8"}, auth=auth
    )

    assert (401, 1) == (response.status_code, len(aicc.requests))


@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
async def test_clock_of_the_service_is_followed(ahead):
    """Row 58: after a 401 whose Date is more than four minutes away, one replay is signed by the service's clock."""
    server = Clock(ahead)

    async with httpx.AsyncClient(transport=httpx.MockTransport(server), auth=AkSk(AK, SK)) as client:
        first = await client.get("https://isales.example/x")
        second = await client.get("https://isales.example/x")

    assert ([200, 200], [401, 200, 200]) == ([first.status_code, second.status_code], server.statuses)


@pytest.mark.parametrize(
    ("ahead", "headers"),
    [(60.0, {}), (3600.0, {"Age": "3600"}), (3600.0, {"Date": "garbage"}), (3600.0, {"Date": ""})],
)
async def test_clock_is_not_followed(ahead, headers):
    """Row 58: not for a small skew, nor by an answer from a cache, nor by a Date that is none."""
    server = Clock(ahead, **headers)

    async with httpx.AsyncClient(transport=httpx.MockTransport(server), auth=AkSk(AK, SK)) as client:
        response = await client.get("https://isales.example/x")

    assert (401, [401]) == (response.status_code, server.statuses)


@pytest.mark.parametrize(("took", "ahead"), [(0, 3600), (60, 3600), (600, 280), (600, -280)])
def test_clock_is_read_halfway(took, ahead):
    """Row 58: an answer that took long tells the clock of the moment halfway between signature and answer."""
    strategy = AkSk(AK, SK)
    now = datetime.now(UTC)
    request = sent(strategy, strategy.held(), headers=[("Host", HOST)])
    signed = request.header("authorization")
    parts = signed.split("/")
    parts[-3] = timestamp_text(now - timedelta(seconds=took))
    request.headers[-1] = ("Authorization", "/".join(parts))
    request.credential = strategy.held()
    theirs = now - timedelta(seconds=took / 2) + timedelta(seconds=ahead)
    strategy.observe(request, AnswerHead(401, [("date", format_datetime(theirs, usegmt=True))]))

    later = signed_at(sent(strategy, strategy.held(), headers=[("Host", HOST)]).header("authorization"))
    assert abs(ahead - (later - datetime.now(UTC)).total_seconds()) < 5


@pytest.mark.parametrize("value", [None, "", "auth-v2/a/b", "auth-v2/a/2024-10-31T14:06:52/host/ff", "Basic x"])
def test_no_moment_in_another_header(value):
    """What is no C2 signature, or has no zone, tells no moment."""
    assert None is signed_at(value)


class Clock:
    """A service whose clock is so many seconds ahead, and which takes signatures of half a minute to either side."""

    def __init__(self, ahead: float, **headers: str) -> None:
        self.ahead = timedelta(seconds=ahead)
        self.headers = headers
        self.statuses: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        now = datetime.now(UTC) + self.ahead
        signed = datetime.fromisoformat(request.headers["authorization"].split("/")[2])
        status = 200 if abs(now - signed) < timedelta(seconds=30) else 401
        self.statuses.append(status)
        return httpx.Response(status, headers={"Date": format_datetime(now, usegmt=True), **self.headers})
