"""Query the result codes of outbound calls, over real sockets."""

from __future__ import annotations

import re

import pytest

from aiocc import (
    TLS,
    AuthenticationError,
    Client,
    Delivery,
    ObsResultCode,
    QueryObsResultCodes,
    RateLimitedError,
    Reason,
    RejectedError,
    Service,
)
from aiocc.auth import AkSk, Credential
from aiocc.protocol.messages import WireRequest
from aiocc.simulator import Simulator

from .conftest import QUICK, common_headers, effects, refusal, refused_argument, told

PATH = "/rest/isales/v1/openapi/campaigns/1/queryOBSResultCode"
PARAMETER_CODES = {
    "0200001": "A parameter is wrong; the description says which.",
    "02000001": "A parameter is empty.",
    "02000002": "A parameter has illegal characters.",
    "02000003": "A parameter is too long.",
    "02000004": "A parameter is too short.",
    "02000005": "A parameter's length is outside its limits.",
    "02000006": "A parameter has the wrong type.",
    "02000007": "A parameter's value is outside its limits.",
    "02000008": "A parameter could not be converted.",
    "02000009": "The parameters do not go together.",
    "02000010": "Hour and minute must come together.",
    "02000011": "Too many items.",
    "4711": None,
}


class Counting(AkSk):
    """Counts its signatures."""

    signed = 0

    def apply(self, head: WireRequest, credential: Credential, /) -> None:
        self.signed += 1
        super().apply(head, credential)


async def test_a_page_is_read_with_one_request(aicc: Simulator, aicc_client: Client) -> None:
    """A page holds its codes with their leading zeros, and the number of all codes."""
    page = await aicc_client.obs_result_codes(1, page_num=1, page_size=2)

    assert 120 == page.total_count
    assert (
        ObsResultCode("00605", "The switch is busy."),
        ObsResultCode("00604", "The call is rejected."),
    ) == page.codes
    assert (0, 1) == (effects(aicc), len(aicc.requests))


async def test_a_page_past_the_end_is_empty(aicc_client: Client) -> None:
    """A page past the end has no codes, and is no error."""
    page = await aicc_client.obs_result_codes(1, page_num=4)

    assert (120, ()) == (page.total_count, page.codes)


async def test_what_leaves_is_what_the_page_says(aicc: Simulator, aicc_client: Client) -> None:
    """Method, path, query and every header are those of the page, without a body, signed by C2."""
    await aicc_client.obs_result_codes(1, 2, 50)

    (seen,) = aicc.requests
    *headers, (name, signature) = seen.headers
    assert ("GET", f"{PATH}?pageSize=50&pageNum=2", b"") == (seen.method, seen.target, seen.body)
    assert [
        ("Host", aicc.url("isales").removeprefix("https://")),
        *common_headers("application/json; charset=UTF-8"),
    ] == headers
    assert "Authorization" == name
    access_key = aicc.environment["AIOCC_ISALES_ACCESS_KEY"]
    assert re.fullmatch(rf"auth-v2/{access_key}/\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ/host/[0-9a-f]{{64}}", signature)


@pytest.mark.parametrize("locale", ["zh_CN", "en_US"])
async def test_a_locale_travels_in_its_header(aicc: Simulator, aicc_client: Client, locale: str) -> None:
    """The language asked for is a header of this request."""
    await aicc_client.obs_result_codes(1, locale=locale)

    assert locale == aicc.requests[0].header("locale")


@pytest.mark.parametrize(("code", "meaning"), PARAMETER_CODES.items())
async def test_each_failure_code_is_its_error(
    aicc: Simulator, aicc_client: Client, code: str, meaning: str | None
) -> None:
    """A failure code of a reading is a rejection with its meaning and text; the same would come again."""
    aicc.answer_with("obs_result_codes", code=code, description="参数异常")

    error = await refusal(aicc_client.obs_result_codes(1))

    assert (RejectedError, Delivery.REJECTED, code, meaning, "参数异常") == told(error)
    assert 1 == len(aicc.requests)


async def test_a_call_too_often_is_repeated_after_a_wait(aicc: Simulator, aicc_client: Client) -> None:
    """0200022 asks to slow down: the page is asked for again."""
    aicc.answer_with("obs_result_codes", code="0200022")

    outcome = await aicc_client.with_options(retry=QUICK).send(QueryObsResultCodes(1))

    assert ["0200022", "0200000"] == [attempt.code for attempt in outcome.attempts]


async def test_calls_too_often_for_ever_are_refused(aicc: Simulator, aicc_client: Client) -> None:
    """0200022 on every attempt is a rejection after as many as the policy allows."""
    aicc.answer_with("obs_result_codes", code="0200022", description="slowly", times=9)

    error = await refusal(aicc_client.with_options(retry=QUICK).obs_result_codes(1))

    assert (RateLimitedError, Delivery.REJECTED, "0200022", "Called too often.", "slowly") == told(error)
    assert ("Nothing was done. Wait, then send it again more slowly.", 3) == (error.next_step, len(aicc.requests))


