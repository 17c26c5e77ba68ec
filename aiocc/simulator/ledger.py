"""What physically happened: effects, and every request that arrived with what was answered."""

import threading
from typing import Any

from attrs import asdict, field, frozen

__all__ = ["ClickToDialCall", "DeliveredNote", "Ledger", "LeftMessage", "PlacedCall", "SeenRequest"]

CREDENTIAL_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "guid", "ccmessaging-token", "x-app-key"}
)

Headers = tuple[tuple[str, str], ...]


@frozen
class PlacedCall:
    """An outbound call that was created. The serial number is kept even where the answer leaves it out."""

    called: str
    caller_present: str | None
    call_data: str | None
    call_serial_no: str


@frozen
class ClickToDialCall:
    """A call a web visitor asked for: `visitor` is the user id, `media` "0" for voice and "1" for video."""

    visitor: str
    media: str


@frozen
class LeftMessage:
    """A message a web visitor left: `visitor` is the user id."""

    visitor: str
    phone_no: str
    content: str


@frozen
class DeliveredNote:
    """A note to one receiver; `delivered` is False when the receiver was not signed in."""

    sender: int
    receiver: int
    content: str
    delivered: bool = True


def hide_credentials(headers: Headers) -> Headers:
    """Put a stand-in for the value of every header that carries a credential."""
    return tuple((name, "<hidden>" if name.lower() in CREDENTIAL_HEADERS else value) for name, value in headers)


@frozen
class SeenRequest:
    """A request as it arrived and what was answered.

    `target` is the raw request target; `headers` are in order and in the spelling of the sender;
    `operation` is None where path and method name none. `status` is 0 for a request that broke off before
    its end, which has no effect. `code` is the envelope's code, `reason` says why the simulator refused.
    Bodies are kept up to 1 MiB.
    """

    service: str
    operation: str | None
    method: str
    target: str
    headers: Headers = field(repr=lambda headers: repr(hide_credentials(headers)))
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    status: int
    code: str | None = None
    reason: str = ""

    def header(self, name: str) -> str | None:
        """Give the first value of a header, whatever its spelling."""
        return next((value for found, value in self.headers if found.lower() == name.lower()), None)


class Ledger:
    """The record of a run. All of it is safe to read from any thread; only the simulator writes."""

    def __init__(self, lock: threading.RLock) -> None:
        # One lock for ledger and world: an effect, its record and a reset are atomic to each other.
        self._lock = lock
        self.epoch: int = 0  # counts the beginnings
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.epoch += 1
            self._calls: list[PlacedCall] = []
            self._dials: list[ClickToDialCall] = []
            self._messages: list[LeftMessage] = []
            self._notes: list[DeliveredNote] = []
            self._requests: list[SeenRequest] = []

    def add(self, *effects: PlacedCall | ClickToDialCall | LeftMessage | DeliveredNote) -> None:
        """Record effects, all of them at once."""
        with self._lock:
            for effect in effects:
                match effect:
                    case PlacedCall():
                        self._calls.append(effect)
                    case ClickToDialCall():
                        self._dials.append(effect)
                    case LeftMessage():
                        self._messages.append(effect)
                    case DeliveredNote():
                        self._notes.append(effect)

    def mark(self) -> tuple[int, ...]:
        """Say how much has happened so far."""
        return tuple(map(len, self._effects()))

    def take_back(self, mark: tuple[int, ...]) -> None:
        """Undo what has happened since a mark, within the same hold of the lock."""
        with self._lock:
            for effects, length in zip(self._effects(), mark, strict=True):
                del effects[length:]

    def _effects(self) -> tuple[list[Any], ...]:
        return self._calls, self._dials, self._messages, self._notes

    def add_request(self, request: SeenRequest) -> None:
        """Record a request and its answer."""
        with self._lock:
            self._requests.append(request)

    @property
    def calls_placed(self) -> int:
        """How many outbound calls were created."""
        with self._lock:
            return len(self._calls)

    @property
    def token_requests(self) -> int:
        """How many tokenByAkSk requests arrived, whatever was answered."""
        with self._lock:
            return sum(request.operation == "token" for request in self._requests)

    @property
    def calls(self) -> tuple[PlacedCall, ...]:
        """Outbound calls, in order."""
        with self._lock:
            return tuple(self._calls)

    @property
    def dials(self) -> tuple[ClickToDialCall, ...]:
        """Click-to-dial calls, in order."""
        with self._lock:
            return tuple(self._dials)

    @property
    def messages(self) -> tuple[LeftMessage, ...]:
        """Messages that visitors left, in order."""
        with self._lock:
            return tuple(self._messages)

    @property
    def notes(self) -> tuple[DeliveredNote, ...]:
        """Notes, one for each receiver, in order."""
        with self._lock:
            return tuple(self._notes)

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """Every request that arrived, in the order of the answers."""
        with self._lock:
            return tuple(self._requests)

    def inbox(self, agent_id: int) -> tuple[DeliveredNote, ...]:
        """Give the notes that reached this agent."""
        with self._lock:
            return tuple(note for note in self._notes if note.receiver == agent_id and note.delivered)

    def snapshot(self) -> dict[str, Any]:
        """Give all of it as values that JSON can hold, without credentials and bodies of requests."""
        with self._lock:
            return {
                "calls_placed": self.calls_placed,
                "token_requests": self.token_requests,
                "calls": [asdict(call) for call in self._calls],
                "dials": [asdict(dial) for dial in self._dials],
                "messages": [asdict(message) for message in self._messages],
                "notes": [asdict(note) for note in self._notes],
                "requests": [_describe(request) for request in self._requests],
            }


def _describe(request: SeenRequest) -> dict[str, Any]:
    described = asdict(request)
    described["headers"] = [list(pair) for pair in hide_credentials(request.headers)]
    described["body"] = f"<{len(request.body)} bytes>"
    return described
