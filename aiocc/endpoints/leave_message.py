"""Leave a message at the web adapter.

https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0959.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from aiocc.call.line import Caller
from aiocc.delivery import Delivery
from aiocc.protocol.checks import text
from aiocc.protocol.codec import structure
from aiocc.protocol.codes import Code, code_table
from aiocc.protocol.envelope import RESULT_CODE, CodeField, EnvelopeRule
from aiocc.protocol.model import Model
from aiocc.protocol.operation import Effect, Operation, Request
from aiocc.secret import concealing, length_of


@frozen
class MessageReceipt(Model):
    """The message was saved. The service gives nothing to find it by."""


CODES = code_table(
    [
        Code("3", "A parameter is wrong.", remedy="Correct phone_no or content."),
        Code(
            "13",
            "Exception, or the message could not be saved; documented for the operation's twin at API Fabric.",
            proves=Delivery.UNKNOWN,
            source="inferred",
            page="https://support.huaweicloud.com/api-ccfs-cec/cec_07_0107.html",
        ),
    ],
    page="https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0959.html",
)


@concealing
@frozen(kw_only=True)
class LeaveMessage(Request[MessageReceipt]):
    """Leave a message for the agents.

    Attributes:
        phone_no: The number to call back, not empty.
        content: The text, not empty.
    """

    phone_no: str = field(validator=text(1, None), repr=length_of)
    content: str = field(validator=text(1, None), repr=length_of)

    operation: ClassVar[Operation[MessageReceipt]] = Operation(
        name="leave_message",
        log_name="doLeaveMessage",
        service="webadapter",
        method="POST",
        path="/service-cloud/rest/webadapter/v1/webadapterfacade/doLeaveMessage",
        envelope=EnvelopeRule((RESULT_CODE, CodeField("returnCode", "0", ("description",), required=False))),
        structure=structure(MessageReceipt),
        effect=Effect.MESSAGE,
        codes=CODES,
        page="https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0959.html",
    )

    def payload(self) -> Mapping[str, Any]:
        """Give the JSON object of the body."""
        return {"phoneNo": self.phone_no, "leaveMessage": self.content}


async def leave_message(self: Caller, *, phone_no: str, content: str) -> MessageReceipt:
    """Leave a message for the agents, as the visitor whose token is used.

    The web channel must have been configured. The service documents no limit of length.

    Args:
        phone_no: The number to call back, not empty.
        content: The text, not empty.

    Returns:
        A receipt: the service took the message.

    Raises:
        InvalidRequestError: An argument is empty or not text; nothing was sent.
        NotSentError: Nothing left; repeating is safe.
        RejectedError: The service refused it: code "3" for a wrong parameter, 401 for the token.
        DeliveryUnknownError: The message may have been left; it is not repeated by itself.

    See https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0959.html
    """
    try:
        request = LeaveMessage(phone_no=phone_no, content=content)
    finally:
        del phone_no, content  # a person's, and this frame stands in the traceback of any error
    return (await self.send(request)).unwrap()
