"""Faults of an answer's body; head, status and connection are in order."""

import gzip
import json
import random
import zlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from attrs import evolve

from aiocc.simulator.answers import JSON_TYPE, Answer, HeaderPairs
from aiocc.simulator.faults.kind import Effect, Kind, Stage, kind_of

__all__ = ["CODE_KEYS", "KINDS"]

_body = partial(kind_of, Stage.ANSWER)
_harmless = partial(kind_of, Stage.ANSWER, effect=Effect.AS_EVER)

CODE_KEYS = ("retcode", "resultCode", "returnCode")
PAYLOAD_KEYS = ("resultData", "obsCodes")
BLOCK = 1 << 20


def changed(answer: Answer, change: Callable[[dict[str, Any]], object]) -> Answer:
    """Change the JSON object of an answer; one that is none stays."""
    try:
        content = json.loads(answer.body)
    except ValueError:
        return answer
    if not isinstance(content, dict):
        return answer
    change(content)
    return evolve(answer, body=json.dumps(content, ensure_ascii=False).encode())


def with_codes(answer: Answer, value: Callable[[str], Any]) -> Answer:
    """Change every result code of an answer."""

    def change(content: dict[str, Any]) -> None:
        content.update({key: value(content[key]) for key in CODE_KEYS if key in content})

    return changed(answer, change)


def with_body(answer: Answer, content: bytes, *headers: tuple[str, str]) -> Answer:
    """Put another body in an answer, and more headers."""
    return evolve(answer, body=content, headers=answer.headers + headers, gzip=False)


def typed(answer: Answer, content_type: str) -> HeaderPairs:
    """Give an answer's headers with another Content-Type."""
    kept = (pair for pair in answer.headers if pair[0].lower() != "content-type")
    return (*kept, ("Content-Type", content_type))