async def test_a_code_that_says_when_to_come_back_is_heeded(aicc: Simulator, aicc_client: Client) -> None:
    """0200022 is read as a 429 is: what it asks to wait is in the error, and no wait past the deadline is begun."""
    aicc.answer_with("obs_result_codes", code="0200022", headers={"Retry-After": "7200"}, times=9)

    error = await refusal(aicc_client.with_options(retry=QUICK).obs_result_codes(1))

    assert (Reason.RATE_LIMITED, 7200.0, 1) == (error.reason, error.retry_after, len(aicc.requests))
    assert "Nothing was done. Wait 7200 s, then send it again more slowly." == error.next_step


@pytest.mark.parametrize(
    ("result", "returned", "code", "description"),
    [("0200000", "02000007", "02000007", "of returnCode"), ("02000006", "02000007", "02000006", "of resultCode")],
)
async def test_the_first_failing_code_brings_its_own_text(
    aicc: Simulator, aicc_client: Client, *, result: str, returned: str, code: str, description: str
) -> None:
    """Both codes must say success; `code` is the first that does not, `description` its own text."""
    body = {"resultCode": result, "resultDesc": "of resultCode", "returnCode": returned, "returnDesc": "of returnCode"}
    aicc.answer_with("obs_result_codes", body={**body, "totalCount": 0, "obsCodes": []})

    error = await refusal(aicc_client.obs_result_codes(1))

    assert (code, description) == (error.code, error.description)


@pytest.mark.parametrize("missing", ["resultCode", "returnCode"])
async def test_both_codes_are_required(aicc: Simulator, aicc_client: Client, missing: str) -> None:
    """An answer without one of its codes is no success."""
    body = {"resultCode": "0200000", "returnCode": "0200000", "totalCount": 0, "obsCodes": []}
    body.pop(missing)
    aicc.answer_with("obs_result_codes", body=body, times=9)

    outcome = await aicc_client.with_options(retry=QUICK).send(QueryObsResultCodes(1))

    assert Delivery.UNKNOWN is outcome.delivery


@pytest.mark.parametrize("variable", ["AIOCC_ISALES_ACCESS_KEY", "AIOCC_ISALES_SECRET_KEY"])
async def test_a_wrong_key_is_refused_once(aicc: Simulator, variable: str) -> None:
    """A signature of other keys is an AuthenticationError after one request."""
    async with Client.from_env({**aicc.environment, variable: "another-key"}) as client:
        error = await refusal(client.obs_result_codes(1))

    assert (AuthenticationError, Delivery.REJECTED) == (type(error), error.delivery)
    assert [401] == [request.status for request in aicc.requests]


async def test_every_attempt_is_signed_anew(aicc: Simulator) -> None:
    """A signature serves one attempt: a repeat is signed at its own moment, and accepted."""
    keys = Counting(aicc.environment["AIOCC_ISALES_ACCESS_KEY"], aicc.environment["AIOCC_ISALES_SECRET_KEY"])
    service = Service(aicc.url("isales"), auth=keys, tls=TLS(ca_file=aicc.ca_file), retry=QUICK)
    aicc.answer_with("obs_result_codes", code="0200022", times=2, after_effect=True)

    async with Client(isales=service) as client:
        await client.obs_result_codes(1)

    assert 3 == keys.signed
    assert [200, 200, 200] == [request.status for request in aicc.requests]


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ({"vdn_id": 1, "page_num": 1, "page_size": 1}, "campaigns/1/queryOBSResultCode?pageSize=1&pageNum=1"),
        ({"vdn_id": 9999, "page_size": 50}, "campaigns/9999/queryOBSResultCode?pageSize=50&pageNum=1"),
        (
            {"vdn_id": 1, "page_num": 2**31 - 1},
            f"campaigns/1/queryOBSResultCode?pageSize=50&pageNum={2**31 - 1}",
        ),
    ],
)
async def test_an_argument_at_its_limit_is_sent(
    aicc: Simulator, aicc_client: Client, arguments: dict[str, int], target: str
) -> None:
    """The edges of every limit are allowed."""
    await aicc_client.obs_result_codes(**arguments)

    assert f"/rest/isales/v1/openapi/{target}" == aicc.requests[0].target


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vdn_id": 0}, "vdn_id must be a whole number from 1 to 9999, not 0"),
        ({"vdn_id": 10000}, "vdn_id must be a whole number from 1 to 9999, not 10000"),
        ({"vdn_id": "1"}, "vdn_id must be a whole number from 1 to 9999, not text of 1 characters"),
        ({"vdn_id": True}, "vdn_id must be a whole number from 1 to 9999, not a bool"),
        ({"page_num": 0}, "page_num must be a whole number over 0, not 0"),
        ({"page_num": 1.0}, "page_num must be a whole number over 0, not a float"),
        ({"page_size": 0}, "page_size must be a whole number from 1 to 50, not 0"),
        ({"page_size": 51}, "page_size must be a whole number from 1 to 50, not 51"),
        ({"page_size": None}, "page_size must be a whole number from 1 to 50, not None"),
        ({"locale": "en"}, "locale must be 'zh_CN' or 'en_US' or None, not text of 2 characters"),
    ],
)
async def test_an_argument_past_its_limit_is_never_sent(
    aicc: Simulator, aicc_client: Client, change: dict[str, object], message: str
) -> None:
    """An argument past its limit names field, limit and what was given, and nothing is sent."""
    arguments = {"vdn_id": 1, **change}

    said = await refused_argument(lambda: aicc_client.obs_result_codes(**arguments))  # type: ignore[arg-type]  # on purpose

    assert message == said
    assert () == aicc.requests
