"""Legal and illegal answers, and what must come of each: status, body, whether to reuse the connection; or a reason."""

from __future__ import annotations

from attrs import frozen

from aiocc.delivery import Reason
from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import AnswerHead, Fault
from aiocc.transport.reader import MAX_HEADERS, MAX_INTERIM, Reader

Expected = tuple[int, bytes, bool] | Reason


@frozen
class Case:
    """An answer as it comes, to the end of the stream."""

    name: str
    data: bytes
    expected: Expected
    head: bool = False


def answer(*headers: bytes, status: bytes = b"HTTP/1.1 200 OK", body: bytes = b"") -> bytes:
    """Write an answer."""
    return b"\r\n".join([status, *headers, b"", b""]) + body


def chunked(*parts: bytes) -> bytes:
    """Write a chunked answer, with its body as it is sent."""
    return answer(b"Transfer-Encoding: chunked", body=b"".join(parts))


CL = b"Content-Length: 2"
CHUNK, LAST = b"2\r\nok\r\n", b"0\r\n\r\n"
PLAIN = answer(CL, body=b"ok")
BAD = Reason.NOT_HTTP
SHORT = Reason.CONNECTION_CLOSED

FRAMED = [
    Case("content-length", PLAIN, (200, b"ok", True)),
    Case("content-length of 0", answer(b"Content-Length: 0"), (200, b"", True)),
    Case("content-length in other case", answer(b"cOnTeNt-LeNgTh:2", body=b"ok"), (200, b"ok", True)),
    Case("content-length with blanks around", answer(b"Content-Length: \t 2 \t", body=b"ok"), (200, b"ok", True)),
    Case("content-length with leading zeros", answer(b"Content-Length: 0002", body=b"ok"), (200, b"ok", True)),
    Case("body shorter than said", answer(b"Content-Length: 3", body=b"ok"), SHORT),
    Case("duplicate content-length", answer(CL, CL, body=b"ok"), BAD),
    Case("conflicting content-length", answer(CL, b"Content-Length: 3", body=b"ok"), BAD),
    Case("content-length as a list", answer(b"Content-Length: 2, 2", body=b"ok"), BAD),
    Case("negative content-length", answer(b"Content-Length: -2", body=b"ok"), BAD),
    Case("content-length with a sign", answer(b"Content-Length: +2", body=b"ok"), BAD),
    Case("content-length in hex", answer(b"Content-Length: 0x2", body=b"ok"), BAD),
    Case("content-length with an underscore", answer(b"Content-Length: 1_0", body=b"0123456789"), BAD),
    Case("empty content-length", answer(b"Content-Length:", body=b"ok"), BAD),
    Case("content-length past 64 bits", answer(b"Content-Length: " + b"9" * 30, body=b"ok"), BAD),
    Case("both lengths", answer(CL, b"Transfer-Encoding: chunked", body=CHUNK + LAST), BAD),
    Case("both lengths, the other way", answer(b"Transfer-Encoding: chunked", CL, body=CHUNK + LAST), BAD),
    Case("until the end", answer(body=b"ok"), (200, b"ok", False)),
    Case("until the end, without a byte", answer(), (200, b"", False)),
]
CHUNKS = [
    Case("chunked", chunked(CHUNK, LAST), (200, b"ok", True)),
    Case("chunks", chunked(CHUNK, b"3\r\nyes\r\n", LAST), (200, b"okyes", True)),
    Case("chunked with an extension", chunked(b"2;a=b;c\r\nok\r\n", LAST), (200, b"ok", True)),
    Case("chunked with trailers", chunked(CHUNK, b"0\r\nT: x\r\nU: y\r\n\r\n"), (200, b"ok", True)),
    Case("a length as a trailer", chunked(CHUNK, b"0\r\nContent-Length: 2\r\n\r\n"), BAD),
    Case("chunked in upper case", answer(b"Transfer-Encoding: CHUNKED", body=CHUNK + LAST), (200, b"ok", True)),
    Case("chunk size with zeros", chunked(b"0002\r\nok\r\n", LAST), (200, b"ok", True)),
    Case("chunked cut in a chunk", chunked(b"3\r\nok"), SHORT),
    Case("chunked without its end", chunked(CHUNK), SHORT),
    Case("chunked without its last line", chunked(CHUNK, b"0\r\n"), SHORT),
    Case("chunk longer than said", chunked(b"2\r\nokay\r\n", LAST), BAD),
    Case("chunk size that is no number", chunked(b"zz\r\nok\r\n", LAST), BAD),
    Case("chunk size with a sign", chunked(b"-2\r\nok\r\n", LAST), BAD),
    Case("chunk size with 0x", chunked(b"0x2\r\nok\r\n", LAST), BAD),
    Case("chunk size with a blank", chunked(b" 2\r\nok\r\n", LAST), BAD),
    Case("chunk size past 64 bits", chunked(b"f" * 17 + b"\r\nok\r\n", LAST), BAD),
    Case("chunks with bare line feeds", chunked(b"2\nok\n0\n\n"), BAD),
    Case("chunked twice", answer(*[b"Transfer-Encoding: chunked"] * 2, body=CHUNK + LAST), Reason.TOO_MANY_CODINGS),
    Case("chunked, chunked", answer(b"Transfer-Encoding: chunked, chunked", body=CHUNK), Reason.TOO_MANY_CODINGS),
    Case("gzip, chunked", answer(b"Transfer-Encoding: gzip, chunked", body=CHUNK + LAST), Reason.TOO_MANY_CODINGS),
    Case("transfer coding gzip", answer(b"Transfer-Encoding: gzip", body=b"ok"), Reason.TOO_MANY_CODINGS),
    Case("transfer coding identity", answer(b"Transfer-Encoding: identity", body=b"ok"), Reason.TOO_MANY_CODINGS),
    Case(
        "chunked, then identity", answer(b"Transfer-Encoding: chunked, identity", body=CHUNK), Reason.TOO_MANY_CODINGS
    ),
    Case("empty transfer-encoding", answer(b"Transfer-Encoding:", body=b"ok"), BAD),
]
INTERIM = [
    Case("100 before it", answer(status=b"HTTP/1.1 100 Continue") + PLAIN, (200, b"ok", True)),
    Case(
        "102, 103 and 199 before it",
        b"".join(answer(b"Link: <x>", status=b"HTTP/1.1 %d X" % n) for n in (102, 103, 199)) + PLAIN,
        (200, b"ok", True),
    ),
    Case("interim with a length", answer(b"Content-Length: 5", status=b"HTTP/1.1 103 X") + PLAIN, (200, b"ok", True)),
    Case("unknown interim with a length", answer(CL, status=b"HTTP/1.1 199 X") + PLAIN, BAD),
    Case("unknown interim in chunks", answer(b"Transfer-Encoding: chunked", status=b"HTTP/1.1 199 X") + PLAIN, BAD),
    Case("unknown interim with a body", answer(CL, status=b"HTTP/1.1 199 X", body=b"ok") + PLAIN, BAD),
    Case("as many interim ones as allowed", answer(status=b"HTTP/1.1 103 X") * MAX_INTERIM + PLAIN, (200, b"ok", True)),
    Case(
        "one interim too many",
        answer(status=b"HTTP/1.1 103 X") * (MAX_INTERIM + 1) + PLAIN,
        Reason.TOO_MANY_INTERIM_ANSWERS,
    ),
    Case("interim that closes", answer(b"Connection: close", status=b"HTTP/1.1 103 X") + PLAIN, BAD),
    Case("interim alone", answer(status=b"HTTP/1.1 100 Continue"), SHORT),
    Case("101", answer(b"Upgrade: x", b"Connection: upgrade", status=b"HTTP/1.1 101 X"), Reason.BAD_STATUS),
]
STATUS = [
    Case("204", answer(status=b"HTTP/1.1 204 No Content"), (204, b"", True)),
    Case("204 with a length", answer(CL, status=b"HTTP/1.1 204 No Content"), (204, b"", True)),
    Case("204 with a body", answer(CL, status=b"HTTP/1.1 204 No Content", body=b"ok"), (204, b"", False)),
    Case("304 with a length", answer(CL, status=b"HTTP/1.1 304 Not Modified"), (304, b"", True)),
    Case("304 with chunked", answer(b"Transfer-Encoding: chunked", status=b"HTTP/1.1 304 X"), (304, b"", True)),
    Case("HEAD", answer(CL), (200, b"", False), head=True),
    Case("HEAD with chunked", answer(b"Transfer-Encoding: chunked"), (200, b"", False), head=True),
    Case("HEAD with a body", PLAIN, (200, b"", False), head=True),
    Case("HEAD without a length", answer(), (200, b"", False), head=True),
    Case("status 999", answer(CL, status=b"HTTP/1.1 999 X", body=b"ok"), (999, b"ok", True)),
    Case("status 099", answer(CL, status=b"HTTP/1.1 099 X", body=b"ok"), (99, b"ok", True)),
    Case("status of two digits", answer(CL, status=b"HTTP/1.1 20 X", body=b"ok"), BAD),
    Case("status of four digits", answer(CL, status=b"HTTP/1.1 2000 X", body=b"ok"), BAD),
    Case("status that is no number", answer(CL, status=b"HTTP/1.1 2x0 X", body=b"ok"), BAD),
    Case("no phrase", answer(CL, status=b"HTTP/1.1 200", body=b"ok"), (200, b"ok", True)),
    Case("empty phrase", answer(CL, status=b"HTTP/1.1 200 ", body=b"ok"), (200, b"ok", True)),
    Case("phrase in other letters", answer(CL, status="HTTP/1.1 200 好".encode(), body=b"ok"), (200, b"ok", True)),
    Case("two blanks before the status", answer(CL, status=b"HTTP/1.1  200 OK", body=b"ok"), BAD),
]
VERSIONS = [
    Case("close", answer(CL, b"Connection: close", body=b"ok"), (200, b"ok", False)),
    Case("close in a list", answer(CL, b"Connection: x, Close", body=b"ok"), (200, b"ok", False)),
    Case("keep-alive said", answer(CL, b"Connection: keep-alive", body=b"ok"), (200, b"ok", True)),
    Case("1.0", answer(CL, status=b"HTTP/1.0 200 OK", body=b"ok"), (200, b"ok", False)),
    Case(
        "1.0 kept alive",
        answer(CL, b"Connection: keep-alive", status=b"HTTP/1.0 200 OK", body=b"ok"),
        (200, b"ok", True),
    ),
    Case("1.0 until the end", answer(status=b"HTTP/1.0 200 OK", body=b"ok"), (200, b"ok", False)),
    Case(
        "1.0 chunked",
        answer(b"Transfer-Encoding: chunked", status=b"HTTP/1.0 200 OK", body=CHUNK + LAST),
        (200, b"ok", False),
    ),
    Case("0.9", answer(CL, status=b"HTTP/0.9 200 OK", body=b"ok"), BAD),
    Case("1.2", answer(CL, status=b"HTTP/1.2 200 OK", body=b"ok"), BAD),
    Case("2.0", answer(CL, status=b"HTTP/2.0 200 OK", body=b"ok"), BAD),
    Case("version of one number", answer(CL, status=b"HTTP/1 200 OK", body=b"ok"), BAD),
    Case("version in lower case", answer(CL, status=b"http/1.1 200 OK", body=b"ok"), BAD),
    Case("ICY", answer(CL, status=b"ICY 200 OK", body=b"ok"), BAD),
    Case("a request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
    Case("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", BAD),
    Case("TLS alert", b"\x15\x03\x01\x00\x02\x02\x46", BAD),
    Case("HTML alone", b"<html>no</html>", BAD),
    Case("nothing", b"", SHORT),
    Case("half a status line", b"HTTP/1.1 20", SHORT),
    Case("head without its end", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", SHORT),
    Case("line breaks before it", b"\r\n\r\n" + PLAIN, (200, b"ok", True)),
]
HEADERS = [
    Case("blank before the colon", answer(b"X : a", CL, body=b"ok"), BAD),
    Case("header without a colon", answer(b"nocolon", CL, body=b"ok"), BAD),
    Case("header without a name", answer(b": a", CL, body=b"ok"), BAD),
    Case("folded header", answer(b"X: a\r\n b", CL, body=b"ok"), BAD),
    Case("NUL in a header", answer(b"X: a\0b", CL, body=b"ok"), BAD),
    Case("carriage return in a header", answer(b"X: a\rb", CL, body=b"ok"), BAD),
    Case("control character in a header", answer(b"X: a\x01b", CL, body=b"ok"), BAD),
    Case("other letters in a name", answer("Ä: a".encode(), CL, body=b"ok"), BAD),
    Case("other letters in a value", answer(b"X: \xe4", CL, body=b"ok"), (200, b"ok", True)),
    Case("empty value", answer(b"X:", CL, body=b"ok"), (200, b"ok", True)),
    Case("bare line feeds", PLAIN.replace(b"\r\n", b"\n"), BAD),
    Case("bare carriage returns", PLAIN.replace(b"\r\n", b"\r"), BAD),
    Case("rubbish after it", PLAIN + b"rubbish", (200, b"ok", False)),
    Case("rubbish after its chunks", chunked(CHUNK, LAST, b"rubbish"), (200, b"ok", False)),
    Case("a second answer after it", PLAIN + PLAIN, (200, b"ok", False)),
    Case("rubbish after a close", answer(CL, b"Connection: close", body=b"okrubbish"), (200, b"ok", False)),
]
LARGE = [
    Case("as many headers as allowed", answer(*[b"X: a"] * (MAX_HEADERS - 1), CL, body=b"ok"), (200, b"ok", True)),
    Case("one header too many", answer(*[b"X: a"] * MAX_HEADERS, CL, body=b"ok"), Reason.HEAD_TOO_LARGE),
    Case("huge header", answer(b"X: " + b"a" * 70_000, CL, body=b"ok"), Reason.HEAD_TOO_LARGE),
    Case("huge phrase without an end", b"HTTP/1.1 200 " + b"a" * 70_000, Reason.HEAD_TOO_LARGE),
    Case("huge trailer", chunked(CHUNK, b"0\r\nT: ", b"a" * 200_000), Reason.HEAD_TOO_LARGE),
    Case("many trailers", chunked(CHUNK, b"0\r\n", b"T: a\r\n" * 40_000), Reason.HEAD_TOO_LARGE),
    Case("huge chunk extension", chunked(b"2;", b"a" * 200_000), Reason.HEAD_TOO_LARGE),
    Case("large body", answer(b"Content-Length: 200000", body=b"a" * 200_000), (200, b"a" * 200_000, True)),
]
SMALL = [*FRAMED, *CHUNKS, *INTERIM, *STATUS, *VERSIONS, *HEADERS]
CORPUS = [*SMALL, *LARGE]
BUFFER = 64 * 1024
"""What a connection reads at once; trailers and chunk extensions are bounded after each of these."""


def pieces(data: bytes, size: int = BUFFER) -> list[bytes]:
    """Cut an answer."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def read(
    *pieces: bytes, head: bool = False, limits: AnswerLimits | None = None, reader: Reader | None = None
) -> Expected:
    """Read an answer that comes in these pieces, and then the end of the stream."""
    heads: list[AnswerHead] = []
    body: list[bytes] = []
    reader = reader or Reader()
    reader.begin(bodiless=head, limits=limits or AnswerLimits(), on_head=heads.append, on_data=body.append)
    try:
        for piece in pieces:
            reader.feed(piece)
        reusable = reader.reusable
        reader.eof()
    except Fault as fault:
        assert not (reader.reusable and reader.started), "a connection that failed must not serve again"
        return fault.reason
    assert reader.complete
    return heads[0].status, b"".join(body), reusable
