"""Create an outbound call, at API Fabric.

https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_2234.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen
from cattrs.gen import make_dict_structure_fn, override

from aiocc.call.line import Caller
from aiocc.delivery import Delivery
from aiocc.protocol.checks import text
from aiocc.protocol.codec import CONVERTER, structure
from aiocc.protocol.codes import ASK, Code, code_table
from aiocc.protocol.envelope import FABRIC
from aiocc.protocol.model import Model
from aiocc.protocol.operation import Effect, Operation, Request
from aiocc.secret import concealing, length_of, mask_numbers


@frozen
class Call(Model):
    """An outbound call that the service took on. Not "the phone rang".

    Attributes:
        sip_service_address: `ip:port` of the SIP service.
        access_code: Access code and UVID, for the anonymous VoIP call.
        call_serial_no: Identifies the call; None where the service gives none, as in its own example.
    """

    sip_service_address: str
    access_code: str
    call_serial_no: str | None = None


CONVERTER.register_structure_hook(
    Call,
    make_dict_structure_fn(
        Call,
        CONVERTER,
        sip_service_address=override(rename="sipServiceAddress"),
        access_code=override(rename="accesscode"),
        call_serial_no=override(rename="callSerialNo"),
        _cattrs_detailed_validation=False,
    ),
)
_structure_call = structure(Call)

CODES = code_table(
    [
        Code("30010000001", "The feature is not enabled.", remedy="Ask the operator to enable it."),
        Code("30010000002", "There is no SIP server information.", remedy=ASK),
        Code(
            "30010000003",
            "A parameter was refused.",
            remedy="Correct called, caller_present or call_data: the description may say which.",
        ),
        Code("30010009999", "Another exception of Chat.", proves=Delivery.UNKNOWN),
        Code("30010010001", "The outbound task could not be added.", remedy=ASK),
        Code("30010010002", "The VDN is not available.", remedy=ASK),
        Code("30010010003", "The VDN is configured wrongly: no recording path can be made.", remedy=ASK),
        Code("30010019999", "Another exception of CCM.", proves=Delivery.UNKNOWN),
        Code("30011010001", "No event told of the call's set-up.", proves=Delivery.UNKNOWN),
        Code("30011019999", "Another exception of CCUCS.", proves=Delivery.UNKNOWN),
    ],
    page="https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_2234.html",
)


@concealing
@frozen(kw_only=True)
class CreateCall(Request[Call]):
    """Create an outbound call.

    Attributes:
        called: The number to dial, 1 to 32 characters.
        caller_present: The number to show, at most 32 characters; None for the platform's own.
        call_data: Data of the application's, at most 1024 characters: by it a call can be found again.
    """

    called: str = field(validator=text(1, 32), repr=length_of)
    caller_present: str | None = field(default=None, validator=text(0, 32, optional=True), repr=length_of)
    call_data: str | None = field(default=None, validator=text(0, 1024, optional=True), repr=length_of)

    operation: ClassVar[Operation[Call]] = Operation(
        name="create_call",
        log_name="createcall",
        service="fabric",
        method="POST",
        path="/apiaccess/ccmessaging/v1/mobileagent/createcall",
        envelope=FABRIC,
        structure=lambda data: _structure_call(data["resultData"]),
        effect=Effect.CALL,
        codes=CODES,
        content_type="application/json",
        page="https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_2234.html",
        status_advice={
            400: "check the request path and parameters.",
            401: "check whether the service has been purchased, and ask about the state of the account.",
            404: "check the request path.",
            500: "check the values of the parameters in the request.",
        },
    )

    def payload(self) -> Mapping[str, Any]:
        """Give the JSON object of the body; what is None is left out."""
        body = {"called": self.called, "callData": self.call_data, "callerPresent": self.caller_present}
        return {name: value for name, value in body.items() if value is not None}

    def lookup(self) -> str | None:
        """Give the data by which the call can be found again."""
        return self.call_data

    def trace(self) -> str:
        """Say how the call can be found in the vendor's records, with the numbers dialled and shown taken out."""
        if not self.call_data:
            return ""
        data = self.call_data
        for number in filter(None, (self.called, self.caller_present)):
            data = data.replace(number, mask_numbers(number)) if len(number) >= 6 else data
        shown = data if len(data) <= 40 else data[:40] + "…"
        return f"Look for call_data {shown!r} in the call records."


async def create_call(
    self: Caller, *, called: str, caller_present: str | None = None, call_data: str | None = None
) -> Call:
    """Create an outbound call to a number.

    It is not idempotent, and no idempotency key is documented: it is repeated by itself only when not one byte
    of it had left, or when it was refused: as too early (429) or, once, for its token. Give each call its own
    `call_data`, so that one whose answer was lost can be looked up.

    Args:
        called: The number to dial, 1 to 32 characters.
        caller_present: The number to show, at most 32 characters; None for the platform's own.
        call_data: Data of the application's, at most 1024 characters.

    Returns:
        The call that the service took on; not "the phone rang".

    Raises:
        InvalidRequestError: An argument is outside its limit; nothing was sent.
        NotSentError: Nothing left; repeating is safe.
        RejectedError: The service refused it; its codes are in the error.
        DeliveryUnknownError: The phone may be ringing; never repeated by itself.
        AcceptedButUnreadableError: The call was created, and its data could not be read.

    See https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_2234.html
    """
    try:
        request = CreateCall(called=called, caller_present=caller_present, call_data=call_data)
    finally:
        del called, caller_present, call_data  # a person's, and this frame stands in the traceback of any error
    return (await self.send(request)).unwrap()
