"""Encryption of what is kept in Redis and shown to a service: tokens and GUIDs."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from aiocc.errors import ConfigurationError
from aiocc.secret import Secret, conceal

Keys = str | Secret | Sequence[str | Secret]


class SealedError(ConfigurationError, ValueError):
    """What Redis keeps was closed with another key, or is something else."""


class Seal:
    """Closes text so that only who has a key can read it, under the name for which it was closed.

    Args:
        keys: Of Fernet's kind (`cryptography.fernet.Fernet.generate_key()`), the newest first; None keeps the
            text as it is, and warns.

    Raises:
        ConfigurationError: A key is none.
    """

    @conceal
    def __init__(self, keys: Keys | None) -> None:
        self._fernet: MultiFernet | None = None
        if keys is None:
            warnings.warn(
                "tokens are kept in Redis as they are, for all who can read it: give keys=", UserWarning, stacklevel=3
            )
            return
        given = [keys] if isinstance(keys, str | Secret) else list(keys)
        try:
            self._fernet = MultiFernet([Fernet(one.reveal() if isinstance(one, Secret) else one) for one in given])
        except (TypeError, ValueError, AttributeError):
            raise ConfigurationError("keys must be Fernet keys: 32 bytes each, in URL-safe base64") from None

    @conceal
    def close(self, name: str, text: str) -> bytes:
        """Give what may be kept."""
        plain = json.dumps([name, text]).encode()
        return plain if self._fernet is None else self._fernet.encrypt(plain)

    @conceal
    def open(self, name: str, kept: bytes) -> str:
        """Read what `close` gave for this name.

        Raises:
            SealedError: It is something else, or was closed with another key.
        """
        try:
            plain = kept if self._fernet is None else self._fernet.decrypt(kept)
            found, text = json.loads(plain)
        except (InvalidToken, TypeError, ValueError):
            raise SealedError("what is kept cannot be opened: another key?") from None
        if found != name or not isinstance(text, str):
            raise SealedError("what is kept belongs to another name")
        return text

    def __repr__(self) -> str:
        return f"<Seal {'open' if self._fernet is None else 'closed'}>"
