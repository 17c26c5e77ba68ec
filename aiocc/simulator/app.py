"""The ASGI side: which service a request reached, its body read to the end, the answer sent.

socket -> Front (by port) -> Router of that service (by path) -> Endpoint (by method) -> Centre.judge
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from aiocc.simulator import admin, fabric, isales, sessions, webadapter
from aiocc.simulator.answers import Answer, text_answer
from aiocc.simulator.arrival import Arrival
from aiocc.simulator.centre import Centre
from aiocc.simulator.faults import Fault, Struck
from aiocc.simulator.faults.emission import emit
from aiocc.simulator.hold import hold
from aiocc.simulator.operation import Operation

__all__ = ["OPERATIONS", "SERVICES", "Front"]

MOST_BODY = 1 << 20
BROKEN_OFF = Answer(0, reason="the request broke off before its end")

OPERATIONS: Mapping[str, tuple[Operation, ...]] = {
    "webadapter": webadapter.OPERATIONS,
    "gateway": sessions.OPERATIONS,
    "isales": isales.OPERATIONS,
    "fabric": fabric.OPERATIONS,
}
SERVICES = tuple(OPERATIONS)
ADMIN = "admin"


class Front:
    """The application behind all sockets; `ports` says which service each port is."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._apps: dict[str, ASGIApp] = {
            service: _service_app(centre, service, operations) for service, operations in OPERATIONS.items()
        }
        self._apps[ADMIN] = admin.admin_app(centre)
        self.ports: dict[int, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to the service of the port it came in by."""
        await self._apps[self.ports[scope["server"][1]]](scope, receive, send)

    def at_door(self, service: str) -> Fault | None:
        """Draw the fault that strikes a new connection to a service; the ledger's own port has none."""
        if service == ADMIN:
            return None
        with self._centre.lock:
            return self._centre.faults.at_door(_names(service))

    def lasting(self, service: str, names: frozenset[str]) -> str | None:
        """Give the name of the fault that closes a service's door, if there is one."""
        if service == ADMIN:
            return None
        with self._centre.lock:
            return self._centre.faults.lasting(_names(service), names)

    def malformed(self, port: int, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Record what was no HTTP/1.1 request; it was answered with 400."""
        service = self.ports[port]
        if service != ADMIN:
            arrival = Arrival(service, "", target.decode("latin-1"), "", b"", _decoded(headers), b"")
            self._centre.record(None, arrival, Answer(400, reason="not a well-formed HTTP request"))


class Endpoint:
    """All operations of one path; none of them means that the path is unknown."""

    def __init__(self, centre: Centre, service: str, operations: Mapping[str, Operation]) -> None:
        self._centre = centre
        self._service = service
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole request, have it judged, and send the answer."""
        body, whole = await _read(receive)
        arrival = _arrival(self._service, scope, body)
        operation = self._operations.get(arrival.method)
        if not whole:
            self._centre.record(operation.name if operation else None, arrival, BROKEN_OFF)
            return
        if (
            operation is not None
            and operation.held is not None
            and not await hold(self._centre, operation, arrival, receive)
        ):
            self._centre.record(operation.name, arrival, BROKEN_OFF)
            return
        wire = scope["state"]["aiocc.wire"]
        struck = self._struck(operation, arrival, reused=wire.get("reused", False))
        before, after = struck.times() if struck is not None else (0.0, 0.0)
        if before:
            await asyncio.sleep(before)
        answer = self._answer(operation, arrival, len(body), struck)
        emission = struck.emission(answer, self._centre.clock.http_date()) if struck is not None else None
        if after := after + self._centre.world.latency:
            await asyncio.sleep(after)
        if emission is None:
            await _respond(self._centre, answer, send)
        else:
            await emit(emission, wire["connection"], receive)

    def _struck(self, operation: Operation | None, arrival: Arrival, *, reused: bool) -> Struck | None:
        if operation is None:
            return None
        with self._centre.lock:
            return self._centre.faults.strike(operation.name, arrival, reused=reused)

    def _answer(
        self, operation: Operation | None, arrival: Arrival, length: int, struck: Struck | None = None
    ) -> Answer:
        if not self._operations:
            return self._centre.record(None, arrival, text_answer(404, "no such path"))
        if operation is None:
            allow = ("Allow", ", ".join(sorted(self._operations)))
            return self._centre.record(None, arrival, text_answer(405, "no such method here", (allow,)))
        if length > MOST_BODY:
            return self._centre.record(operation.name, arrival, text_answer(413, "the body is over 1 MiB"))
        return self._centre.judge(operation, arrival, struck)


def _names(service: str) -> tuple[str, ...]:
    return tuple(operation.name for operation in OPERATIONS[service])


def _service_app(centre: Centre, service: str, operations: Iterable[Operation]) -> ASGIApp:
    paths: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = operation
    routes = [Route(path, Endpoint(centre, service, methods)) for path, methods in paths.items()]
    return Router(routes, redirect_slashes=False, default=Endpoint(centre, service, {}))


async def _read(receive: Receive) -> tuple[bytes, bool]:
    """Read the body; past the limit it is read and dropped, so that the client gets to read the answer."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body), False
        if len(body) <= MOST_BODY:
            body += message["body"]
        if not message["more_body"]:
            return bytes(body), True


def _arrival(service: str, scope: Scope, body: bytes) -> Arrival:
    wire: Mapping[str, Any] = scope["state"]["aiocc.wire"]
    return Arrival(
        service=service,
        method=scope["method"],
        target=wire["target"].decode("latin-1"),
        path=scope["path"],
        query=scope["query_string"],
        headers=_decoded(wire["headers"]),
        body=body[:MOST_BODY],
        params=scope.get("path_params", {}),
    )


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


async def _respond(centre: Centre, answer: Answer, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers.append((b"Date", centre.clock.http_date().encode()))
    if answer.status >= 200 and answer.status not in (204, 304):
        headers.append((b"Content-Length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
