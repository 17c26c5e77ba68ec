"""The C2 signature: vectors made with the vendor's own demo classes, then each rule of the check over the wire."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from aiocc.simulator import c2

KEY, SECRET, TIME = "globalaktest", "1q2w3e4r5t6y7u8i9o20", "2024-10-31T14:06:52Z"
HOST = ("host", "10.22.26.181:28080")
OBS = "/rest/isales/v1/openapi/campaigns/1/queryOBSResultCode"
PING = "/rest/cmsapp/v1/ping"
BODY = b'{"say": "Hello world!"}'
LENGTH = ("content-length", "23")
JSON = ("content-type", "application/json;charset=UTF-8")

VECTORS = [
    ("GET", OBS, b"pageSize=50&pageNum=1", [HOST], b"", TIME, False,
     "host/3698671251128c97d134f5b7505efc624c34727f7cfa45af8ecd63cea19a793b"),
    ("GET", OBS, b"pageSize=50&pageNum=1", [("host", "10.22.26.181")], b"", TIME, False,
     "host/10aaea5481f6a58809bccbdf6077125a0c8419e1864f69059843a5fd4dc027e9"),
    ("GET", OBS, b"pageSize=50&pageNum=1", [HOST, ("content-type", "application/json; charset=UTF-8")], b"", TIME,
     False, "content-type;host/6b6d49f61cacf83bf777d66a3c8130127c2bbe7040d200842096f524811e63be"),
    ("POST", PING, b"", [HOST], BODY, TIME, False,
     "host/6d610c376a09567aa4fd624ed085a08812bb6044410f1771e393062e0e1382aa"),
    ("POST", PING, b"", [LENGTH, JSON, HOST], BODY, TIME, False,
     "content-length;content-type;host/a81d8766adb068983497440bc82f467f893dd9a48ecb3949d4d55973e96980db"),
    ("GET", "/rest/cmsapp/v1/openapi/x", b"a%20b=c%2Bd%2Fe&name=%E5%BC%A0%E4%B8%89&z=&star=*~", [HOST],
     b"", TIME, False, "host/d2018d7fb24174cf5f203286768c0d734c10ae8671df0e4ee13dac70fed6fd26"),
    ("POST", PING, b"", [LENGTH, JSON, HOST], BODY, "2024-10-31T14:06:52.123Z", False,
     "content-length;content-type;host/e7ec03fce9d08901bf5e1f0840fe12f7c21824cd84514029e74b8099e6d64735"),
    ("POST", PING, b"", [LENGTH, JSON, HOST], BODY, "2024-10-31T14:06:52.123Z", True,
     "content-length;content-type;host/77887f83f3e18024d5a790da83b5093c8849835f8ce8513d53b60493afc9a7f2"),
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS)
def test_vector(vector):
    """The signature is that of the vendor's demo classes for the same input."""
    method, path, query, headers, body, time, blank, expected = vector
    names = ";".join(sorted(name for name, _ in headers))
    prefix = f"auth-v2/{KEY}/{time}/{names}"
    canonical = c2.canonical_request(method, path, query, headers, body, blank_query_line=blank)

    assert expected == f"{names}/{c2.signature(SECRET, prefix, canonical)}"


def test_signing_key():
    """The key of a signature is the hexadecimal text of the first HMAC."""
    expected = "61a237f3c8dd0402457dc6893f0e8bdb1c9cc25d8583131c931a20c9eee93903"

    assert expected == c2.signing_key(SECRET, f"auth-v2/{KEY}/{TIME}/host")


def test_canonical_request_ends_in_a_newline_without_a_body():
    """The canonical request of a GET is its lines, each ended."""
    expected = f"GET\n{OBS}\npageNum=1&pageSize=50\nhost\nhost:10.22.26.181%3A28080\n"

    assert expected == c2.canonical_request("GET", OBS, b"pageSize=50&pageNum=1", [HOST], b"")


def test_query_is_a_sorted_set_and_a_plus_is_a_space():
    """Equal pairs collapse, a missing value is an empty one, order is that of the finished pairs."""
    assert "a-b=1&a=%20&x=" == c2.canonical_query(b"a=+&x&a-b=1&a=%20&&x=")


