"""The simulator as a program sees it: start, addresses, credentials, stop."""

import os
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread

from aiocc.simulator import folders
from aiocc.simulator.app import ADMIN, SERVICES, Front
from aiocc.simulator.centre import Centre
from aiocc.simulator.controls import Controls
from aiocc.simulator.server import ServerThread
from aiocc.simulator.tls import Identity
from aiocc.simulator.world import World

__all__ = ["Simulator"]


class Simulator(Controls):
    """A contact centre on sockets of its own, one port for each service, served from a thread of its own.

    Use it as `with Simulator() as sim`, as `async with Simulator() as sim` on asyncio or trio, or by
    `start()` and `stop()`. It can be started again: ports, certificate authority, world and ledger stay.
    One that is forgotten stops when it is collected, at the latest when the interpreter ends. Where nothing else
    heeds SIGTERM and SIGHUP, they remove its CA file before they end the process.

    Args:
        tls: Serve https with a certificate of the CA in `ca_file`; else http.
        host: The address to listen on, a name or number of the loopback.
        ports: A port for each of webadapter, gateway, isales, fabric and admin; 0 or not named: a free one.
        world: What the centre is like; by default `World()`.
        keep_alive: After how many idle seconds a connection is closed.
    """

    _wire = True

    def __init__(
        self,
        tls: bool = True,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] | None = None,
        world: World | None = None,
        *,
        keep_alive: float = 75.0,
    ) -> None:
        given = dict(ports or {})
        unknown = given.keys() - {*SERVICES, ADMIN}
        if unknown:
            raise ValueError(f"ports names no service: {', '.join(sorted(unknown))}")
        self._world = World() if world is None else world
        self._centre = Centre(self._world)
        self._front = Front(self._centre)
        self._host = host
        self._ports = {service: given.get(service, 0) for service in (*SERVICES, ADMIN)}
        self._tls = tls
        self._identity = Identity(host) if tls else None
        self._keep_alive = keep_alive
        self._turn = threading.Lock()
        self._finalizer: weakref.finalize[[ServerThread, str | None, int], Simulator] | None = None
        self._ca_file: str | None = None

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped"
        return f"<Simulator {state} on {self._host}, ports {self._ports}>"

    @property
    def running(self) -> bool:
        """Whether it is serving."""
        return self._finalizer is not None and self._finalizer.alive

    def start(self) -> Self:
        """Listen and serve; an address that is taken raises its OSError here, naming the service."""
        with self._turn:
            if self.running:
                raise RuntimeError("the simulator is running")
            folder = self._write_ca()
            try:
                server = ServerThread(
                    self._front,
                    host=self._host,
                    ports=self._ports,
                    identity=self._identity,
                    keep_alive=self._keep_alive,
                )
                server.start()
            except BaseException:
                _remove(folder)
                self._ca_file = None
                raise
            self._ports = server.ports
            self._centre.on_doors = server.update_gates
            # Runs once, at the first of: stop(), collection of this object, the interpreter's end.
            self._finalizer = weakref.finalize(self, _end, server, folder, os.getpid())
            _started.add(self)
        return self

    def stop(self) -> None:
        """Close every connection and socket, remove the CA file; a request in flight has a moment to end."""
        with self._turn:
            if self._finalizer is not None:
                self._finalizer()
            self._centre.on_doors = None
            self._ca_file = None

    def _write_ca(self) -> str | None:
        if self._identity is None:
            return None
        folder = folders.make("aiocc-simulator-")
        self._ca_file = str(Path(folder) / "ca.pem")
        self._identity.write_ca(Path(self._ca_file))
        return folder

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        folders.heed_signals()  # here, where this may be the main thread
        try:
            return await anyio.to_thread.run_sync(self.start)
        except anyio.get_cancelled_exc_class():
            await self._stop_shielded()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_shielded()

    async def _stop_shielded(self) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.stop)
        folders.leave_signals()

    def serves(self, host: str, port: int) -> bool:
        """Tell whether this address is one of its own."""
        return host == self._host and port in self._ports.values()

    def url(self, service: str) -> str:
        """Give the origin of webadapter, gateway, isales, fabric or admin; a restart keeps it."""
        port = self._ports[service]
        if port == 0:
            raise RuntimeError("the simulator has not been started: its port is not known")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._identity else 'http'}://{host}:{port}"

    @property
    def admin_url(self) -> str:
        """The origin of `GET /ledger` and `POST /reset`, with the same TLS as the services."""
        return self.url(ADMIN)

    @property
    def ca_file(self) -> str | None:
        """The path of the CA's certificate in PEM; None without TLS, and while the simulator is stopped."""
        return self._ca_file

    @property
    def environment(self) -> dict[str, str]:
        """The addresses and credentials that a client needs, under the names of its environment variables."""
        variables = environment({service: self.url(service) for service in SERVICES}, self._world, self._centre)
        if self._ca_file is not None:
            variables["AIOCC_CA_FILE"] = self._ca_file
        return variables


_started: weakref.WeakSet[Simulator] = weakref.WeakSet()


def running_simulators() -> list[Simulator]:
    """List the simulators that are running in this process."""
    return [simulator for simulator in tuple(_started) if simulator.running]


def environment(urls: Mapping[str, str], world: World, centre: Centre) -> dict[str, str]:
    """Give addresses and credentials under the names of a client's environment variables."""
    return {
        "AIOCC_WEBADAPTER_URL": urls["webadapter"],
        "AIOCC_WEBADAPTER_TOKEN": centre.visitor_token,
        "AIOCC_GATEWAY_URL": urls["gateway"],
        "AIOCC_AGENT_ID": str(world.agent_id),
        "AIOCC_AGENT_GUID": world.agent_guid,
        "AIOCC_AGENT_PASSWORD": world.agent_password,
        "AIOCC_AGENT_PHONE": world.agent_phone,
        "AIOCC_ISALES_URL": urls["isales"],
        "AIOCC_ISALES_ACCESS_KEY": world.access_key,
        "AIOCC_ISALES_SECRET_KEY": world.secret_key,
        "AIOCC_FABRIC_URL": urls["fabric"],
        "AIOCC_FABRIC_APP_KEY": world.app_key,
        "AIOCC_FABRIC_APP_SECRET": world.app_secret,
    }


def _remove(folder: str | None) -> None:
    if folder is not None:
        folders.remove(folder)


def _end(server: ServerThread, folder: str | None, process: int) -> None:
    if os.getpid() != process:  # a forked child has neither the thread nor a right to its parent's file
        return
    server.stop()
    _remove(folder)
