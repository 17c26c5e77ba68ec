"""What a pool keeps: one open connection, which carries one request at a time."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import Wire
from aiocc.transport.reader import OnData, OnHead


class Connection(Protocol):
    """One open connection. Two implementations: asyncio's, and trio's over anyio.

    Attributes:
        opened_at: On the loop's clock.
        used_at: When its last request ended.
    """

    opened_at: float
    used_at: float

    @property
    def requests(self) -> int:
        """How many it has carried."""

    @property
    def alive(self) -> bool:
        """Whether it may carry another; false as soon as the loop told that it cannot."""

    def undisturbed(self) -> bool:
        """Ask the socket whether anything came while it was idle: the loop may not have told yet."""

    @property
    def complete(self) -> bool:
        """Whether the answer has ended."""

    def start(
        self,
        data: bytes,
        wire: Wire,
        *,
        bodiless: bool,
        limits: AnswerLimits,
        on_head: OnHead,
        on_data: OnData,
        deadline: float,
        read_timeout: float,
        stepwise: bool = False,
    ) -> bool:
        """Hand a request to the socket; false if the connection turned out to be gone, and nothing left.

        Args:
            data: Head and body, or their beginning.
            wire: What is known of the exchange.
            bodiless: The request is a HEAD.
            limits: What the answer's head may cost.
            on_head: Told the head.
            on_data: Told the body, piece by piece.
            deadline: On the loop's clock.
            read_timeout: Between two pieces of the answer.
            stepwise: The answer will be waited for with `advance`, not with `finish`.
        """

    def finish(self) -> Awaitable[None]:
        """Give what ends with the answer; `settle` follows it, however it ends.

        Raises:
            Fault: When awaited: there is none, or it was cut short.
        """

    async def write(self, data: bytes, timeout: float) -> bool:
        """Hand a further piece of the request to the socket, and wait while it is full.

        False where the other side takes no more, or has answered in full already; `advance` says which.

        Raises:
            Fault: It was full for too long.
        """

    async def advance(self) -> None:
        """Wait until more of the answer has come, or its end.

        Raises:
            Fault: There is no answer, or it was cut short.
        """

    def pause(self, wanted: bool) -> None:
        """Stop reading while the application does not keep up, or go on."""

    def settle(self) -> None:
        """End an exchange, whichever way it went: one whose answer was not read to its end closes the connection."""

    def extra(self, name: str) -> object:
        """Give `ssl_object`, `socket`, `client_addr` or `server_addr`, None where there is none."""

    def close(self) -> None:
        """Close at once, without waiting for anything."""
