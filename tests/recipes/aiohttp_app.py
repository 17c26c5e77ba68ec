"""aiohttp's server: the client opens and closes with the application, a middleware turns errors into statuses."""

from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from aiocc import CallError, Client, Delivery, InvalidRequestError

AICC = web.AppKey("aicc", Client)
STATUS = {Delivery.NOT_SENT: 503, Delivery.REJECTED: 409, Delivery.UNKNOWN: 502, Delivery.ACCEPTED: 202}


async def client_of(app: web.Application) -> AsyncIterator[None]:
    async with Client.from_env() as client:
        app[AICC] = client
        yield


@web.middleware
async def say_what_is_known(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except InvalidRequestError as error:
        return web.json_response({"error": str(error)}, status=422)
    except CallError as error:
        known = {"delivery": error.delivery, "next_step": error.next_step}
        return web.json_response(known, status=STATUS[error.delivery])


async def create_call(request: web.Request) -> web.Response:
    call = await request.app[AICC].create_call(**await request.json())
    return web.json_response({"call_serial_no": call.call_serial_no}, status=201)


async def send_note(request: web.Request) -> web.Response:
    note = await request.json()
    await request.app[AICC].agent().send_note(note["to"], note["content"])
    return web.json_response({}, status=201)


def make_app() -> web.Application:
    app = web.Application(middlewares=[say_what_is_known])
    app.cleanup_ctx.append(client_of)
    app.add_routes([web.post("/calls", create_call), web.post("/notes", send_note)])
    return app


if __name__ == "__main__":
    web.run_app(make_app())
