"""The recipes of web backends."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import httpx
import pytest

from aiocc.simulator import Simulator

from .conftest import TOKEN, check_calls, served


def recipe(framework: str, name: str) -> Any:
    """Import a recipe; a framework that is not there is named."""
    pytest.importorskip(framework, reason=f"{framework} is not installed: it is in the extra recipes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the framework's own
        return importlib.import_module(f"tests.recipes.{name}")


@pytest.mark.parametrize("framework", ["fastapi", "starlette", "litestar", "django"])
async def test_a_backend_places_calls(framework: str, environment: Simulator) -> None:
    """A call arrives once, and each kind of end has its status."""
    app = recipe(framework, f"{framework}_app").app
    async with served(app) as web:
        await check_calls(web, environment)


async def test_aiohttps_server_places_calls_and_sends_notes(environment: Simulator) -> None:
    """The same with aiohttp, whose server is no ASGI application."""
    app = recipe("aiohttp", "aiohttp_app").make_app()
    from aiohttp import web

    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            await check_calls(client, environment)
            noted = await client.post("/notes", json={"to": [31002], "content": "hello"})
    finally:
        await runner.cleanup()

    assert 201 == noted.status_code
    assert ["hello"] == [note.content for note in environment.inbox(31002)]


async def test_fastapi_has_a_visitor_for_each_request(environment: Simulator) -> None:
    """Two visitors with tokens of their own leave a message each, over one client."""
    app = recipe("fastapi", "fastapi_app").app
    tokens = {user: environment.new_visitor(user) for user in ("ann", "bob")}
    async with served(app) as web:
        for user, token in tokens.items():
            message = {"phone_no": "123456", "content": f"call {user}"}
            left = await web.post("/messages", json=message, headers={"Cookie": f"{TOKEN}={token}"})
            assert 201 == left.status_code
        without = await web.post("/messages", json=message)
        schema = (await web.get("/openapi.json")).json()

    assert [("ann", "call ann"), ("bob", "call bob")] == [(m.visitor, m.content) for m in environment.messages]
    assert 422 == without.status_code
    assert {"Call", "CreateCall", "LeaveMessage", "MessageReceipt"} <= set(schema["components"]["schemas"])


async def test_starlette_dials_for_a_visitor(environment: Simulator) -> None:
    """The visitor of the request's cookie is who asks for the call."""
    app = recipe("starlette", "starlette_app").app
    token = environment.new_visitor("ann")
    async with served(app) as web:
        dialled = await web.post("/dials", headers={"Cookie": f"{TOKEN}={token}"})

    assert 201 == dialled.status_code
    assert [("ann", "0")] == [(dial.visitor, dial.media) for dial in environment.dials]
