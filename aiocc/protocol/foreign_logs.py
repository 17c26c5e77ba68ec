"""What httpx's libraries log of a head: at DEBUG httpcore writes every header of an answer, and hpack both ways.

`Set-GUID`, a renewed token and cookies are credentials, so whoever goes over these libraries hides them there too.
"""

from __future__ import annotations

import ast
import logging
from typing import Final

from aiocc.protocol.messages import shown_headers
from aiocc.secret import HIDDEN

_HEADS: Final = ("httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.connection", "httpcore.socks")
_ALL: Final = ("hpack.hpack", "hpack.table", "h2.connection")
_VALUE: Final = "return_value="
_FAILED: Final = "failed exception="


class HideHeads(logging.Filter):
    """Takes the values of headers out of httpcore's records; names, status and public headers stay."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a record that shows a head."""
        text = record.getMessage()
        before, found, value = text.partition(_VALUE)
        if found and "headers" in before:
            record.msg, record.args = before + found + _hidden(value), ()
        elif _FAILED in text:  # h11 shows a header that it refuses
            before, found, value = text.partition(_FAILED)
            record.msg, record.args = before + found + value.partition("(")[0], ()
        return True


class _Drop(logging.Filter):
    """Lets no record pass that is below a warning: whole header tables are in them."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_HIDE: Final = HideHeads()
_DROP: Final = _Drop()


def hide_heads() -> None:
    """Put the filters in place; again and again does no harm."""
    if _HIDE not in logging.getLogger(_HEADS[0]).filters:
        for name in _HEADS:
            logging.getLogger(name).addFilter(_HIDE)
        for name in _ALL:
            logging.getLogger(name).addFilter(_DROP)


def _hidden(value: str) -> str:
    """Give the text of httpcore's return value without the headers' own; nothing of one that cannot be read."""
    try:
        *facts, headers = ast.literal_eval(value)
        pairs = [(name.decode("latin-1"), text.decode("latin-1")) for name, text in headers]
    except (ValueError, TypeError, SyntaxError, AttributeError, MemoryError, RecursionError):
        return HIDDEN
    return repr((*facts, shown_headers(pairs)))
