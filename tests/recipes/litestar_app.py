"""Litestar: the client as a dependency, requests and results as they are, through msgspec."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Response, post
from litestar.datastructures import State
from litestar.di import Provide

from aiocc import Call, CallError, Client, CreateCall, Delivery

STATUS = {Delivery.NOT_SENT: 503, Delivery.REJECTED: 409, Delivery.UNKNOWN: 502, Delivery.ACCEPTED: 202}


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    async with Client.from_env() as client:
        app.state.aicc = client
        yield


async def aicc(state: State) -> Client:
    client: Client = state.aicc
    return client


def say_what_is_known(_: Request[Any, Any, Any], error: CallError) -> Response[dict[str, str]]:
    known = {"delivery": error.delivery.value, "next_step": error.next_step}
    return Response(known, status_code=STATUS[error.delivery])


@post("/calls")
async def create_call(data: CreateCall, aicc: Client) -> Call:
    return (await aicc.send(data)).unwrap()


app = Litestar(
    [create_call],
    lifespan=[lifespan],
    dependencies={"aicc": Provide(aicc)},
    exception_handlers={CallError: say_what_is_known},
)
