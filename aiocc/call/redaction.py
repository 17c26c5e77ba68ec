"""Taking secrets and numbers out of what was sent and what came, before anybody keeps it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final
from urllib.parse import quote, quote_plus, unquote

from aiocc.delivery import Exchange, Reason
from aiocc.protocol.messages import PUBLIC_HEADERS, Answer, WireRequest, shown_headers
from aiocc.protocol.reading import DESCRIPTION_LIMIT, Reading, escape
from aiocc.secret import HIDDEN, mask_numbers, scrub

SEARCHED: Final = 65536
"""Bytes of a body that are looked at: an excerpt is far shorter, and what was sent seldom longer."""

_PUBLIC_IN_ANSWERS: Final = PUBLIC_HEADERS | {
    "age",
    "content-encoding",
    "date",
    "keep-alive",
    "retry-after",
    "server",
    "transfer-encoding",
    "via",
}
KEPT: Final = 4096
"""Characters of a text, once its secrets are out, in which numbers are looked for."""

SHORTEST: Final = 3
"""Characters from which on what is surely a secret, a password say, is taken out; fewer tell nothing."""

_NO_FAILURE: Final = (None, Reason.CODE_MISSING, Reason.BAD_CODE, Reason.SUCCESS_CODE_ON_FAILURE_STATUS)
_KINDS: Final = {str: "text", int: "number", float: "number", bool: "bool"}
_SHOWN: Final = 20
_TOKEN_BREAK: Final = re.compile(r"[ =;/]")
_NUMBER: Final = re.compile(r"\d(?:[ ().+/-]{0,3}\d){5,}")
"""A number of six digits or more, however it is grouped."""

_NO_DIGIT: Final = re.compile(r"\D+")


def tamed(text: str, sent: WireRequest | None, learnt: Iterable[str], limit: int) -> str:
    """Take out of foreign text what was sent as a secret or a number, then make it fit for one line.

    Args:
        text: What a service or a library said.
        sent: The request that it may echo.
        learnt: Secrets that the answer itself brought.
        limit: Characters.
    """
    return escape(text if sent is None else _without(text, sent, learnt), limit)


def redacted(sent: WireRequest, answer: Answer | None, reading: Reading | None, learnt: Iterable[str]) -> Exchange:
    """Make what may be shown of an exchange. Of a query the names are kept, of a body its size and its beginning.

    Of an answer that does not speak of a failure only the shape is kept: its payload is the application's, and may
    itself be a credential.

    Args:
        sent: The request as it left.
        answer: What came; None where nothing whole did.
        reading: What it says.
        learnt: Secrets that the answer brought.
    """
    query = "&".join(f"{name}={HIDDEN}" for name, _ in sent.query)
    path = mask_numbers(sent.path)
    excerpt = ""
    if answer is not None:
        brought = _hidden_parts(answer.head.headers, _PUBLIC_IN_ANSWERS)
        if reading is not None and reading.data is not None and reading.reason in _NO_FAILURE:
            text = _shape(reading.data)
        else:
            text = answer.body[:SEARCHED].decode("utf-8", "replace")
        known = (reading.code or "",) if reading is not None and reading.known is not None else ()
        excerpt = mask_numbers(_without(text, sent, [*brought, *learnt]), keep=known)
    return Exchange(
        request=f"{sent.method} {path}?{query}" if query else f"{sent.method} {path}",
        request_headers=tuple(shown_headers(sent.headers)),
        request_size=len(sent.body or b""),
        status=None if answer is None else answer.status,
        answer_headers=() if answer is None else tuple(shown_headers(answer.head.headers, _PUBLIC_IN_ANSWERS)),
        answer_size=None if answer is None else len(answer.body),
        excerpt=escape(excerpt, DESCRIPTION_LIMIT),
    )


def _shape(value: object) -> str:
    """Write JSON with the kind of each value in its place."""
    if isinstance(value, Mapping):
        members = (f"{json.dumps(str(name)[:64])}: {_shape(inner)}" for name, inner in islice(value.items(), _SHOWN))
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list):
        return f"[{_shape(value[0])}, ...]" if value else "[]"
    return _KINDS.get(type(value), "null")


def sent_secrets(sent: WireRequest) -> list[str]:
    """List what must not be echoed: the parts of every header that may be a credential, and secrets of the body."""
    return [*_hidden_parts(sent.headers, PUBLIC_HEADERS), *(secret.reveal() for secret in sent.hidden)]


def _spelled(secret: str) -> Iterator[str]:
    """Give the spellings in which an answer may echo a secret: in JSON, in HTML, in an address."""
    yield secret
    if not secret.isalnum() or not secret.isascii():
        yield json.dumps(secret)[1:-1]
        yield json.dumps(secret, ensure_ascii=False)[1:-1]
        yield json.dumps(secret)[1:-1].replace("/", "\\/")
        yield html.escape(secret)
        yield from (quote(secret), quote(secret, safe=""), quote_plus(secret))


def _hidden_parts(headers: Iterable[tuple[str, str]], public: Container[str]) -> list[str]:
    hidden = [value for name, value in headers if name.lower() not in public]
    parts = [*hidden, *(part for value in hidden for part in _TOKEN_BREAK.split(value))]
    return [*parts, *map(unquote, parts)]


def _without(text: str, sent: WireRequest, learnt: Iterable[str]) -> str:
    text = scrub(text, [spelling for secret in (*sent_secrets(sent), *learnt) for spelling in _spelled(secret)])
    short = (spelling for secret in sent.hidden for spelling in _spelled(secret.reveal()))
    text = scrub(text, short, shortest=SHORTEST)
    text = text[:KEPT]  # what is shown is shorter, and looking for groups takes longer than for text
    numbers = set(_sent_numbers(sent))
    return _NUMBER.sub(lambda match: _masked(match.group(), numbers), text) if numbers else text


def _masked(found: str, numbers: set[str]) -> str:
    """Mask a number that was sent, or a part of one, in whatever groups it comes back."""
    digits = _NO_DIGIT.sub("", found)
    return HIDDEN + digits[-2:] if any(digits in number or number in digits for number in numbers) else found


def _sent_numbers(sent: WireRequest) -> Iterator[str]:
    body = (sent.body or b"")[:SEARCHED].decode("utf-8", "replace")
    for text in (body, sent.path, *(value for _, value in sent.query)):
        yield from (_NO_DIGIT.sub("", number) for number in _NUMBER.findall(text))
