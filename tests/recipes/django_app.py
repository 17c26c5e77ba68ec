"""Django's async views: the client lives as long as the server, by the lifespan that Django itself leaves out."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from aiocc import CallError, Client, Delivery, InvalidRequestError

STATUS = {Delivery.NOT_SENT: 503, Delivery.REJECTED: 409, Delivery.UNKNOWN: 502, Delivery.ACCEPTED: 202}
clients: list[Client] = []


async def create_call(request: HttpRequest) -> JsonResponse:
    try:
        call = await clients[0].create_call(**json.loads(request.body))
    except InvalidRequestError as error:
        return JsonResponse({"error": str(error)}, status=422)
    except CallError as error:
        return JsonResponse({"delivery": error.delivery, "next_step": error.next_step}, status=STATUS[error.delivery])
    return JsonResponse({"call_serial_no": call.call_serial_no}, status=201)


urlpatterns = [path("calls", create_call)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="of this example")
django = get_asgi_application()

Message = MutableMapping[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] != "lifespan":
        await django(scope, receive, send)
        return
    await receive()
    async with Client.from_env() as client:
        clients.append(client)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        clients.clear()
    await send({"type": "lifespan.shutdown.complete"})
