"""One connection's state without its socket: TLS, the reader, and what is known of the exchange."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

from aiocc.delivery import Phase, Reason
from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import Fault, Wire
from aiocc.transport.reader import OnData, OnHead, Reader
from aiocc.transport.tls_buffers import TLSBuffers


class Channel:
    """What both kinds of connection do with bytes.

    Args:
        tls: The session over which it speaks; None for none.

    Attributes:
        requests: How many it has carried.
        lost: Whether the connection is known to be gone.
        reader: Of its answers.
    """

    __slots__ = ("_asked", "_wire", "lost", "reader", "requests", "tls")

    def __init__(self, tls: TLSBuffers | None) -> None:
        self.tls: TLSBuffers | None = tls
        self.requests: int = 0
        self.lost: bool = False
        self.reader: Reader = Reader()
        self._wire = Wire()
        self._asked = False

    @property
    def alive(self) -> bool:
        """Whether it may carry another request."""
        return not self.lost and self.reader.reusable

    @property
    def complete(self) -> bool:
        """Whether the answer has ended."""
        return self.reader.complete

    def begin(self, wire: Wire, *, bodiless: bool, limits: AnswerLimits, on_head: OnHead, on_data: OnData) -> None:
        """Expect the answer to the request that is to be handed to the socket next."""
        self.reader.begin(bodiless=bodiless, limits=limits, on_head=on_head, on_data=on_data)
        self._wire = wire
        wire.reused = self.requests > 0
        wire.phase = Phase.WRITE
        self.requests += 1
        self._asked = True

    def leave(self) -> None:
        """The request is handed to the socket now: from here on a byte of it may have left."""
        wire = self._wire
        wire.left = True
        wire.left_at = datetime.now(UTC)
        wire.phase = Phase.AWAIT_ANSWER

    def settle(self) -> None:
        """The exchange is over, whichever way."""
        self._asked = False
        self.reader.forget()

    def receive(self, data: bytes | memoryview) -> None:
        """Take what came.

        Raises:
            Fault: It is no answer; or nothing was asked for, which ends the connection.
        """
        tls = self.tls
        if tls is None:
            self._read(data)
            return
        data = tls.open(data)
        if tls.at_end or tls.failure is not None:
            self.lost = True
        self._read(data)
        # What follows a whole answer spoils the connection, not the answer.
        if tls.failure is not None and self._asked and not self.reader.complete:
            raise self._tls_fault(tls.failure)

    def end(self, error: Exception | None = None) -> None:
        """Take the end of the connection.

        Raises:
            Fault: It cut an answer short.
        """
        self.lost = True
        if not self._asked or self.reader.complete:
            return
        if error is not None:
            raise self._or_stale(Fault(Reason.CONNECTION_RESET))
        if self.tls is not None and not self.tls.at_end:
            # RFC 9112, 9.8: without TLS's own goodbye anyone on the way may have cut the answer short.
            raise self._or_stale(Fault(Reason.CONNECTION_CLOSED))
        try:
            self.reader.eof()
        except Fault as fault:
            raise self._or_stale(fault) from None

    def _read(self, data: bytes | memoryview) -> None:
        if not data:
            return
        if not self._asked or self.reader.complete or not self._wire.left:
            self.lost = True
            return
        self._wire.phase = Phase.READ_ANSWER
        self.reader.feed(data)

    def _or_stale(self, fault: Fault) -> Fault:
        """Name a connection that had served before, and ended before a byte of this answer came."""
        return Fault(Reason.STALE_CONNECTION) if self._wire.reused and not self.reader.started else fault

    def _tls_fault(self, error: ssl.SSLError) -> Fault:
        name = error.reason or ""
        text = name.replace("_", " ").lower()
        # Under TLS 1.3 a server refuses a client's certificate after the handshake, and reads no request before.
        refused = "ALERT" in name and ("CERTIFICATE" in name or "UNKNOWN_CA" in name)
        if refused and not self._wire.reused and not self.reader.started:
            return Fault(Reason.CLIENT_CERTIFICATE_REFUSED, text)
        return Fault(Reason.CONNECTION_RESET, text)
