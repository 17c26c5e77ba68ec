"""Answers as values, and the forms that all services share."""

import gzip
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from attrs import evolve, frozen

__all__ = ["Answer", "Refused", "json_answer", "text_answer"]

JSON_TYPE = ("Content-Type", "application/json;charset=UTF-8")

HeaderPairs = tuple[tuple[str, str], ...]


@frozen
class Answer:
    """An answer to give, with what the ledger is to say of it.

    `accepted` is True when the service did what was asked. `gzip` allows the body to be compressed for a
    client that takes it. `reason` is for the reader of the ledger and never goes out.
    """

    status: int = 200
    body: bytes = b""
    headers: HeaderPairs = ()
    code: str | None = None
    reason: str = ""
    accepted: bool = False
    gzip: bool = False

    def with_headers(self, headers: HeaderPairs) -> "Answer":
        """Give the same answer with these headers after its own."""
        return evolve(self, headers=self.headers + headers) if headers else self

    def compressed(self) -> "Answer":
        """Give the same answer in gzip."""
        # mtime 0: the same answer is the same bytes each time.
        body = gzip.compress(self.body, mtime=0)
        return evolve(self, body=body, headers=(*self.headers, ("Content-Encoding", "gzip")), gzip=False)


class Refused(Exception):  # noqa: N818  # it carries an answer and is no error
    """Raised by a check to end a request with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


def json_answer(
    content: Mapping[str, Any],
    *,
    status: int = 200,
    code: str | None = None,
    reason: str = "",
    accepted: bool = False,
    gzip: bool = False,
) -> Answer:
    """Make an answer of a JSON object."""
    body = json.dumps(content, ensure_ascii=False).encode()
    return Answer(status, body, (JSON_TYPE,), code=code, reason=reason, accepted=accepted, gzip=gzip)


def text_answer(status: int, reason: str, headers: HeaderPairs = ()) -> Answer:
    """Make an answer that says no more than its status, for what no page describes."""
    phrase = HTTPStatus(status).phrase.encode()
    return Answer(status, phrase, (("Content-Type", "text/plain;charset=UTF-8"), *headers), reason=reason)
