"""Starlette: the client is the application's state, a visitor is made for each request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from aiocc import CallError, Client, Delivery, InvalidRequestError, MediaAbility
from aiocc.auth import CookieToken

STATUS = {Delivery.NOT_SENT: 503, Delivery.REJECTED: 409, Delivery.UNKNOWN: 502, Delivery.ACCEPTED: 202}


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
    async with Client.from_env() as client:
        yield {"aicc": client}


async def dial(request: Request) -> JSONResponse:
    client: Client = request.state.aicc
    visitor = client.visitor(CookieToken(request.cookies["ccmessaging-token"]))
    await visitor.click_to_dial(MediaAbility.VOICE)
    return JSONResponse({"dialled": True}, 201)


async def create_call(request: Request) -> JSONResponse:
    client: Client = request.state.aicc
    call = await client.create_call(**await request.json())
    return JSONResponse({"call_serial_no": call.call_serial_no}, 201)


async def refused(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 422)


async def say_what_is_known(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CallError)
    return JSONResponse({"delivery": error.delivery, "next_step": error.next_step}, STATUS[error.delivery])


app = Starlette(
    lifespan=lifespan,
    routes=[Route("/dials", dial, methods=["POST"]), Route("/calls", create_call, methods=["POST"])],
    exception_handlers={InvalidRequestError: refused, CallError: say_what_is_known},
)
