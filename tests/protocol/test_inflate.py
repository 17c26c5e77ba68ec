"""Content codings, undone within bounds. Numbers are rows of the fault matrix."""

import gzip
import tracemalloc
import zlib

import pytest

from aiocc.delivery import Reason
from aiocc.protocol.inflate import Body
from aiocc.protocol.messages import Fault

from .conftest import short

TEXT = b'{"resultCode":"0","resultDesc":"Success"}' * 20
GZIP = gzip.compress(TEXT, mtime=0)
ZLIB = zlib.compress(TEXT)
BARE = zlib.compress(TEXT, wbits=-15)
LIMIT = len(TEXT)


def read(data: bytes, *codings: str, piece: int = 10**6, limit: int = LIMIT, declared: str | None = None) -> bytes:
    """Read a body that comes in pieces of this size."""
    body = Body(codings=list(codings), declared=declared, limit=limit)
    for start in range(0, len(data), piece):
        body.feed(data[start : start + piece])
    return body.finish()


def fault(data: bytes, *codings: str, **options: int | str) -> Reason | None:
    """Give the kind of fault that a body has, None where it can be read."""
    try:
        read(data, *codings, **options)
    except Fault as error:
        return error.reason
    return None


@pytest.mark.parametrize("piece", [1, 7, 10**6])
@pytest.mark.parametrize(
    ("data", "codings"),
    [
        (TEXT, ()),
        (TEXT, ("identity",)),
        (TEXT, ("", " , ")),
        (GZIP, ("gzip",)),
        (GZIP, ("X-GZip",)),
        (GZIP, ("identity, GZIP",)),
        (ZLIB, ("deflate",)),
        (BARE, ("deflate",)),
    ],
    ids=short,
)
def test_codings_that_are_undone(data, codings, piece):
    """One gzip or deflate, with zlib's header or bare, is undone however its bytes come; the limit is allowed."""
    assert TEXT == read(data, *codings, piece=piece, declared=str(len(data)))


@pytest.mark.parametrize(
    ("row", "codings", "expected"),
    [
        (34, ("gzip, gzip",), Reason.TOO_MANY_CODINGS),
        (34, ("gzip", "gzip"), Reason.TOO_MANY_CODINGS),
        (34, ("deflate, gzip",), Reason.TOO_MANY_CODINGS),
        (34, ("br",), Reason.TOO_MANY_CODINGS),
        (34, ("zstd",), Reason.TOO_MANY_CODINGS),
    ],
)
def test_codings_that_are_refused(row, codings, expected):
    """Row 34: more than one coding, or one that was not asked for, is refused before a byte is read."""
    assert (row, expected) == (row, fault(b"", *codings))


@pytest.mark.parametrize(
    ("row", "data", "codings", "expected"),
    [
        (35, b"no gzip at all", ("gzip",), Reason.BROKEN_CODING),
        (35, GZIP[:20] + b"\xff" * 20 + GZIP[40:], ("gzip",), Reason.BROKEN_CODING),
        (35, GZIP[:-8] + bytes(8), ("gzip",), Reason.BROKEN_CODING),
        (35, GZIP + b"more", ("gzip",), Reason.BROKEN_CODING),
        (35, GZIP + GZIP, ("gzip",), Reason.BROKEN_CODING),
        (35, b"\xff\xff\xff\xff", ("deflate",), Reason.BROKEN_CODING),
        (36, GZIP[:-1], ("gzip",), Reason.TRUNCATED_CODING),
        (36, GZIP[: len(GZIP) // 2], ("gzip",), Reason.TRUNCATED_CODING),
        (36, GZIP[:5], ("gzip",), Reason.TRUNCATED_CODING),
        (36, ZLIB[:-1], ("deflate",), Reason.TRUNCATED_CODING),
        (36, BARE[:-1], ("deflate",), Reason.TRUNCATED_CODING),
        (46, b"", ("gzip",), None),
    ],
    ids=short,
)
@pytest.mark.parametrize("piece", [1, 10**6])
def test_streams_that_are_refused(row, data, codings, expected, piece):
    """Rows 35, 36: a stream that is broken, goes on after its end, or never ends is no body."""
    assert (row, expected) == (row, fault(data, *codings, piece=piece))


@pytest.mark.parametrize(
    ("row", "data", "codings", "options", "expected"),
    [
        (31, TEXT, (), {"limit": LIMIT - 1}, Reason.BODY_TOO_LARGE),
        (32, TEXT, (), {"limit": LIMIT - 1, "piece": 1}, Reason.BODY_TOO_LARGE),
        (31, b"", (), {"declared": str(LIMIT + 1)}, Reason.BODY_TOO_LARGE),
        (31, b"", (), {"declared": "9" * 5000}, Reason.BODY_TOO_LARGE),
        (31, b"", (), {"declared": str(LIMIT)}, None),
        (31, b"", (), {"declared": "garbage"}, None),
        (31, b"", (), {"declared": "²"}, None),
        (33, GZIP, ("gzip",), {"limit": LIMIT - 1}, Reason.BODY_TOO_LARGE),
        (33, GZIP, ("gzip",), {"limit": LIMIT - 1, "piece": 1}, Reason.BODY_TOO_LARGE),
        (33, gzip.compress(b"a", mtime=0), ("gzip",), {"limit": 1}, Reason.BODY_TOO_LARGE),
    ],
    ids=short,
)
def test_limit(row, data, codings, options, expected):
    """Rows 31 to 33: the limit holds for what is declared, for what comes, and for what it becomes."""
    assert (row, expected) == (row, fault(data, *codings, **options))


def test_what_follows_the_end_is_refused_as_it_comes():
    """Row 35: nothing is set aside behind the end: zlib would copy all of it for each further piece."""
    body = Body(["gzip"], None, LIMIT)
    body.feed(GZIP)

    with pytest.raises(Fault):
        body.feed(b"m")


def test_bomb_is_never_unpacked():
    """Row 33: a bomb of 64 MiB costs about the limit of memory, however small it came."""
    deflater = zlib.compressobj(9, wbits=31)
    bomb = b"".join([*(deflater.compress(bytes(1024 * 1024)) for _ in range(64)), deflater.flush()])
    limit = 1024 * 1024
    tracemalloc.start()
    try:
        found = fault(bomb, "gzip", limit=limit)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (Reason.BODY_TOO_LARGE, True) == (found, peak < 4 * limit)
