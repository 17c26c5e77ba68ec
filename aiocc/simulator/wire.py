"""uvicorn's protocol for one connection, with the request kept as it was spelled."""

import logging
from typing import TYPE_CHECKING, Any, cast

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

if TYPE_CHECKING:
    from aiocc.simulator.app import Front

__all__ = ["QuietConfig", "WireProtocol"]

logger: logging.Logger = logging.getLogger("aiocc.simulator")
# A host program without any logging set up would get warnings about malformed requests on its stderr.
logger.addHandler(logging.NullHandler())


class QuietConfig(Config):
    """uvicorn's settings; its own logging is not set up, since that is shared with the host program."""

    def configure_logging(self) -> None:
        """Leave the process's loggers alone: access_log=False silences a uvicorn of the host's too."""


class WireProtocol(HttpToolsProtocol):
    """Keep the raw request target and header spelling, and report what is no HTTP."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: Any = None,
        *,
        port: int,
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state, _loop=_loop)
        self.logger: logging.Logger = logger
        self.access_log = False
        self.url = b""
        self._front = cast("Front", config.app)
        self._spelled: list[tuple[bytes, bytes]] = []
        self._port = port
        self._requests = 0
        self.lost: bool = False

    def connection_made(self, transport: Any) -> None:
        """Begin; behind a proxy the connection itself does not say by which port it came in."""
        super().connection_made(transport)
        self.server: tuple[str, int] | None = (self.server[0] if self.server else "", self._port)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; a transport under TLS may not say so itself."""
        self.lost = True
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._spelled = []
        self._requests += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header as it came; the base class goes on with a name in lower case."""
        self._spelled.append((name, value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand target and headers to the application with the request."""
        self.scope["state"]["aiocc.wire"] = {
            "target": self.url,
            "headers": tuple(self._spelled),
            "connection": self,
            "reused": self._requests > 1,
        }
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no request, and let the ledger know."""
        if self.server is not None and self.server[1]:
            self._front.malformed(self.server[1], self.url, self._spelled)
        super().send_400_response(msg)

    @property
    def busy(self) -> bool:
        """Whether a request has begun to arrive and is not answered."""
        return not getattr(self.cycle, "response_complete", True)  # there is no cycle before a request
