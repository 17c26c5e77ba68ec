"""A Slack app with Bolt: the slash command `/call NUMBER` dials, and says in the channel what became of it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aiocc import CallError, Client, InvalidRequestError


async def call(ack: AsyncAck, respond: AsyncRespond, command: dict[str, Any], context: AsyncBoltContext) -> None:
    await ack()  # Slack waits three seconds for this
    try:
        await context["aicc"].create_call(called=command["text"].strip(), call_data=command["trigger_id"])
    except InvalidRequestError:
        await respond("Say which number: /call 88884432")
    except CallError as error:
        await respond(error.next_step)
    else:
        await respond("Calling.")


def make_app() -> Starlette:
    web = AsyncWebClient(os.environ["SLACK_TOKEN"], os.environ.get("SLACK_API_URL", AsyncWebClient.BASE_URL))
    bolt = AsyncApp(client=web, signing_secret=os.environ["SLACK_SIGNING_SECRET"])
    bolt.command("/call")(call)
    handler = AsyncSlackRequestHandler(bolt)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with Client.from_env() as client:
            yield {"aicc": client}

    async def events(request: Request) -> Response:
        return await handler.handle(request, {"aicc": request.state.aicc})

    return Starlette(lifespan=lifespan, routes=[Route("/slack/events", events, methods=["POST"])])
