"""Bearer tokens of API Fabric."""

from secrets import token_hex

from aiocc.simulator.clock import Clock

__all__ = ["BearerTokens"]


class BearerTokens:
    """The access tokens given out; a new one does not revoke the others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expiry: dict[str, float] = {}

    def issue(self, lifetime: float) -> str:
        """Give out a token that is good for `lifetime` seconds."""
        token = token_hex(16)
        self._expiry[token] = self._clock.now() + lifetime
        return token

    def good(self, token: str) -> bool:
        """Tell whether the token was given out and is not expired."""
        return self._clock.now() < self._expiry.get(token, 0.0)

    def expire_all(self) -> None:
        """End the life of every token given out so far."""
        self._expiry.clear()
