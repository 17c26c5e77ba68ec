"""Content codings, undone within bounds."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

from aiocc.delivery import Reason
from aiocc.protocol.messages import Fault

_GZIP_OR_ZLIB: Final = 47
"""zlib's window bits for "gzip or zlib, whichever its header says"."""


class Body:
    """Collects a body piece by piece and undoes its content coding, never holding more than the limit.

    Args:
        codings: Every Content-Encoding header.
        declared: Content-Length, or None.
        limit: Bytes, with the coding and without it.

    Raises:
        Fault: TOO_MANY_CODINGS for more than one, or one that was not asked for; BODY_TOO_LARGE by its
            declared length already.
    """

    __slots__ = ("_body", "_inflater", "_limit", "_raw", "_received", "_size")

    def __init__(self, codings: Sequence[str], declared: str | None, limit: int) -> None:
        coding = _only_coding(codings) if codings else None
        if (
            declared is not None
            and declared.isascii()
            and declared.isdigit()
            and (len(declared) > 18 or int(declared) > limit)
        ):
            raise Fault(Reason.BODY_TOO_LARGE, f"declared {declared[:20]} bytes, limit {limit}")
        self._limit = limit
        self._raw = coding == "deflate"
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB) if coding is not None else None
        self._body: bytes | bytearray = b""
        self._size = 0
        self._received = 0

    def feed(self, data: bytes) -> None:
        """Take the next piece as it came.

        Raises:
            Fault: BODY_TOO_LARGE or BROKEN_CODING.
        """
        if self._inflater is None:
            self._keep(data)
            return
        self._received += len(data)
        if self._received > self._limit:
            raise Fault(Reason.BODY_TOO_LARGE, f"over {self._limit} bytes")
        if self._raw and data:
            # "deflate" is zlib's format; some servers send the bare stream, which starts otherwise.
            self._raw = False
            if data[0] & 0x0F != 8:
                self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            self._keep(self._inflater.decompress(data, self._limit - self._size + 1))
        except zlib.error:
            raise Fault(Reason.BROKEN_CODING) from None
        if self._inflater.unused_data:
            # At once: zlib copies all that it has set aside for each further piece.
            raise Fault(Reason.BROKEN_CODING, "data after the end of the compressed stream")

    def finish(self) -> bytes:
        """Give the whole body.

        Raises:
            Fault: TRUNCATED_CODING when the compressed stream has no end.
        """
        if self._inflater is not None and self._received and not self._inflater.eof:
            raise Fault(Reason.TRUNCATED_CODING)
        return bytes(self._body)

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            decoded = " once decoded" if self._inflater is not None else ""
            raise Fault(Reason.BODY_TOO_LARGE, f"over {self._limit} bytes{decoded}")
        if not self._body:
            self._body = data
        elif data:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += data


def _only_coding(values: Sequence[str]) -> str | None:
    """Give the one coding that these headers name, None for none.

    Raises:
        Fault: TOO_MANY_CODINGS.
    """
    parts = [part.strip().lower() for value in values for part in value.split(",")]
    names = [name for name in parts if name not in ("", "identity")]
    if len(names) > 1 or (names and names[0] not in ("gzip", "x-gzip", "deflate")):
        raise Fault(Reason.TOO_MANY_CODINGS, f"Content-Encoding {', '.join(names)[:80]!r}")
    return names[0] if names else None
