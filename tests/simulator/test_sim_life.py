"""Starting, stopping, and what is left behind."""

import ast
import gc
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import anyio
import httpx
import pytest

import aiocc.simulator
from aiocc.simulator import Simulator, World

FOLDER = Path(aiocc.simulator.__file__).parent
VARIABLES = {
    "AIOCC_WEBADAPTER_URL", "AIOCC_WEBADAPTER_TOKEN", "AIOCC_GATEWAY_URL", "AIOCC_AGENT_ID", "AIOCC_AGENT_GUID",
    "AIOCC_AGENT_PASSWORD", "AIOCC_AGENT_PHONE", "AIOCC_ISALES_URL", "AIOCC_ISALES_ACCESS_KEY",
    "AIOCC_ISALES_SECRET_KEY", "AIOCC_FABRIC_URL", "AIOCC_FABRIC_APP_KEY", "AIOCC_FABRIC_APP_SECRET",
    "AIOCC_CA_FILE",
}  # fmt: skip


def threads():
    """Give the threads of simulators that run."""
    return [thread for thread in threading.enumerate() if thread.name == "aiocc-simulator"]


def refuses(url):
    """Tell whether nobody listens at an address."""
    place = httpx.URL(url)
    try:
        socket.create_connection((place.host, place.port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_with_block():
    """Inside the block it serves; after it no thread, socket or file is left."""
    before = len(threads())
    with Simulator() as sim:
        context = ssl.create_default_context(cafile=sim.ca_file)
        with httpx.Client(verify=context) as http:
            assert 404 == http.get(sim.url("fabric")).status_code
        ca_file, urls = Path(sim.ca_file), [sim.url(name) for name in ("webadapter", "gateway", "isales", "fabric")]
        assert (before + 1, VARIABLES) == (len(threads()), sim.environment.keys())

    assert (before, False, None) == (len(threads()), ca_file.parent.exists(), sim.ca_file)
    assert [True] * 4 == [refuses(url) for url in urls]
    assert 4 == len(set(urls))


@pytest.mark.parametrize("backend", ["asyncio", "trio", "uvloop"])
def test_async_with_block(backend):
    """It starts and stops on asyncio, trio and uvloop, without holding up the loop's thread."""

    async def main():
        async with Simulator() as sim:
            context = ssl.create_default_context(cafile=sim.ca_file)
            async with httpx.AsyncClient(verify=context) as http:
                status = (await http.get(sim.url("gateway"))).status_code
        return status, sim.running

    name, options = ("asyncio", {"use_uvloop": True}) if backend == "uvloop" else (backend, {})
    assert (404, False) == anyio.run(main, backend=name, backend_options=options)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled_block_stops(backend):
    """A block that is cancelled stops the simulator all the same."""

    async def main():
        with anyio.CancelScope() as scope:
            async with Simulator() as sim:
                scope.cancel()
                await anyio.sleep_forever()
        return sim.running

    assert False is anyio.run(main, backend=backend)


def test_start_and_stop():
    """start() and stop() do the same; stop() may be called again, and before any start."""
    sim = Simulator()
    sim.stop()
    assert sim is sim.start()
    sim.stop()
    sim.stop()

    assert False is sim.running


def test_start_twice():
    """A running simulator cannot be started."""
    with Simulator(tls=False) as sim, pytest.raises(RuntimeError, match="running"):
        sim.start()


def test_restart_keeps_addresses_and_ledger():
    """A simulator that is started again has its ports, its CA and its ledger."""
    sim = Simulator()
    with sim:
        context = ssl.create_default_context(cafile=sim.ca_file)
        url = sim.url("gateway")
        with httpx.Client(verify=context) as http:
            http.get(url)
    with sim, httpx.Client(verify=context) as http:
        http.get(url)

        assert (url, 2) == (sim.url("gateway"), len(sim.requests))


def test_without_tls():
    """Without TLS the addresses are http and there is no CA file."""
    with Simulator(tls=False) as sim:
        assert 404 == httpx.get(sim.url("isales"), trust_env=False).status_code
        assert (None, False) == (sim.ca_file, "AIOCC_CA_FILE" in sim.environment)


def test_ports_may_be_chosen():
    """A port that is named is the one that is listened on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Simulator(tls=False, ports={"isales": port}) as sim:
        assert f"http://127.0.0.1:{port}" == sim.url("isales")


def test_port_refused():
    """A port that is taken raises in the starting thread, names its service, and leaves nothing behind."""
    before = len(threads())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sim = Simulator(ports={"isales": port})
        with pytest.raises(OSError, match=f"cannot listen for isales on 127.0.0.1:{port}"):
            sim.start()

    assert (before, False, None) == (len(threads()), sim.running, sim.ca_file)
    with sim:
        assert sim.url("isales").endswith(f":{port}")


def test_unknown_service_in_ports():
    """A port for no service is a mistake."""
    with pytest.raises(ValueError, match="names no service: nslb"):
        Simulator(ports={"nslb": 0})


def test_address_before_the_start():
    """Before the first start a port is not known."""
    with pytest.raises(RuntimeError, match="not been started"):
        Simulator(tls=False).url("fabric")


@pytest.mark.parametrize("host", ["localhost", "::1"])
def test_other_loopback_names(host):
    """The certificate is good for the host that is listened on."""
    try:
        socket.getaddrinfo(host, 0)
        sim = Simulator(host=host).start()
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with httpx.Client(verify=ssl.create_default_context(cafile=sim.ca_file), trust_env=False) as http:
        assert 404 == http.get(sim.url("fabric")).status_code
    sim.stop()


def test_stop_with_connections_in_every_state():
    """Idle, half-sent, silent and half-shaken connections do not hold up stop()."""
    sim = Simulator().start()
    context = ssl.create_default_context(cafile=sim.ca_file)
    place = ("127.0.0.1", httpx.URL(sim.url("gateway")).port)
    with socket.create_connection(place) as shaking, httpx.Client(verify=context) as http:
        http.get(sim.url("gateway"))
        half = context.wrap_socket(socket.create_connection(place), server_hostname="127.0.0.1")
        half.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab")
        silent = context.wrap_socket(socket.create_connection(place), server_hostname="127.0.0.1")
        sim.stop()
        shaking.settimeout(5)

        assert (False, b"") == (sim.running, shaking.recv(1))
        half.close()
        silent.close()


@pytest.mark.parametrize("tls", [True, False])
def test_stop_under_a_connection_just_accepted(tls):
    """A connection that came in the moment before stop() is closed with the rest."""
    before = len(threads())
    for _ in range(10):
        with Simulator(tls=tls) as sim:
            place = ("127.0.0.1", httpx.URL(sim.url("gateway")).port)
            connection = socket.create_connection(place)
        connection.close()
    gc.collect()  # a socket that was left open warns here, and a warning is an error

    assert before == len(threads())


def test_forgotten_simulator_is_collected():
    """A simulator that nobody holds stops when it is collected."""
    before = len(threads())
    sim = Simulator().start()
    folder, gone = Path(sim.ca_file).parent, weakref.ref(sim)
    del sim
    gc.collect()

    assert (None, False, before) == (gone(), folder.exists(), len(threads()))


def run(code):
    """Run a program of its own, with every warning an error."""
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent.parent)}
    return subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=False)


def test_forgotten_simulator_does_not_hang_the_interpreter():
    """A program that forgets to stop it ends at once, quietly, and leaves no file."""
    done = run(
        "import socket; from aiocc.simulator import Simulator; sim = Simulator().start(); print(sim.ca_file);"
        "place = ('127.0.0.1', int(sim.url('fabric').rpartition(':')[2]));"
        "one = socket.create_connection(place); one.close()"
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert False is Path(done.stdout.strip()).exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_child_process_leaves_its_parent_alone():
    """A forked child that ends takes neither the server nor the CA file with it."""
    done = run(
        "import os, sys, socket; from aiocc.simulator import Simulator; sim = Simulator().start()\n"
        "child = os.fork()\n"
        "if child == 0: sys.exit(0)\n"
        "os.waitpid(child, 0); print(os.path.exists(sim.ca_file))\n"
        "socket.create_connection(('127.0.0.1', int(sim.url('fabric').rpartition(':')[2]))).close()"
    )

    assert (0, "True", "") == (done.returncode, done.stdout.strip(), done.stderr)


def test_host_program_is_left_alone():
    """Logging, signal handlers and the loop policy of the program stay as they are."""
    logger = logging.getLogger("uvicorn.access")
    handlers, propagate = list(logger.handlers), logger.propagate
    interrupt = signal.getsignal(signal.SIGINT)
    with Simulator(tls=False):
        now = (logger.handlers, logger.propagate, signal.getsignal(signal.SIGINT))

    assert (handlers, propagate, interrupt) == now


def test_two_at_once():
    """Two simulators have nothing in common."""
    with Simulator(tls=False) as one, Simulator(tls=False) as other:
        httpx.get(one.url("gateway"), trust_env=False)

        assert (1, 0) == (len(one.requests), len(other.requests))


def test_world_is_the_beginning():
    """A given world is what the simulator begins with and comes back to."""
    sim = Simulator(tls=False, world=World(channel_configured=False, agent_id=205))
    sim.channel_configured = True
    sim.reset()

    assert False is sim.channel_configured
    with sim:
        assert "205" == sim.environment["AIOCC_AGENT_ID"]


def test_imports_nothing_else_of_the_project():
    """The judge shares no code with the client."""
    found = set()
    for file in FOLDER.glob("**/*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", "." * node.level]
            found |= {name for name in names if name.split(".")[0] in ("aiocc", "")} - {""}

    assert set() == {name for name in found if not name.startswith("aiocc.simulator")}


def test_repr_has_no_credential():
    """The repr of a simulator shows where it is and no credential."""
    with Simulator(tls=False) as sim:
        secrets = [sim.environment[name] for name in VARIABLES if "KEY" in name or "GUID" in name or "TOKEN" in name]

        assert [] == [secret for secret in secrets if secret in repr(sim)]
