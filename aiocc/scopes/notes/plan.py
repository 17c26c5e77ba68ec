"""The plan: notes become requests of at most a hundred receivers, the same ones in the same order every time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from hashlib import blake2b
from struct import pack
from typing import Any, Literal, Self

from attrs import field, frozen

from aiocc.endpoints.send_note import MAX_AGENT_ID, MAX_NOTE_BYTES, MAX_RECEIVERS, MIN_AGENT_ID, SendNote
from aiocc.errors import InvalidRequestError
from aiocc.protocol.checks import kind, refuse, text, utf8_text
from aiocc.protocol.model import Model
from aiocc.secret import concealing, length_of

OnInvalid = Literal["stop", "skip"]

RECEIVERS = f"agent ids, each a whole number from {MIN_AGENT_ID} to {MAX_AGENT_ID}"


def _given(value: Iterable[int]) -> tuple[int, ...]:
    given: Any = value  # what a program without a type checker may give
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        refuse("to", "agent ids, each a whole number", kind(given))
    return tuple(given)


class _Counted:
    """Room for a figure that is none of a note's fields."""

    __slots__ = ("_repeated",)


@concealing
@frozen
class Note(_Counted, Model):
    """One note of a fan-out.

    Attributes:
        to: Agents, as many as you like: each hundred becomes a request. One that is named twice gets it once.
        content: 0 to 1023 bytes of UTF-8.
        key: The application's own name for it.
    """

    to: tuple[int, ...] = field(converter=_given)
    content: str = field(validator=utf8_text(MAX_NOTE_BYTES), repr=length_of)
    key: str | None = field(default=None, validator=text(1, 255, optional=True))

    def __attrs_post_init__(self) -> None:
        distinct = tuple(dict.fromkeys(self.to))
        object.__setattr__(self, "_repeated", len(self.to) - len(distinct))
        object.__setattr__(self, "to", distinct)

    @property
    def duplicates(self) -> int:
        """How many receivers were named again, and left out; a copy does not know."""
        return getattr(self, "_repeated", 0)

    def check(self) -> None:
        """Check every receiver.

        Raises:
            InvalidRequestError: A receiver is no agent id, or there is none.
        """
        if not self.to:
            refuse("to", RECEIVERS, "none")
        for agent_id in self.to:
            if type(agent_id) is not int or not MIN_AGENT_ID <= agent_id <= MAX_AGENT_ID:
                refuse("to", RECEIVERS, f"one that is {kind(agent_id)}")

    def groups(self) -> Iterator[tuple[int, ...]]:
        """Give the receivers by the hundred, in order."""
        for start in range(0, len(self.to), MAX_RECEIVERS):
            yield self.to[start : start + MAX_RECEIVERS]

    def requests(self) -> list[SendNote]:
        """Make this note's requests.

        Raises:
            InvalidRequestError: A receiver is no agent id, or there is none.
        """
        self.check()
        return [SendNote(group, self.content) for group in self.groups()]


@frozen(kw_only=True, eq=False)
class NoteRequest:
    """One request of a job: a value that can be written down, handed to another process, and made again.

    Attributes:
        job: The job's name.
        number: Its place in the plan, from 0.
        part: Of a request that was refused and cut in halves: "0" and "1" are its halves, "01" half of a half.
        note: The note's number in the input, from 0.
        key: The note's own.
        sender: The agent.
        receivers: At most 100, none twice.
        content: The note's.
    """

    job: str
    number: int
    part: str = ""
    note: int
    key: str | None
    sender: int
    receivers: tuple[int, ...]
    content: str = field(repr=length_of)

    @cached_property
    def hash(self) -> str:
        """What it asks for: note, key, receivers and content. Who sends it may change from one run to the next."""
        place, key, content = f"{self.note} {self.part}".encode(), (self.key or "").encode(), self.content.encode()
        sized = (pack("<I", len(place)), place, pack("<I", len(key)), key, pack("<I", len(content)), content)
        return blake2b(b"".join((*sized, self.packed)), digest_size=16).hexdigest()

    @cached_property
    def packed(self) -> bytes:
        """The receivers, four bytes each, the lowest first."""
        return pack(f"<{len(self.receivers)}I", *self.receivers)

    def note_request(self) -> SendNote:
        """Make what is sent; the receivers were checked with their note."""
        request = object.__new__(SendNote)
        object.__setattr__(request, "to", self.receivers)
        object.__setattr__(request, "content", self.content)
        object.__setattr__(request, "agent_id", self.sender)
        return request

    def halves(self) -> tuple[NoteRequest, NoteRequest]:
        """Cut it in two; it has more than one receiver."""
        middle = len(self.receivers) // 2
        return self._half("0", self.receivers[:middle]), self._half("1", self.receivers[middle:])

    def _half(self, part: str, receivers: tuple[int, ...]) -> NoteRequest:
        return NoteRequest(
            job=self.job,
            number=self.number,
            part=self.part + part,
            note=self.note,
            key=self.key,
            sender=self.sender,
            receivers=receivers,
            content=self.content,
        )

    def dump(self) -> str:
        """Write it as JSON."""
        facts = {name: getattr(self, name) for name in ("job", "number", "part", "note", "key", "sender", "content")}
        return json.dumps({**facts, "receivers": list(self.receivers), "hash": self.hash}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str | bytes) -> Self:
        """Read it.

        Raises:
            InvalidRequestError: It is not what was written.
        """
        try:
            facts = json.loads(text)
            told, receivers = facts.pop("hash"), tuple(facts.pop("receivers"))
            request = cls(**facts, receivers=receivers)
            whole = told == request.hash
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise InvalidRequestError(f"this is no request of a fan-out: {type(error).__name__}") from None
        if not whole:
            raise InvalidRequestError("this request of a fan-out was changed on its way")
        SendNote(request.receivers, request.content, agent_id=request.sender)
        return request
