"""The small values that floors 1 to 3 speak: a request as it is sent, an answer as it came.

httpx's own objects cost more than the whole rest of a call, so they are made only at the faces.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from attrs import define, field, frozen

from aiocc.delivery import Phase, Reason
from aiocc.errors import ConfigurationError
from aiocc.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

DEFAULT_PORTS = {"https": 443, "http": 80}

PUBLIC_HEADERS = frozenset(
    {
        "host",
        "content-type",
        "content-length",
        "accept",
        "accept-encoding",
        "user-agent",
        "locale",
        "connection",
    }
)
"""Headers whose values may be shown. All others hide theirs: a head cannot know which of them is a credential."""


@frozen
class Origin:
    """Scheme, host and port: what a connection, and a secret, belongs to."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The Host header: with the port unless it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is a literal loopback address."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def parse_url(url: str, *, what: str) -> tuple[Origin, str]:
    """Take an address apart into its origin and its path without a trailing slash.

    Raises:
        ConfigurationError: No absolute http(s) URL, or one with user info, query or fragment.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"{what} must be a str, not {type(url).__name__}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(f"{what} is not a URL that can be read") from None
    if "@" in parts.netloc:
        raise ConfigurationError(f"{what} must not hold user info: credentials go into auth=")
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise ConfigurationError(f"{what} must be an absolute https URL such as 'https://10.10.10.3:8043'")
    if parts.query or parts.fragment:
        raise ConfigurationError(f"{what} must have no query and no fragment")
    if any(c.isspace() or not c.isprintable() for c in url) or not parts.path.isascii() or set(parts.path) & set("{}"):
        raise ConfigurationError(f"{what} holds a blank, a control character, a brace, or a path outside ASCII")
    if port == 0:
        raise ConfigurationError(f"{what} has port 0, which nothing listens at")
    try:
        host = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        raise ConfigurationError(f"{what} has a host name that cannot be encoded") from None
    return Origin(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme]), parts.path.rstrip("/")


def http_date(value: str | None) -> datetime | None:
    """Read an HTTP date, which is in UTC whether it says so or not; None for what is none."""
    try:
        moment = parsedate_to_datetime(value or "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def quote_segment(text: str) -> str:
    """Encode one segment of a path, so that no value can leave its place."""
    return text if text.isascii() and text.isalnum() else quote(text, safe="")


def encode_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Encode query pairs for the wire: RFC 3986, a blank as `%20`."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def shown_headers(headers: Iterable[tuple[str, str]], public: Container[str] = PUBLIC_HEADERS) -> list[tuple[str, str]]:
    """Give headers as they may be shown: values that are, or may be, a credential hidden."""
    return [(name, value if name.lower() in public else HIDDEN) for name, value in headers]


@define(eq=False, repr=False)
class WireRequest:
    """A request as it will be sent. `Strategy.apply` completes its headers; nothing changes it afterwards.

    Attributes:
        method: `GET`, `POST` and so on.
        origin: Where it goes; None stands for the service's own address.
        path: Percent-encoded, as sent, without the query.
        query: Raw pairs, encoded by `target`.
        headers: In the order in which they are sent.
        body: The bytes sent; None for a request without a body.
        host: The Host header as sent.
        credential: What `apply` was given; tells an answer's strategy which one was refused.
        hidden: Secrets in the body.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: list[tuple[str, str]] = field(factory=list, repr=False)
    body: bytes | None = field(default=None, repr=False)
    origin: Origin | None = None
    credential: Any = None
    hidden: tuple[Secret, ...] = ()

    @property
    def target(self) -> str:
        """Path and query as they stand on the request line."""
        return f"{self.path}?{encode_query(self.query)}" if self.query else self.path

    def header(self, name: str) -> str | None:
        """Give the first header of this name."""
        name = name.lower()
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def __repr__(self) -> str:
        return f"<WireRequest {self.method} {self.path} {[n for n, _ in self.headers]}>"


@frozen(eq=False, repr=False)
class AnswerHead:
    """Status and headers of an answer; names in lower case. Nothing changes it: answers with one head share it."""

    status: int
    headers: Sequence[tuple[str, str]] = field(repr=False)
    _first: dict[str, str] | None = field(default=None, init=False, repr=False)

    def header(self, name: str) -> str | None:
        """Give the first header of this name, which is in lower case."""
        first = self._first
        if first is None:
            first = dict(self.headers[::-1])
            object.__setattr__(self, "_first", first)
        return first.get(name)

    def all_headers(self, name: str) -> list[str]:
        """Give every header of this name, in order."""
        return [value for key, value in self.headers if key == name]

    def __repr__(self) -> str:
        return f"<AnswerHead {self.status} {[n for n, _ in self.headers]}>"


@define(eq=False, repr=False)
class Answer:
    """A whole answer.

    Attributes:
        head: Status and headers.
        body: Without its content coding.
        code: The envelope's code, once it was opened.
        description: The text that belongs to it.
    """

    head: AnswerHead
    body: bytes = field(repr=False)
    code: str | None = field(default=None, repr=False)
    description: str | None = field(default=None, repr=False)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.head.status

    def __repr__(self) -> str:
        return f"<Answer {self.head.status} {len(self.body)} bytes code={self.code!r}>"


@define(eq=False)
class Wire:
    """What is known of one exchange while it goes on; the transport writes it, whoever needs evidence reads it.

    Attributes:
        phase: How far it came.
        left: Whether a byte of the request may have been handed to the socket.
        left_at: When that was, in UTC.
        reused: Whether the connection had served before; None while there is none, or none can be told.
    """

    phase: Phase = Phase.QUEUE
    left: bool = False
    left_at: datetime | None = None
    reused: bool | None = None


class Fault(Exception):  # noqa: N818 - it never reaches a user
    """An attempt that brought no answer: raised at a transport's one door, and wherever an attempt waits.

    It never reaches the user; `aiocc.call` makes the typed error of it. What had left stands in `Wire`.
    """

    def __init__(self, reason: Reason, detail: str = "", *, remedy: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.remedy = remedy
