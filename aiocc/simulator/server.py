"""The sockets and the thread: uvicorn's protocol on a loop of its own, whatever the program runs."""

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, cast

from uvicorn.server import ServerState

from aiocc.simulator.app import Front
from aiocc.simulator.gate import Gate, listen
from aiocc.simulator.tls import Identity
from aiocc.simulator.wire import QuietConfig, WireProtocol, logger

__all__ = ["ServerThread"]

# Once told to stop: how long a request in flight may take, and how long closing may take altogether.
GRACE = 0.25
LIMIT = 2.0
PAUSE = 0.002


class ServerThread:
    """One running server; it does not know the `Simulator`, which so can be collected while it runs."""

    def __init__(
        self,
        front: Front,
        *,
        host: str,
        ports: Mapping[str, int],
        identity: Identity | None,
        keep_alive: float,
    ) -> None:
        self._front = front
        self._identity = identity
        self._state = ServerState()
        self._config = QuietConfig(
            front,
            http=WireProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=keep_alive,  # type: ignore[arg-type]  # handed to call_later, which takes a float
        )
        self._config.load()
        self._process = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._gates: list[Gate] = []
        self._listeners: dict[str, socket.socket] = {}
        self._thread = threading.Thread(target=self._run, name="aiocc-simulator", daemon=True)
        self._ready: Future[None] = Future()
        with contextlib.ExitStack() as opened:
            for service, port in ports.items():
                listener = listen(host, port, service)
                opened.callback(listener.close)
                self._listeners[service] = listener
            opened.pop_all()
        self.ports: dict[str, int] = {
            service: listener.getsockname()[1] for service, listener in self._listeners.items()
        }

    def start(self) -> None:
        """Start serving; what goes wrong is raised here."""
        self._front.ports = {port: service for service, port in self.ports.items()}
        try:
            self._thread.start()
            self._ready.result()
        except BaseException:
            self.stop()
            for listener in self._listeners.values():
                listener.close()
            raise

    def stop(self) -> None:
        """Stop serving and wait for the thread; in a forked child, where there is none, do nothing."""
        if os.getpid() != self._process or self._loop is None or self._stopping is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: stopped before
            self._loop.call_soon_threadsafe(self._stopping.set)
        if threading.current_thread() is not self._thread:  # a finalizer may run anywhere, there too
            self._thread.join(2 * LIMIT)

    def update_gates(self) -> None:
        """Close and open doors as the faults say now; over when it is done."""
        if self._loop is None or self._loop.is_closed():
            return
        if threading.current_thread() is self._thread:
            self._update()
            return
        done: Future[None] = Future()

        def update() -> None:
            self._update()
            done.set_result(None)

        self._loop.call_soon_threadsafe(update)
        done.result(LIMIT)

    def _update(self) -> None:
        for gate in self._gates:
            gate.update()

    def _run(self) -> None:
        # The plain loop whatever the program's policy says: the simulator is the same everywhere.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_log)
        self._stopping = asyncio.Event()
        try:
            self._gates = [self._gate(service, listener) for service, listener in self._listeners.items()]
            for gate in self._gates:
                gate.open()
                gate.update()
        except BaseException as error:  # noqa: BLE001  # handed to the starting thread, which raises it
            self._ready.set_exception(error)
        else:
            self._ready.set_result(None)
            await self._stopping.wait()
        for gate in self._gates:
            gate.shut()
        await _turns()  # connections just accepted begin
        await self._close_connections()

    def _gate(self, service: str, listener: socket.socket) -> Gate:
        return Gate(
            service,
            listener,
            self._identity,
            strike=partial(self._front.at_door, service),
            lasting=partial(self._front.lasting, service),
            protocol=partial(self._protocol, self.ports[service]),
        )

    def _protocol(self, port: int) -> WireProtocol:
        return WireProtocol(self._config, self._state, {}, _loop=self._loop, port=port)

    async def _close_connections(self) -> None:
        connections = cast("set[WireProtocol]", self._state.connections)  # all of them come from _protocol
        for connection in tuple(connections):
            connection.shutdown()
        await _wait_while(lambda: any(connection.busy for connection in connections), GRACE)
        await asyncio.sleep(PAUSE)  # lets a TLS goodbye leave; a peer that is not reading never answers it
        for connection in tuple(connections):
            connection.transport.abort()
        await _wait_while(lambda: bool(connections or self._state.tasks), LIMIT)
        # What is left are TLS handshakes that never ended: to cancel one closes its socket, some turns later.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await _turns()


def _log(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # A client that leaves in its TLS handshake, above all: asyncio's own handler would print it in debug mode.
    logger.error(context["message"], exc_info=context.get("exception"))


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def _wait_while(condition: Callable[[], bool], limit: float) -> None:
    deadline = time.monotonic() + limit
    while condition() and time.monotonic() < deadline:  # noqa: ASYNC110  # uvicorn tells nobody of a change
        await asyncio.sleep(PAUSE)
