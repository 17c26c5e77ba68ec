"""TLS without a socket: OpenSSL over memory buffers, the same for every event loop."""

from __future__ import annotations

import ssl
from typing import Any, Final, cast

_CHUNK: Final = 16 * 1024
"""A record of TLS holds no more, and OpenSSL reads one at a time."""


class TLSBuffers:
    """One TLS session.

    Args:
        context: Whom it trusts.
        server_name: Whom it expects.

    Attributes:
        at_end: Whether the other side said that nothing more will come.
        failure: What broke it: what came before is good, and nothing is after.
    """

    __slots__ = ("_incoming", "_outgoing", "_session", "at_end", "failure")

    def __init__(self, context: ssl.SSLContext, server_name: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session: Any = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self.at_end: bool = False
        self.failure: ssl.SSLError | None = None

    @property
    def session(self) -> ssl.SSLObject:
        """OpenSSL's own object, for whoever asks for the peer's certificate."""
        return cast("ssl.SSLObject", self._session)

    def handshake(self, data: bytes | memoryview = b"") -> bool:
        """Go on as far as what came allows; true when it is done.

        Raises:
            ssl.SSLError: The other side is not who it should be, or speaks no common TLS.
        """
        if data:
            self._incoming.write(data)
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def pending(self) -> bytes:
        """Take what is to be handed to the socket for TLS itself: the handshake, an alert, a new key."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def seal(self, data: bytes) -> bytes:
        """Encrypt; gives what is to be handed to the socket."""
        self._session.write(data)
        return self._outgoing.read()

    def open(self, data: bytes | memoryview) -> bytes:
        """Decrypt what came; empty while a record is not whole, and for what is TLS's own.

        What is no valid record, or an alert, becomes the `failure`.
        """
        incoming, session = self._incoming, self._session
        incoming.write(data)
        plain: bytes = b""
        # Asked only while there is something: an answer that says "want read" costs an exception.
        while incoming.pending or session.pending():
            try:
                piece = session.read(_CHUNK)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                self.at_end = True
                break
            except ssl.SSLError as error:
                self.failure = error.with_traceback(None)  # whose frames hold what was decrypted
                break
            if not piece:
                self.at_end = True
                break
            plain = plain + piece if plain else piece
        return plain
