"""The ledger over HTTP, on a port of its own: `GET /ledger` and `POST /reset`; it records neither."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from aiocc.simulator.centre import Centre

__all__ = ["admin_app"]


def admin_app(centre: Centre) -> ASGIApp:
    """Make the application: a snapshot without credentials, and the way back to the beginning."""

    async def show_ledger(_: Request) -> Response:
        return JSONResponse(centre.ledger.snapshot())

    async def reset(_: Request) -> Response:
        centre.reset()
        return Response(status_code=204)

    return Router(
        [Route("/ledger", show_ledger, methods=["GET"]), Route("/reset", reset, methods=["POST"])],
        redirect_slashes=False,
    )
