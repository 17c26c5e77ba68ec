"""`python -m benchmarks duplicates`: how many times a client delivers one POST whose answer it does not get.

Each client is as its package makes it; only its time-out is set, to one second, where the usual one would take minutes.
What is sent places a call, a charge or a message at a real service; here a server on loopback reads and counts it.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import parse_headers
from typing import Any, Final

TIMEOUT: Final = 1.0
MODES: Final = {
    "silent": "a reply that never comes",
    "close": "closed after reading",
    "500": "a 500",
}
_GLOBAL: Final = threading.Lock()
FAILURE: Final = b"<html><body>Internal Server Error</body></html>"
TOKEN: Final = {"AccessToken": "token", "ApplyType": "Bearer", "Expires": "3600"}


class Server:
    """Counts what it has read to the end, by the first part of the path, which is the client's and the mode's."""

    def __init__(self) -> None:
        self.delivered: Counter[str] = Counter()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                while (path := _request(stream)) is not None:
                    if "oauth" in path:
                        connection.sendall(_answer(200, json.dumps(TOKEN).encode()))
                        continue
                    name = path.split("/")[1]
                    self.delivered[name] += 1
                    if name.endswith("-silent"):
                        stream.read()
                        return
                    if name.endswith("-close"):
                        return
                    connection.sendall(_answer(500, FAILURE))
            except OSError:
                return


def _request(stream: Any) -> str | None:
    """Read one request to its end; gives its path, None where none comes."""
    line = stream.readline().split()
    if len(line) != 3:
        return None
    length = int(parse_headers(stream).get("content-length", "0"))
    return line[1].decode() if len(stream.read(length)) == length else None


def _answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


def _aiocc(url: str) -> None:
    from aiocc import Client, CreateCall, Service, Timeouts
    from aiocc.auth import AppKey

    async def call() -> None:
        service = Service(url, auth=AppKey("key", "secret"), timeouts=Timeouts(read=TIMEOUT))
        async with Client(fabric=service) as client:
            await client.send(CreateCall(called="88884432"))

    asyncio.run(call())


def _openai(url: str) -> None:
    from openai import OpenAI

    with OpenAI(api_key="key", base_url=url, timeout=TIMEOUT) as client:
        client.responses.create(model="model", input="hello")


def _azure(url: str) -> None:
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import RetryPolicy
    from azure.core.rest import HttpRequest

    with PipelineClient(url, policies=[RetryPolicy()]) as client:
        request = HttpRequest("POST", f"{url}/calls", json={"to": "88884432"})
        client.send_request(request, read_timeout=TIMEOUT).raise_for_status()


def _botocore(url: str) -> None:
    from botocore.config import Config
    from botocore.session import Session

    session = Session()
    session.set_credentials("key", "secret")
    client = session.create_client(
        "sns", region_name="eu-west-1", endpoint_url=url, config=Config(read_timeout=TIMEOUT)
    )
    client.publish(PhoneNumber="+4988884432", Message="hello")


def _stripe(url: str) -> None:
    import stripe

    with _GLOBAL:  # its address is a variable of the module
        stripe.api_key, stripe.api_base = "sk_test_key", url
        stripe.default_http_client = stripe.RequestsClient(timeout=TIMEOUT)
        stripe.Customer.create(name="Ada")


def _stripe_client(url: str) -> None:
    import stripe

    client = stripe.StripeClient(
        "sk_test_key", base_addresses={"api": url}, http_client=stripe.RequestsClient(timeout=TIMEOUT)
    )
    client.v1.customers.create({"name": "Ada"})


def _twilio(url: str) -> None:
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    client = Client("AC0", "token", http_client=TwilioHttpClient(timeout=TIMEOUT))
    client.api.base_url = url
    client.get_hostname = lambda uri: uri  # it would take an address in numbers apart
    client.calls.create(to="+4988884432", from_="+4988884433", url="http://127.0.0.1:9/")


CONTENDERS: Final[dict[str, tuple[str, Callable[[str], None], str]]] = {
    "aiocc": ("aiocc", _aiocc, "create_call"),
    "openai": ("openai", _openai, "responses.create"),
    "azure-core": ("azure-core", _azure, "a POST, RetryPolicy()"),
    "botocore": ("botocore", _botocore, "sns.publish"),
    "stripe": ("stripe", _stripe, "Customer.create, with an idempotency key of its own"),
    "stripe-client": ("stripe", _stripe_client, "StripeClient().v1.customers.create, likewise"),
    "twilio": ("twilio", _twilio, "calls.create"),
}


def deliveries(
    names: tuple[str, ...] = tuple(CONTENDERS), modes: tuple[str, ...] = tuple(MODES)
) -> dict[str, dict[str, int] | None]:
    """Count, for each client, the deliveries in each mode; None for a client that is not installed."""
    with _served() as server, ThreadPoolExecutor(len(names) * len(modes)) as pool:
        running = {
            (name, mode): pool.submit(_deliver, CONTENDERS[name][1], f"{server.url}/{name}-{mode}")
            for name in names
            for mode in modes
        }
        present = {key: future.result() for key, future in running.items()}
    return {
        name: {mode: server.delivered[f"{name}-{mode}"] for mode in modes} if present[name, modes[0]] else None
        for name in names
    }


@contextmanager
def _served() -> Iterator[Server]:
    server = Server()
    try:
        yield server
    finally:
        server.close()


def _deliver(contender: Callable[[str], None], url: str) -> bool:
    """Send one request; whatever becomes of it is the client's affair. False where the client is missing."""
    try:
        contender(url)
    except ModuleNotFoundError:
        return False
    except Exception:  # noqa: BLE001 - each package has errors of its own; what counts is what arrived
        return True
    return True


def table(counted: dict[str, dict[str, int] | None]) -> str:
    """Write the counts in Markdown."""
    lines = [f"| one POST, and | {' | '.join(MODES.values())} |", f"|---{'|---:' * len(MODES)}|"]
    for name, counts in counted.items():
        package, _, what = CONTENDERS[name]
        if counts is None:
            lines.append(f"| {name} | {' | '.join('not installed' for _ in MODES)} |")
            continue
        version = importlib.metadata.version(package)
        lines.append(f"| {package} {version}: {what} | {' | '.join(str(counts[mode]) for mode in MODES)} |")
    return "\n".join(lines)


def main() -> int:
    """Count and print; 1 where ours delivered anything but once."""
    began = time.monotonic()
    counted = deliveries()
    sys.stdout.write(
        f"{table(counted)}\n\nDeliveries of one request, each client as its package makes it; the time-out for an "
        f"answer is set to {TIMEOUT:.0f} s.\n{time.monotonic() - began:.0f} s in all.\n"
    )
    ours = counted["aiocc"]
    return 0 if ours is not None and set(ours.values()) == {1} else 1
