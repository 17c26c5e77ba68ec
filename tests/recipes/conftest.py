"""Each recipe is served on the loopback, with the simulator behind it. These frameworks run on asyncio alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from aiocc.simulator import Simulator

TOKEN = "ccmessaging-token"


@pytest.fixture
def anyio_backend() -> Any:
    """The loop of these frameworks."""
    return "asyncio"


@pytest.fixture
def environment(aicc: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The simulator, in the environment from which each recipe takes its client."""
    for name, value in aicc.environment.items():
        monkeypatch.setenv(name, value)
    return aicc


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Serve an ASGI application with its lifespan, and give a client of it."""
    config = uvicorn.Config(app, port=0, lifespan="on", log_config=None, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server._serve())  # `serve` would take the process's signals
    while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn tells nobody
        await asyncio.sleep(0.001)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        await serving


async def check_calls(web: httpx.AsyncClient, aicc: Simulator) -> None:
    """Each backend places calls at `/calls`, and gives what is known of one that went wrong as a status."""
    good = await web.post("/calls", json={"called": "88884432", "call_data": "order-4711"})
    bad = await web.post("/calls", json={"called": ""})
    aicc.answer_with("create_call", code="30010000001")
    refused = await web.post("/calls", json={"called": "88884432"})
    aicc.answer_with("create_call", status=502, after_effect=True)
    unknown = await web.post("/calls", json={"called": "88884432", "call_data": "order-4712"})

    assert 201 == good.status_code
    assert aicc.calls[0].call_serial_no == good.json()["call_serial_no"]
    assert bad.status_code in (400, 422)
    assert (409, "rejected") == (refused.status_code, refused.json()["delivery"])
    assert (502, "unknown") == (unknown.status_code, unknown.json()["delivery"])
    assert "Look for call_data 'order-4712'" in unknown.json()["next_step"]
    assert ["order-4711", "order-4712"] == [call.call_data for call in aicc.calls]
