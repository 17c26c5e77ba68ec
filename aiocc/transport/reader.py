"""HTTP/1.1 answers out of bytes, without a socket. The grammar is httptools' (llhttp, strict); the limits are ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import httptools

from aiocc.delivery import Reason
from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import AnswerHead, Fault

MAX_HEADERS: Final = 512
MAX_INTERIM: Final = 16
_VERSIONS: Final = frozenset({"1.1", "1.0"})
_BODILESS: Final = frozenset({204, 304})
_NAMES: Final[dict[bytes, str]] = {}
"""Names of headers as they came, in lower case; few and short ones alone, since a server may invent any."""
_KNOWN_NAMES: Final = 256
_LONGEST_KNOWN: Final = 64
_LARGEST_KEPT: Final = 4096
"""Bytes of a head that is kept for the next answer; a thousand idle connections keep a thousand of them."""
_HARMLESS: Final = frozenset(
    {
        *("server", "date", "content-type", "content-length", "content-language", "connection", "keep-alive"),
        *("cache-control", "expires", "pragma", "vary", "via", "strict-transport-security", "referrer-policy"),
        *("x-content-type-options", "x-frame-options", "x-xss-protection", "content-security-policy"),
    }
)
"""What a head may hold that is kept for the next answer: nothing that could be a credential, or one caller's own."""

OnHead = Callable[[AnswerHead], object]
OnData = Callable[[bytes], object]


class _Known(NamedTuple):
    """The head of an answer that came in one piece and was read to its end.

    Attributes:
        raw: As it came, with the empty line.
        size: Bytes of the whole answer.
        head: What it says.
    """

    raw: bytes
    size: int
    head: AnswerHead


