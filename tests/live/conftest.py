"""What the tests over real sockets share: the five operations, their effects, and how nothing may leak."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest
from attrs import frozen

from aiocc import (
    CallError,
    ClickToDial,
    Client,
    CreateCall,
    InvalidRequestError,
    LeaveMessage,
    MediaAbility,
    QueryObsResultCodes,
    RetryPolicy,
    SendNote,
    __version__,
)
from aiocc.protocol.operation import Request
from aiocc.simulator import Simulator

QUICK = RetryPolicy(base=0.001, throttled_base=0.001)
"""The usual repeats, without the usual waits."""

COMMON_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
URLS = ("AIOCC_WEBADAPTER_URL", "AIOCC_GATEWAY_URL", "AIOCC_ISALES_URL", "AIOCC_FABRIC_URL")
SECRETS = (
    "AIOCC_WEBADAPTER_TOKEN",
    "AIOCC_AGENT_GUID",
    "AIOCC_AGENT_PASSWORD",
    "AIOCC_ISALES_ACCESS_KEY",
    "AIOCC_ISALES_SECRET_KEY",
    "AIOCC_FABRIC_APP_KEY",
    "AIOCC_FABRIC_APP_SECRET",
)


@frozen
class Sample:
    """One operation, with arguments that are good."""

    name: str
    service: str
    request: Request[Any]
    perform: Callable[[Client], Awaitable[Any]]


REQUESTS: Mapping[str, Request[Any]] = {
    "leave_message": LeaveMessage(phone_no="123456", content="please call back"),
    "click_to_dial": ClickToDial(MediaAbility.VIDEO),
    "send_note": SendNote([31002, 31003], "hello", agent_id=101),
    "obs_result_codes": QueryObsResultCodes(1),
    "create_call": CreateCall(called="88884432", caller_present="95599", call_data="1"),
}
SAMPLES = [
    Sample(
        "leave_message",
        "webadapter",
        REQUESTS["leave_message"],
        lambda client: client.leave_message(phone_no="123456", content="please call back"),
    ),
    Sample(
        "click_to_dial",
        "webadapter",
        REQUESTS["click_to_dial"],
        lambda client: client.click_to_dial(MediaAbility.VIDEO),
    ),
    Sample(
        "send_note",
        "gateway",
        REQUESTS["send_note"],
        lambda client: client.agent(101).send_note([31002, 31003], "hello"),
    ),
    Sample("obs_result_codes", "isales", REQUESTS["obs_result_codes"], lambda client: client.obs_result_codes(1)),
    Sample(
        "create_call",
        "fabric",
        REQUESTS["create_call"],
        lambda client: client.create_call(called="88884432", caller_present="95599", call_data="1"),
    ),
]
DIRECT = [sample for sample in SAMPLES if sample.name != "create_call"]
"""Operations whose credential needs no request of its own."""
EFFECTS = [sample for sample in SAMPLES if sample.name != "obs_result_codes"]


def named(samples: list[Sample]) -> dict[str, Any]:
    """Give `pytest.mark.parametrize` the samples, and their names as ids."""
    return {"argnames": "sample", "argvalues": samples, "ids": [sample.name for sample in samples]}


def effects(aicc: Simulator) -> int:
    """Count what physically happened."""
    return len(aicc.calls) + len(aicc.dials) + len(aicc.messages) + len(aicc.notes)


def arrived(aicc: Simulator, operation: str) -> int:
    """Count the requests of one operation that arrived."""
    return sum(request.operation == operation for request in aicc.requests)


def common_headers(content_type: str) -> list[tuple[str, str]]:
    """Give what every request carries after its Host, in order."""
    values = (f"aiocc/{__version__}", "*/*", "gzip, deflate", content_type)
    return list(zip(COMMON_HEADERS, values, strict=True))


async def refusal(awaitable: Awaitable[Any]) -> CallError:
    """Give the error that a call must end with."""
    with pytest.raises(CallError) as caught:
        await awaitable
    return caught.value


def at(environ: Mapping[str, str], url: str) -> dict[str, str]:
    """Give an environment with all services at one address."""
    return {**environ, **dict.fromkeys(URLS, url)}


async def failed(environ: Mapping[str, str], sample: Sample) -> CallError:
    """Perform an operation that must fail, and see that its error shows no secret."""
    async with Client.from_env(environ) as client:
        error = await refusal(sample.perform(client.with_options(retry=QUICK)))
    assert [] == leaks(error, environ)
    return error


def told(error: CallError) -> tuple[Any, ...]:
    """Give what an error says of a failure code: class, delivery, code, meaning, description."""
    return type(error), error.delivery, error.code, error.meaning, error.description


async def refused_argument(awaitable: Callable[[], Awaitable[Any]]) -> str:
    """Give the message of the InvalidRequestError that a call must raise."""
    with pytest.raises(InvalidRequestError) as caught:
        await awaitable()
    return str(caught.value)


def leaks(error: BaseException, environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """List which secrets of the environment show up in an error, and where."""
    found = []
    for place, shown in _views(error):
        found += [(place, name) for name in SECRETS if environ[name] in shown]
    return found


def _views(error: BaseException) -> Iterator[tuple[str, str]]:
    for at, one in _chain(error):
        yield f"{at} str", str(one)
        yield f"{at} repr", repr(one)
        yield f"{at} args", repr(one.args)
        yield f"{at} attributes", repr(vars(one))
        yield f"{at} pickle", pickle.dumps(one).decode("latin-1")
        yield f"{at} traceback", "".join(traceback.format_exception(one))
        # The test's own frames hold the environment; those of the libraries must not.
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:
                yield f"{at} locals of {frame.f_code.co_name}", _shown_locals(frame.f_locals)


def _shown_locals(values: Mapping[str, Any]) -> str:
    return " ".join(repr(value) for value in values.values())


def _chain(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    yield "error", error
    for at, linked in (("cause", error.__cause__), ("context", error.__context__)):
        if linked is not None:
            yield at, linked
