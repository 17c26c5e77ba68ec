"""Answers as values, and plain httpx clients: of the simulator, or of a function."""

import ssl
from collections.abc import AsyncIterator
from typing import Any

import anyio.lowlevel
import httpx
import pytest

from aiocc.auth import Credential, Strategy
from aiocc.protocol.codec import encode_json
from aiocc.protocol.messages import Answer, AnswerHead, Origin, WireRequest
from aiocc.simulator import Simulator


def answer(status: int = 200, data: object = None, **headers: str) -> Answer:
    """Make an answer; an underscore in a header's name stands for a dash."""
    body = data if isinstance(data, bytes) else encode_json(data)
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    found = Answer(AnswerHead(status, pairs), body)
    found.code = data.get("retcode") if isinstance(data, dict) else None
    return found


def sent(strategy: Strategy, credential: Credential, **fields: Any) -> WireRequest:
    """Give a request as it leaves with this credential."""
    request = WireRequest(**{"method": "POST", "path": "/x", "credential": credential, **fields})
    strategy.apply(request, credential)
    return request


class Fetched:
    """The I/O of a strategy: gives these answers in turn, and keeps what was asked of it."""

    origin: Origin | None = None

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[WireRequest] = []

    async def __call__(self, request: WireRequest, /) -> Answer:
        self.asked.append(request)
        await anyio.lowlevel.checkpoint()
        return self.answers.pop(0)

    async def credential(
        self, strategy: Strategy, /, *, rejected: Credential | None = None, at: Origin | None = None
    ) -> Credential:
        return await strategy.credential(self, rejected=rejected)


@pytest.fixture(scope="session")
def trust(aicc_simulator: Simulator) -> ssl.SSLContext:
    """Trust the simulator's authority."""
    return ssl.create_default_context(cafile=aicc_simulator.ca_file)


@pytest.fixture
async def http(trust: ssl.SSLContext) -> AsyncIterator[httpx.AsyncClient]:
    """Give a plain httpx client that trusts the simulator."""
    async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
        yield client
