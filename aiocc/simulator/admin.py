"""What happened, over HTTP on a port of its own; it records nothing of what it is asked.

`GET /` is a page for people, which shows it live. `GET /ledger` is the whole ledger, `GET /state` what the page shows,
`POST /reset` the way back to the beginning.
"""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from aiocc.simulator.centre import Centre
from aiocc.simulator.view import state

__all__ = ["admin_app"]


def admin_app(centre: Centre) -> ASGIApp:
    """Make the application: a snapshot without credentials, a page that shows it, the way back to the beginning."""
    page = files("aiocc.simulator").joinpath("page.html").read_text("utf-8")
    headers = {"Content-Security-Policy": _policy(page), "Cache-Control": "no-store"}

    async def show_page(_: Request) -> Response:
        return HTMLResponse(page, headers=headers)

    async def show_ledger(_: Request) -> Response:
        return JSONResponse(centre.ledger.snapshot())

    async def show_state(_: Request) -> Response:
        return JSONResponse(state(centre))

    async def reset(_: Request) -> Response:
        centre.reset()
        return Response(status_code=204)

    return Router(
        [
            Route("/", show_page, methods=["GET"]),
            Route("/ledger", show_ledger, methods=["GET"]),
            Route("/state", show_state, methods=["GET"]),
            Route("/reset", reset, methods=["POST"]),
        ],
        redirect_slashes=False,
    )


def _policy(page: str) -> str:
    """Let the page run and load nothing but what stands in it: what it shows came over the wire."""
    script, style = (_hash(page, name) for name in ("script", "style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(page: str, name: str) -> str:
    content = page.partition(f"<{name}>")[2].partition(f"</{name}>")[0]
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
