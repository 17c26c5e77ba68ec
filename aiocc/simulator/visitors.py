"""Web visitors and the cookie tokens that prove who they are."""

import base64
import json
from urllib.parse import quote

from attrs import define

from aiocc.simulator.clock import Clock
from aiocc.simulator.world import World

__all__ = ["Visitor", "Visitors"]


@define
class Visitor:
    """A web visitor and the one token that is stored for that user."""

    user_id: str
    token: str
    expires_at: float


class Visitors:
    """The tokens the adapter knows: one for each user, compared as text that is still URL-encoded."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world = world
        self._clock = clock
        self._by_token: dict[str, Visitor] = {}
        self._by_user: dict[str, Visitor] = {}
        self._last_time = 0

    def compose(self, user_id: str) -> str:
        """Write the token of a user: URL-encoded base64 of a JSON object.

        The text always holds a percent sign, so that a client which decodes or encodes it once more is
        found out.
        """
        self._last_time = max(int(self._clock.now() * 1000), self._last_time + 1)
        text = json.dumps(
            {
                "tenantId": self.world.tenant_id,
                "channelId": self.world.channel_id,
                "userId": user_id,
                "createTime": self._last_time,
            }
        )
        raw = text.encode()
        if len(raw) % 3 == 0:  # base64 would need no padding, and the text might hold nothing to encode
            raw += b" "
        return quote(base64.b64encode(raw), safe="")

    def admit(self, user_id: str, token: str, lifetime: float) -> Visitor:
        """Store a token for a user, in place of the one there was."""
        former = self._by_user.get(user_id)
        if former is not None:
            self._by_token.pop(former.token, None)
        visitor = Visitor(user_id, token, self._clock.now() + lifetime)
        self._by_token[token] = self._by_user[user_id] = visitor
        return visitor

    def find(self, token: str) -> Visitor | None:
        """Give the visitor this token is stored for, expired or not."""
        return self._by_token.get(token)

    def expired(self, visitor: Visitor) -> bool:
        """Tell whether the visitor's token has had its time."""
        return visitor.expires_at <= self._clock.now()

    def expire(self, token: str | None = None) -> None:
        """End a token's life now; without one, that of the environment's visitor."""
        if token is None:
            visitor = self._by_user[self.world.visitor_user_id]
        elif token in self._by_token:
            visitor = self._by_token[token]
        else:
            raise ValueError("no visitor has this token")
        visitor.expires_at = self._clock.now()

    def expire_all(self) -> None:
        """End the life of every token now."""
        for visitor in self._by_token.values():
            visitor.expires_at = self._clock.now()
