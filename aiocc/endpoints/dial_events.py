"""The events of a click-to-dial call at the web adapter, and how it is dropped.

https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0969.html and cec_07_0970.html. `visitor.dial(...)` is the
scope that does both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from attrs import field, frozen

from aiocc.endpoints.click_to_dial import CODES
from aiocc.protocol.codec import structure
from aiocc.protocol.envelope import WEBADAPTER
from aiocc.protocol.model import Model
from aiocc.protocol.operation import Effect, Operation, Request

_FACADE: Final = "/service-cloud/rest/webadapter/v1/webadapterfacade/"

EVENT_NAMES: dict[int, str] = {168101: "connected"}
"""What is known of event ids. Only this one is published: add what your deployment sends."""


@frozen(kw_only=True)
class DialEvent(Model):
    """Something happened to a click-to-dial call.

    Attributes:
        event_id: As sent; ids that no page names are kept.
        name: From `EVENT_NAMES`, "unknown" for an id that is not in it.
        description: The vendor's text.
        content: What came with it: `domain`, `gwAddresses`, `accessCode`, `clickToCallCaller`, `causeId`, `causeDesc`.
    """

    event_id: int
    name: str = "unknown"
    description: str | None = None
    content: Mapping[str, Any] = field(factory=dict, repr=False)

    @property
    def connected(self) -> bool:
        """Whether the visitor is now connected with an agent."""
        return self.name == "connected"


def dial_event(data: Mapping[str, Any]) -> DialEvent | None:
    """Read the event of an answer; None where there is none."""
    value = data.get("eventId")
    text = "" if value is None or isinstance(value, bool) else str(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        return None
    number = int(text)
    content = data.get("content")
    description = data.get("resultDesc", data.get("resultDesc:"))  # one published example has the colon in the key
    return DialEvent(
        event_id=number,
        name=EVENT_NAMES.get(number, "unknown"),
        description=description if isinstance(description, str) else None,
        content=content if isinstance(content, Mapping) else {},
    )


@frozen
class GetDialEvents(Request[DialEvent | None]):
    """Ask for the next event of the visitor's click-to-dial call."""

    operation: ClassVar[Operation[DialEvent | None]] = Operation(
        name="dial_events",
        log_name="getClickToCallEvents",
        service="webadapter",
        method="GET",
        path=_FACADE + "getClickToCallEvents",
        envelope=WEBADAPTER,
        structure=dial_event,
        effect=Effect.READ,
        codes=CODES,
        page="https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0969.html",
    )


@frozen
class Dropped(Model):
    """The call was dropped: it occupies no agent."""


@frozen
class DropDial(Request[Dropped]):
    """Drop the visitor's click-to-dial call. Dropping twice changes nothing more."""

    operation: ClassVar[Operation[Dropped]] = Operation(
        name="drop_dial",
        log_name="dropClickToCall",
        service="webadapter",
        method="POST",
        path=_FACADE + "dropClickToCall",
        envelope=WEBADAPTER,
        structure=structure(Dropped),
        effect=Effect.IDEMPOTENT,
        codes=CODES,
        page="https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0970.html",
    )

    def payload(self) -> Mapping[str, Any]:
        """Give the JSON object of the body: none of its fields is documented."""
        return {}