def ago(**lag):
    """Write the time stamp of so long ago."""
    return (datetime.now(UTC) - timedelta(**lag)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_good_signature_is_accepted(caller):
    """A request signed as the description says is answered."""
    assert "0200000" == caller.obs().json()["resultCode"]


def test_milliseconds_are_accepted(caller):
    """The time stamp may have milliseconds."""
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.123Z")

    assert 200 == caller.obs(signing={"time": time}).status_code


def test_more_signed_headers_are_accepted(caller):
    """The signed headers are those that Authorization lists."""
    headers = {"content-type": "application/json; charset=UTF-8"}

    assert 200 == caller.obs(signing={"headers": headers}).status_code


def test_body_of_a_get_is_signed(caller):
    """A body that was not signed spoils the signature."""
    signature = caller.obs(body=b"{}").request.headers["Authorization"]

    assert 401 == caller.obs(body=b"{ }", Authorization=signature).status_code


@pytest.mark.parametrize(
    ("signing", "reason"),
    [
        ({"access_key": "another"}, "the access key is unknown"),
        ({"secret_key": "another"}, "the signature differs"),
        ({"time": ago(hours=24)}, "the time is outside the window"),
        ({"time": ago(hours=-24)}, "the time is outside the window"),
        ({"time": "2024-13-31T14:06:52Z"}, "the time does not exist"),
        ({"time": "2024-10-31T14:06:52"}, "the time is not yyyy-MM-ddTHH:mm:ssZ, with or without milliseconds"),
        ({"names": "Host"}, "the names of signed headers are not lower case, in order and each there once"),
        ({"names": "host;accept"}, "the names of signed headers are not lower case, in order and each there once"),
        ({"names": "content-type"}, "host has to be signed and authorization cannot be"),
        ({"names": "authorization;host"}, "host has to be signed and authorization cannot be"),
        ({"names": "host;x-none"}, "the signed header x-none is missing or comes more than once"),
        ({"headers": {"host": "10.10.10.4"}}, "the signature differs"),
    ],
)  # fmt: skip
def test_bad_signature_is_401_with_an_opaque_body(caller, sim, signing, reason):
    """A signature that is wrong in any way gets 401; the reason is in the ledger alone."""
    answer = caller.obs(signing=signing)

    assert (401, "Unauthorized") == (answer.status_code, answer.text)
    assert reason == sim.requests[-1].reason


@pytest.mark.parametrize("value", [None, "", "Bearer x", "auth-v2/a/b/host", "SDK-HMAC-SHA256 Access=a"])
def test_authorization_of_another_form_is_401(caller, value):
    """Authorization is there and of the form of C2."""
    assert 401 == caller.obs(Authorization=value).status_code


def test_authorization_twice_is_401(caller, sim):
    """Authorization comes once."""
    value = caller.obs().request.headers["Authorization"]
    url = sim.url("isales") + OBS + "?pageSize=50&pageNum=1"
    headers = [("Authorization", value), ("Authorization", value), ("Content-Type", "application/json; charset=UTF-8")]

    assert 401 == caller.http.get(url, headers=headers).status_code


def test_query_is_compared_decoded(caller):
    """Another wire form of the same query has the same signature."""
    signature = caller.obs("pageNum=1&pageSize=50").request.headers["Authorization"]

    assert 200 == caller.obs("pageSize=%350&pageNum=1", Authorization=signature).status_code


def test_window_follows_the_centres_clock(caller, sim):
    """A clock that is 16 minutes ahead refuses what is signed now, and shows in Date."""
    sim.advance(16 * 60)
    answer = caller.obs()
    ahead = parsedate_to_datetime(answer.headers["Date"]) - datetime.now(UTC)

    assert 401 == answer.status_code
    assert timedelta(minutes=15) < ahead < timedelta(minutes=17)


def test_window_is_a_setting(caller, sim):
    """The window can be narrowed."""
    sim.configure(clock_skew=60)

    assert 401 == caller.obs(signing={"time": ago(seconds=90)}).status_code


@pytest.mark.parametrize(("setting", "blank", "status"), [(False, False, 200), (False, True, 401), (True, True, 200)])
def test_blank_line_without_a_query(caller, sim, setting, blank, status):
    """A missing query leaves no line, but for the setting that wants a blank one."""
    sim.configure(c2_blank_query_line=setting)

    assert status == caller.obs("", signing={"blank_query_line": blank}).status_code


def test_same_signature_may_come_again(caller):
    """A signature is good for more than one request."""
    signature = caller.obs().request.headers["Authorization"]

    assert 200 == caller.obs(Authorization=signature).status_code


def test_path_is_signed_decoded(caller):
    """The path in the signature is the one without percent escapes."""
    signature = caller.obs().request.headers["Authorization"]

    assert 200 == caller.obs(vdn="%31", Authorization=signature).status_code
    assert 401 == caller.obs(vdn="%31").status_code