@lru_cache(maxsize=2)
def gzipped_zeros(size: int) -> bytes:
    """Compress so many zero bytes, without ever holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(BLOCK)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(size // BLOCK):
        checksum = zlib.crc32(bytes(BLOCK), checksum)
    # After a full flush nothing refers to what came before, so that one block may be repeated.
    length = (size // BLOCK * BLOCK) % (1 << 32)
    end = b"\x03\x00" + checksum.to_bytes(4, "little") + length.to_bytes(4, "little")
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + block * (size // BLOCK) + end


@_body("33", size=200 << 20)
def gzip_bomb(answer: Answer, *, size: int) -> Answer:
    """A small body in gzip stands for `size` bytes."""
    return with_body(answer, gzipped_zeros(size), ("Content-Encoding", "gzip"))


@_body("34")
def double_gzip(answer: Answer) -> Answer:
    """The body is compressed twice."""
    return with_body(answer, gzip.compress(gzip.compress(answer.body)), ("Content-Encoding", "gzip, gzip"))


@_body("35")
def broken_gzip(answer: Answer) -> Answer:
    """The body says it is gzip, and is not."""
    return with_body(answer, b"\x1f\x8b\x08\x00" + b"no deflate stream", ("Content-Encoding", "gzip"))


@_body("36")
def truncated_gzip(answer: Answer) -> Answer:
    """The body's gzip stream ends too early."""
    packed = gzip.compress(answer.body)
    return with_body(answer, packed[: len(packed) // 2], ("Content-Encoding", "gzip"))


@_body("37", depth=200_000)
def deep_json(answer: Answer, *, depth: int) -> Answer:
    """The JSON is nested `depth` levels."""
    return with_body(answer, b'{"resultCode": ' + b"[" * depth + b"]" * depth + b"}")


@_body("38")
def bad_utf8(answer: Answer) -> Answer:
    """The text is not valid UTF-8."""
    return with_body(answer, b'{"\xff\xfe": 0, ' + answer.body[1:])


@_harmless("39")
def gbk(answer: Answer) -> Answer:
    """The text is in GBK, and says so."""
    told = changed(answer, lambda content: content.update(note="成功"))
    headers = typed(answer, "application/json;charset=GBK")
    return evolve(told, body=told.body.decode().encode("gbk"), headers=headers, gzip=False)


@_body("39")
def unsaid_gbk(answer: Answer) -> Answer:
    """The text is in GBK, and says it is UTF-8."""
    told = changed(answer, lambda content: content.update(note="成功"))
    return evolve(told, body=told.body.decode().encode("gbk"), gzip=False)


@_harmless("40")
def byte_order_mark(answer: Answer) -> Answer:
    """The text begins with a byte order mark."""
    return with_body(answer, b"\xef\xbb\xbf" + answer.body)


@_harmless("40")
def utf_16(answer: Answer) -> Answer:
    """The text is in UTF-16, and says so."""
    return evolve(
        answer,
        body=answer.body.decode().encode("utf-16"),
        headers=typed(answer, "application/json;charset=UTF-16"),
        gzip=False,
    )


@_body("41")
def not_a_number(answer: Answer) -> Answer:
    """A number is NaN."""
    return with_body(answer, b'{"count": NaN, ' + answer.body[1:])


@_body("41")
def infinite_number(answer: Answer) -> Answer:
    """A number is 1e999."""
    return with_body(answer, b'{"count": 1e999, ' + answer.body[1:])


@_body("42")
def long_number(answer: Answer) -> Answer:
    """A whole number has 5,000 digits."""
    return with_body(answer, b'{"count": ' + b"7" * 5000 + b", " + answer.body[1:])


@_body("43")
def duplicate_code(answer: Answer) -> Answer:
    """The result code comes twice, first as a failure and then as it was."""
    codes = b"".join(b'"%b": "99", ' % key.encode() for key in CODE_KEYS if f'"{key}"'.encode() in answer.body)
    return with_body(answer, b"{" + codes + answer.body[1:])


@_body("44")
def html(answer: Answer) -> Answer:
    """An HTML page comes with a 200."""
    page = b"<html><title>Welcome</title><body>Please sign in.</body></html>"
    return evolve(answer, body=page, headers=(("Content-Type", "text/html"),), gzip=False)


@_body("46")
def scalar(answer: Answer) -> Answer:
    """The JSON is a number."""
    return with_body(answer, b"0")


@_body("46")
def array(answer: Answer) -> Answer:
    """The JSON is an array."""
    return with_body(answer, b"[" + answer.body + b"]")


@_body("46")
def empty(answer: Answer) -> Answer:
    """There is no body."""
    return with_body(answer, b"")


@_body("46")
def no_content(answer: Answer) -> Answer:
    """The status is 204."""
    return Answer(204, reason="fault", accepted=answer.accepted)


@_harmless("47")
def code_number(answer: Answer) -> Answer:
    """The result code is a number where its text would be that number."""
    return with_codes(answer, lambda code: int(code) if code == str(int(code)) else code)


@_harmless("47")
def code_padded(answer: Answer) -> Answer:
    """The result code has blanks around it."""
    return with_codes(answer, lambda code: f" {code} ")


@_body("47")
def code_bool(answer: Answer) -> Answer:
    """The result code is false."""
    return with_codes(answer, lambda _: False)


@_body("48")
def code_missing(answer: Answer) -> Answer:
    """There is no result code."""
    return changed(answer, lambda content: [content.pop(key, None) for key in CODE_KEYS])


@_body("48")
def code_null(answer: Answer) -> Answer:
    """The result code is null."""
    return with_codes(answer, lambda _: None)


def _payload(value: Any) -> Callable[[Answer], Answer]:
    def put(answer: Answer) -> Answer:
        return changed(answer, lambda content: content.update({key: value for key in PAYLOAD_KEYS if key in content}))

    return put


@_harmless("49")
def payload_null(answer: Answer) -> Answer:
    """The payload is null."""
    return _payload(None)(answer)


@_harmless("49")
def payload_empty(answer: Answer) -> Answer:
    """The payload is an empty object."""
    return _payload({})(answer)


@_harmless("49")
def payload_text(answer: Answer) -> Answer:
    """The payload is a text."""
    return _payload("none")(answer)


@_body("50")
def code_unknown(answer: Answer) -> Answer:
    """The result code is in no table."""
    return with_codes(answer, lambda _: "77777")


@_harmless("51")
def pages_repeat(answer: Answer) -> Answer:
    """Every page of a list is the same one."""
    rows = [{"obsCode": "00605", "obsCodeDesc": "The switch is busy."}]
    return changed(answer, lambda content: content.update(obsCodes=rows) if "obsCodes" in content else None)


@_harmless("51")
def pages_never_end(answer: Answer) -> Answer:
    """A list claims ever more rows than it has."""
    return changed(answer, lambda content: content.update(totalCount=10**9) if "totalCount" in content else None)


@_harmless("51")
def pages_shrink(answer: Answer) -> Answer:
    """A list claims fewer rows than it gives."""
    return changed(answer, lambda content: content.update(totalCount=1) if "totalCount" in content else None)


@_body("27", seed=0)
def garbled(answer: Answer, *, seed: int) -> Answer:
    """The opening brace and some other bytes of the body are not what they were."""
    spoiled = bytearray(answer.body or b"?")
    draw = random.Random(seed)  # noqa: S311 - the same fault each time, no secret
    for place in {0, *(draw.randrange(len(spoiled)) for _ in range(8))}:
        spoiled[place] ^= 0x80
    return evolve(answer, body=bytes(spoiled), headers=(JSON_TYPE,), gzip=False)


KINDS: tuple[Kind, ...] = tuple(value for value in tuple(globals().values()) if isinstance(value, Kind))
