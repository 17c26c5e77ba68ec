"""Query the result codes of the OBS outbound server, at CC-iSales.

https://support.huaweicloud.com/api-ccfs-cec/cec_07_4055.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen
from cattrs.gen import make_dict_structure_fn, override

from aiocc.call.line import Caller
from aiocc.delivery import Reason
from aiocc.protocol.checks import number, one_of
from aiocc.protocol.codec import CONVERTER, structure
from aiocc.protocol.codes import Act, Code, code_table
from aiocc.protocol.envelope import ISALES
from aiocc.protocol.model import Model
from aiocc.protocol.operation import Effect, Operation, Request

MAX_PAGE_SIZE = 50


@frozen
class ObsResultCode(Model):
    """One result code of outbound calls.

    Attributes:
        code: Text, with its leading zeros.
        description: In the language asked for.
    """

    code: str
    description: str


@frozen
class ObsResultCodePage(Model):
    """One page of result codes.

    Attributes:
        total_count: Of all pages, as the service counts it now.
        codes: Of this page.
    """

    total_count: int
    codes: tuple[ObsResultCode, ...]


CONVERTER.register_structure_hook(
    ObsResultCode,
    make_dict_structure_fn(
        ObsResultCode,
        CONVERTER,
        code=override(rename="obsCode"),
        description=override(rename="obsCodeDesc"),
        _cattrs_detailed_validation=False,
    ),
)


def _structure_rows(rows: Any, _: Any) -> tuple[ObsResultCode, ...]:
    """Take an array alone: an empty object would pass for no rows."""
    if not isinstance(rows, list):
        raise TypeError("not an array")
    return tuple(CONVERTER.structure(row, ObsResultCode) for row in rows)


CONVERTER.register_structure_hook(
    ObsResultCodePage,
    make_dict_structure_fn(
        ObsResultCodePage,
        CONVERTER,
        total_count=override(rename="totalCount"),
        codes=override(rename="obsCodes", struct_hook=_structure_rows),
        _cattrs_detailed_validation=False,
    ),
)

CODES = code_table(
    [
        Code("0200001", "A parameter is wrong; the description says which."),
        Code("02000001", "A parameter is empty."),
        Code("02000002", "A parameter has illegal characters."),
        Code("02000003", "A parameter is too long."),
        Code("02000004", "A parameter is too short."),
        Code("02000005", "A parameter's length is outside its limits."),
        Code("02000006", "A parameter has the wrong type."),
        Code("02000007", "A parameter's value is outside its limits."),
        Code("02000008", "A parameter could not be converted."),
        Code("02000009", "The parameters do not go together."),
        Code("02000010", "Hour and minute must come together."),
        Code("02000011", "Too many items."),
        Code(
            "0200022",
            "Called too often.",
            act=Act.WAIT_AND_REPEAT,
            reason=Reason.RATE_LIMITED,
            source="inferred",
            page="https://support.huaweicloud.com/api-ccfs-cec/cec_07_0783.html",
        ),
    ],
    page="https://support.huaweicloud.com/api-ccfs-cec/cec_07_4055.html",
)


@frozen
class QueryObsResultCodes(Request[ObsResultCodePage]):
    """Query one page of result codes.

    Attributes:
        vdn_id: The virtual call centre, 1 to 9999.
        page_num: From 1.
        page_size: 1 to 50.
        locale: `zh_CN` or `en_US` for the descriptions; None for the service's own choice.
    """

    vdn_id: int = field(validator=number(1, 9999))
    page_num: int = field(default=1, validator=number(1))
    page_size: int = field(default=MAX_PAGE_SIZE, validator=number(1, MAX_PAGE_SIZE))
    locale: str | None = field(default=None, validator=one_of("zh_CN", "en_US", optional=True))

    operation: ClassVar[Operation[ObsResultCodePage]] = Operation(
        name="obs_result_codes",
        log_name="queryOBSResultCode",
        service="isales",
        method="GET",
        path="/rest/isales/v1/openapi/campaigns/{vdn_id}/queryOBSResultCode",
        envelope=ISALES,
        structure=structure(ObsResultCodePage),
        effect=Effect.READ,
        codes=CODES,
        page="https://support.huaweicloud.com/api-ccfs-cec/cec_07_4055.html",
    )

    def path_params(self) -> Mapping[str, str]:
        """Give the virtual call centre."""
        return {"vdn_id": str(self.vdn_id)}

    def query(self) -> tuple[tuple[str, str], ...]:
        """Give the page."""
        return ("pageSize", str(self.page_size)), ("pageNum", str(self.page_num))

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Give the language, where one is asked for."""
        return (("locale", self.locale),) if self.locale is not None else ()


async def obs_result_codes(
    self: Caller, vdn_id: int, page_num: int = 1, page_size: int = MAX_PAGE_SIZE, locale: str | None = None
) -> ObsResultCodePage:
    """Query one page of the result codes of outbound calls.

    Args:
        vdn_id: The virtual call centre, 1 to 9999.
        page_num: From 1.
        page_size: 1 to 50.
        locale: `zh_CN` or `en_US` for the descriptions; None for the service's own choice, Chinese.

    Returns:
        The page, and how many codes there are in all. A page past the end is empty.

    Raises:
        InvalidRequestError: An argument is outside its limit; nothing was sent.
        NotSentError: The service could not be reached, after repeats.
        RejectedError: The service refused it; its codes are in the error.
        DeliveryUnknownError: No answer could be had or read, after repeats: reading changes nothing.

    See https://support.huaweicloud.com/api-ccfs-cec/cec_07_4055.html
    """
    return (await self.send(QueryObsResultCodes(vdn_id, page_num, page_size, locale))).unwrap()
