"""Faults of an answer's bytes, and of the end of its connection."""

from collections.abc import Iterator
from functools import partial

from attrs import evolve

from aiocc.simulator.faults.emission import Emission, split
from aiocc.simulator.faults.kind import Effect, Kind, Stage, kind_of

__all__ = ["KINDS"]

_wire = partial(kind_of, Stage.WIRE)

CHUNK = bytes(1 << 18)


def with_head(emission: Emission, old: bytes, new: bytes) -> Emission:
    """Change a line of the head."""
    head, body = split(emission)
    return evolve(emission, pieces=(head.replace(old, new, 1), body))


def _length(body: bytes) -> bytes:
    return b"Content-Length: %d" % len(body)


@_wire("16")
def reset(_: Emission) -> Emission:
    """The connection is reset after the request was read."""
    return Emission(end="reset")


@_wire("17")
def close(_: Emission) -> Emission:
    """The connection is closed after the request was read."""
    return Emission(end="close")


@_wire("17")
def vanish(_: Emission) -> Emission:
    """The connection is closed after the request was read, without TLS's own goodbye."""
    return Emission(end="vanish")


@_wire("18", reused=True)
def stale_connection(_: Emission) -> Emission:
    """A kept-alive connection is closed as the next request arrives on it."""
    return Emission(end="close")


@_wire("18", reused=True)
def stale_reset(_: Emission) -> Emission:
    """A kept-alive connection is reset as the next request arrives on it."""
    return Emission(end="reset")


@_wire("20")
def silence(_: Emission) -> Emission:
    """No answer ever comes."""
    return Emission()


def _trickled(data: bytes, seconds: float) -> Iterator[bytes | float]:
    for byte in data:
        yield bytes((byte,))
        yield seconds


@_wire("21", effect=Effect.AS_EVER, seconds=0.02)
def slow_head(emission: Emission, *, seconds: float) -> Emission:
    """The head comes byte by byte, `seconds` apart."""
    head, body = split(emission)
    return evolve(emission, pieces=(*_trickled(head, seconds), body))


@_wire("22", effect=Effect.AS_EVER, seconds=0.02)
def slow_body(emission: Emission, *, seconds: float) -> Emission:
    """The body comes byte by byte, `seconds` apart."""
    head, body = split(emission)
    return evolve(emission, pieces=(head, *_trickled(body, seconds)))


@_wire("23", at=None)
def cut(emission: Emission, *, at: int | None) -> Emission:
    """The answer ends after `at` bytes, by default in the middle of its body."""
    head, body = split(emission)
    length = len(head) + len(body) // 2 if at is None else min(at, len(head) + len(body) - 1)
    return Emission(((head + body)[:length],), "close")


@_wire("23", effect=Effect.AS_EVER)
def then_close(emission: Emission) -> Emission:
    """The connection is closed after the answer."""
    return evolve(emission, end="close")


@_wire("16", effect=Effect.AS_EVER)
def then_reset(emission: Emission) -> Emission:
    """The connection is reset after the answer."""
    return evolve(emission, end="reset")


@_wire("24")
def short_length(emission: Emission) -> Emission:
    """Content-Length names half of the body."""
    _, body = split(emission)
    return with_head(emission, _length(body), _length(body[: len(body) // 2]))


@_wire("23")
def long_length(emission: Emission) -> Emission:
    """Content-Length names more than the body, and the connection is closed."""
    _, body = split(emission)
    return evolve(with_head(emission, _length(body), _length(body + b"more")), end="close")


@_wire("25")
def conflicting_lengths(emission: Emission) -> Emission:
    """Two Content-Lengths name two lengths."""
    _, body = split(emission)
    two = _length(body) + b"\r\n" + _length(body + b"1")
    return with_head(emission, _length(body), two)


@_wire("26")
def length_and_chunked(emission: Emission) -> Emission:
    """An answer has both a Content-Length and a Transfer-Encoding, whose body it follows."""
    head, body = split(emission)
    head = head.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    return evolve(emission, pieces=(head, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)))


@_wire("27")
def not_http(_: Emission) -> Emission:
    """What comes is no HTTP."""
    return Emission((b"SSH-2.0-OpenSSH_9.6\r\n\x00\x1b[2J",), "close")


@_wire("28", size=300_000)
def huge_header(emission: Emission, *, size: int) -> Emission:
    """A header has `size` bytes."""
    _, body = split(emission)
    return with_head(emission, _length(body), b"X-Filler: " + b"x" * size + b"\r\n" + _length(body))


@_wire("29", number=2000)
def early_hints(emission: Emission, *, number: int) -> Emission:
    """So many interim answers (103) come before the answer."""
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    return evolve(emission, pieces=(hint * number, *emission.pieces))


@_wire("30")
def status_999(emission: Emission) -> Emission:
    """The status is 999."""
    told = with_head(emission, b"\r\n", b"\r\nConnection: close\r\n")
    return evolve(with_head(told, b"HTTP/1.1 200", b"HTTP/1.1 999"), end="close")


@_wire("30", effect=Effect.AS_EVER)
def http_1_0(emission: Emission) -> Emission:
    """An HTTP/1.0 answer without a length ends with its connection."""
    head, body = split(emission)
    head = head.replace(b"HTTP/1.1", b"HTTP/1.0", 1).replace(_length(body) + b"\r\n", b"", 1)
    return Emission((head, body), "close")


@_wire("31", size=100_000_000)
def huge_body(_: Emission, *, size: int) -> Emission:
    """The body has `size` bytes, and says so."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size
    chunks = (CHUNK[: min(len(CHUNK), size - sent)] for sent in range(0, size, len(CHUNK)))
    return Emission(_chained(head, chunks))


@_wire("32")
def endless_body(_: Emission) -> Emission:
    """A body without a length never ends."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    return Emission(_chained(head, iter(lambda: CHUNK, None)))


def _chained(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from chunks


KINDS: tuple[Kind, ...] = tuple(value for value in tuple(globals().values()) if isinstance(value, Kind))
