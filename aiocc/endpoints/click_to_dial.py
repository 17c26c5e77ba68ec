"""Create a click-to-dial call at the web adapter.

https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0968.html
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

import attrs
from attrs import field, frozen

from aiocc.call.line import Caller
from aiocc.delivery import Delivery
from aiocc.protocol.checks import kind, refuse
from aiocc.protocol.codec import structure
from aiocc.protocol.codes import Code, code_table
from aiocc.protocol.envelope import WEBADAPTER
from aiocc.protocol.model import Model
from aiocc.protocol.operation import Effect, Operation, Request


class MediaAbility(StrEnum):
    """What a click-to-dial call carries."""

    VOICE = "0"
    VIDEO = "1"


@frozen
class DialReceipt(Model):
    """The service began to connect the visitor with an agent. The events of the call say how it goes on."""


# Documented for the operation's twin at API Fabric, not for the web adapter. 13 covers any exception, also one
# after an agent was reached: it leaves open what happened.
CODES = code_table(
    [
        Code(
            "7",
            "The channel has no click-to-dial.",
            source="inferred",
            remedy="Have click-to-dial enabled for the web channel.",
        ),
        Code("12", "Outside working hours.", source="inferred", remedy="Dial again within working hours."),
        Code("13", "Exception: connecting failed, or no agent is free.", proves=Delivery.UNKNOWN, source="inferred"),
    ],
    page="https://support.huaweicloud.com/intl/zh-cn/devg-webclient-cec/cec_05_2049.html",
)


def _media(value: MediaAbility | str) -> Any:
    given: Any = value  # what is neither is left to the check
    try:
        return MediaAbility(given) if isinstance(given, str) else given
    except ValueError:
        return given


def _known(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, MediaAbility):
        refuse(attribute.name, "MediaAbility.VOICE ('0') or MediaAbility.VIDEO ('1')", kind(value))


@frozen
class ClickToDial(Request[DialReceipt]):
    """Connect the visitor with an agent.

    Attributes:
        media: Voice or video.
    """

    media: MediaAbility = field(converter=_media, validator=_known)

    operation: ClassVar[Operation[DialReceipt]] = Operation(
        name="click_to_dial",
        log_name="createClickToCall",
        service="webadapter",
        method="POST",
        path="/service-cloud/rest/webadapter/v1/webadapterfacade/createClickToCall",
        envelope=WEBADAPTER,
        structure=structure(DialReceipt),
        effect=Effect.CALL,
        codes=CODES,
        page="https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0968.html",
    )

    def payload(self) -> Mapping[str, Any]:
        """Give the JSON object of the body."""
        return {"mediaAbility": self.media.value}


async def click_to_dial(self: Caller, media: MediaAbility) -> DialReceipt:
    """Connect the visitor whose token is used with an agent.

    A multimedia session of the visitor must exist, and the web channel must have been configured. It occupies
    an agent until it is dropped.

    Args:
        media: `MediaAbility.VOICE` or `MediaAbility.VIDEO`.

    Returns:
        A receipt: the service began to connect; not "an agent answered".

    Raises:
        InvalidRequestError: `media` is neither; nothing was sent.
        NotSentError: Nothing left; repeating is safe.
        RejectedError: The service refused it.
        DeliveryUnknownError: An agent may be ringing; it is never repeated by itself.

    See https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0968.html
    """
    return (await self.send(ClickToDial(media))).unwrap()