class Reader:
    """Reads the answers of one connection, one after the other.

    `begin` before a request is sent, `feed` whatever comes, until `complete`. Anything that is no valid answer
    within its limits raises `Fault`, and the connection is good for nothing more.

    Attributes:
        complete: Whether the answer has ended.
        reusable: Whether the connection may carry another request; false at once when anything follows an answer.
        started: Whether a byte of the answer has come.
    """

    __slots__ = (
        "_bodiless",
        "_fed",
        "_head",
        "_headers",
        "_interim",
        "_known",
        "_limits",
        "_on_data",
        "_on_head",
        "_parser",
        "_until_eof",
        "complete",
        "reusable",
        "started",
    )

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._on_head: OnHead | None = None
        self._known: _Known | None = None
        self._head: AnswerHead | None = None
        self.complete: bool = True
        self.reusable: bool = True
        self.started: bool = False

    def begin(self, *, bodiless: bool, limits: AnswerLimits, on_head: OnHead, on_data: OnData) -> None:
        """Expect the answer to the next request.

        Args:
            bodiless: The request is a HEAD: its answer has no body, whatever its headers say.
            limits: What its head may cost; who takes the data bounds the body.
            on_head: Told the head of the final answer, interim ones are skipped.
            on_data: Told each piece of the body as it came, without its transfer coding.
        """
        self.complete = self.started = self._until_eof = False
        self._bodiless = bodiless
        self._limits = limits
        self._on_head = on_head
        self._on_data = on_data
        self._headers = []
        self._fed = self._interim = 0

    def forget(self) -> None:
        """Keep nothing of the request: an idle connection would keep its caller and credential alive."""
        self._on_head = self._head = None
        self._headers = []
        self._on_data = _nobody

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes.

        Raises:
            Fault: They are no answer, or one over its limits.
        """
        if self.complete:
            self.reusable = False
            return
        known = self._known
        if known is not None and not self.started and len(data) == known.size and not self._bodiless:
            data = bytes(data)
            if data.startswith(known.raw) and len(known.raw) <= self._limits.headers:
                self._take_again(known, data)
                return
        whole = not self.started
        self.started = True
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self.reusable = False
            cause = error.__context__
            raise cause if isinstance(cause, Fault) else Fault(Reason.INTERNAL, type(cause).__name__) from None
        except httptools.HttpParserError as error:
            self.reusable = False
            # What follows a whole answer spoils the connection, not the answer.
            if not self.complete:
                raise Fault(Reason.NOT_HTTP, str(error)[:120]) from None
        if whole:
            self._remember(data)
        if self._fed > self._limits.headers and not self.complete:
            raise self._too_large()

    def eof(self) -> None:
        """Take the end of the stream: it ends an answer that has no other end, and cuts any other short.

        Raises:
            Fault: CONNECTION_CLOSED.
        """
        self.reusable = False
        if self.complete:
            return
        if not self._until_eof:
            raise Fault(Reason.CONNECTION_CLOSED)
        self.complete = True

    # What httptools calls.

    def on_message_begin(self) -> None:
        """A further message after the one that was asked for."""
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one trailer, which is read over."""
        if len(self._headers) <= MAX_HEADERS:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head of an interim or of the final answer."""
        if self.complete:
            return
        parser = self._parser
        status = parser.get_status_code()
        if parser.get_http_version() not in _VERSIONS:
            raise Fault(Reason.NOT_HTTP, "neither HTTP/1.1 nor HTTP/1.0")
        if 100 <= status < 200:
            self._take_interim(status)
            return
        head = self._head = AnswerHead(status, self._take_headers())
        self._fed = 0
        if not parser.should_keep_alive():
            self.reusable = False
        on_head, self._on_head = self._on_head, None
        if on_head is not None:
            on_head(head)
        if self._bodiless:
            # The parser still expects a body: it is not asked again.
            self.complete = True
            self.reusable = False
            return
        if not self._framed(head) and status not in _BODILESS:
            self._until_eof = True
            self.reusable = False

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self._on_head is not None:
            # The parser knows 100, 102 and 103 alone; of other interim answers it would read what comes next as a body.
            raise Fault(Reason.NOT_HTTP, "an interim answer with a body")
        if not self.complete:
            self._fed = 0  # counts what is not body: the head, and trailers or chunk extensions without an end
            self._on_data(data)

    def on_message_complete(self) -> None:
        """The end of an interim or of the final answer."""
        if self._on_head is None:
            self.complete = True

    def _remember(self, data: bytes | memoryview) -> None:
        """Keep the head of a whole answer for the next, which is mostly the same down to the second of its Date."""
        head, self._known = self._head, None
        if head is None or not self.complete or not self.reusable or self._interim or head.status in _BODILESS:
            return
        length = head.header("content-length")
        if length is None:
            return
        data = bytes(data)
        end = data.find(b"\r\n\r\n") + 4
        exact = end + int(length) == len(data)  # an empty line before or after the answer is read over, not kept
        if exact and end <= _LARGEST_KEPT and all(name in _HARMLESS for name, _ in head.headers):
            self._known = _Known(data[:end], len(data), head)

    def _take_again(self, known: _Known, data: bytes) -> None:
        """Take an answer that begins, byte for byte, as the one before did, and is as long: nothing is parsed anew."""
        self.started = True
        on_head, self._on_head = self._on_head, None
        try:
            if on_head is not None:
                on_head(known.head)
            if known.size > len(known.raw):
                self._on_data(data[len(known.raw) :])
        except Fault:
            self.reusable = False
            raise
        except BaseException as error:  # noqa: BLE001 - as the parser does with whatever is raised in it
            self.reusable = False
            raise Fault(Reason.INTERNAL, type(error).__name__) from None
        self.complete = True

    def _take_headers(self) -> tuple[tuple[str, str], ...]:
        """Give the head's headers as text, in order."""
        raw, self._headers = self._headers, []
        if len(raw) > MAX_HEADERS:
            raise Fault(Reason.HEAD_TOO_LARGE, f"over {MAX_HEADERS} headers")
        # What was fed may hold some of the body as well, so that the head is measured only where it could be too large.
        if self._fed > self._limits.headers and sum(len(n) + len(v) + 4 for n, v in raw) > self._limits.headers:
            raise self._too_large()
        return tuple([(_NAMES.get(name) or _lower(name), value.decode("latin-1").rstrip(" \t")) for name, value in raw])

    def _too_large(self) -> Fault:
        self.reusable = False
        return Fault(Reason.HEAD_TOO_LARGE, f"over {self._limits.headers} bytes")

    def _framed(self, head: AnswerHead) -> bool:
        """Whether the head says where the body ends."""
        coding = head.header("transfer-encoding")
        if coding is None:
            return head.header("content-length") is not None
        if coding.lower() != "chunked" or len(head.all_headers("transfer-encoding")) > 1:
            # An httptools before 0.9 lets the empty one pass, which is no coding at all.
            raise Fault(Reason.TOO_MANY_CODINGS if coding else Reason.NOT_HTTP, "a transfer coding besides chunked")
        return True

    def _take_interim(self, status: int) -> None:
        self._interim += 1
        self._headers = []
        if status == 101:
            raise Fault(Reason.BAD_STATUS, "101, which was not asked for")
        if self._interim > MAX_INTERIM:
            raise Fault(Reason.TOO_MANY_INTERIM_ANSWERS, f"over {MAX_INTERIM}")


def _lower(name: bytes) -> str:
    text = name.decode("latin-1").lower()
    if len(_NAMES) < _KNOWN_NAMES and len(name) <= _LONGEST_KNOWN:
        _NAMES[name] = text
    return text


def _nobody(_: bytes) -> None:
    """Takes what comes after an answer."""
