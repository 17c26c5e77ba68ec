"""FastAPI: one client for the life of the backend, a visitor for each request, errors as HTTP statuses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, Cookie, Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from aiocc import Call, CallError, Client, CreateCall, Delivery, LeaveMessage, MessageReceipt, Visitor
from aiocc.auth import CookieToken

STATUS = {Delivery.NOT_SENT: 503, Delivery.REJECTED: 409, Delivery.UNKNOWN: 502, Delivery.ACCEPTED: 202}


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    async with Client.from_env() as client:
        yield {"aicc": client}


app = FastAPI(lifespan=lifespan)


def aicc(request: Request) -> Client:
    return request.state.aicc


Aicc = Annotated[Client, Depends(aicc)]


def visitor(client: Aicc, token: Annotated[str, Cookie(alias="ccmessaging-token")]) -> Visitor:
    return client.visitor(CookieToken(token))


@app.exception_handler(CallError)
async def say_what_is_known(_: Request, error: CallError) -> JSONResponse:
    known = {"delivery": error.delivery, "call_id": error.call_id, "next_step": error.next_step}
    return JSONResponse(known, STATUS[error.delivery])


@app.post("/calls", status_code=201)
async def create_call(request: Annotated[CreateCall, Body()], client: Aicc) -> Call:
    return (await client.send(request)).unwrap()


@app.post("/messages", status_code=201)
async def leave_message(
    request: Annotated[LeaveMessage, Body()], visitor: Annotated[Visitor, Depends(visitor)]
) -> MessageReceipt:
    return (await visitor.send(request)).unwrap()
