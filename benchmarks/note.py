"""The one exchange that is measured: a note of one agent to two others, as CC-Gateway documents it."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

AGENT: Final = 101
RECEIVERS: Final = (31002, 31003)
CONTENT: Final = "hello"
GUID: Final = "8e5bc212-8a5c-4a48-b2f2-9b1c4d2e0c11.AgentGateway1"

PATH: Final = f"/agentgateway/resource/onlineagent/{AGENT}/sendnoteletex"
ANSWER: Final = b'{"result":null,"message":"success","retcode":"0"}'

HEADERS: Final = {"Content-Type": "application/json; charset=UTF-8", "Guid": GUID}
"""What every bare client sends, so that the server reads the same from all."""

PATIENCE: Final = 60.0
"""Seconds that every contender allows for connecting, for an answer, and for an unused connection."""


@dataclass(frozen=True)
class Target:
    """Where notes go.

    Attributes:
        base: Scheme, host and port.
        ca_file: Whom to trust; empty for plain http.
        connections: How many may be open.
    """

    base: str
    ca_file: str
    connections: int

    @cached_property
    def url(self) -> str:
        """The whole address."""
        return self.base + PATH

    def context(self) -> ssl.SSLContext | None:
        """Make the TLS context; None for plain http."""
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None


def encode_note() -> bytes:
    """Write the body."""
    return json.dumps({"agentIds": RECEIVERS, "content": CONTENT}, separators=(",", ":")).encode()


def check_answer(body: bytes) -> None:
    """Read an answer's body, and insist on success."""
    check_object(json.loads(body))


def check_object(data: Any) -> None:
    """Insist on success.

    Raises:
        RuntimeError: The answer says something else.
    """
    if data["retcode"] != "0":
        raise RuntimeError(f"the server answered {data}")
