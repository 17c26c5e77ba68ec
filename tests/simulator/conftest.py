"""One simulator for each worker, back at its beginning for each test, and a raw client that knows the four paths."""

import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from aiocc.simulator import Simulator, c2

TYPE = {"Content-Type": "application/json; charset=UTF-8"}
ADAPTER = "/service-cloud/rest/webadapter/v1/webadapterfacade"


class Caller:
    """Speak raw HTTP to a simulator; each method sends a good request but for what the test changes.

    A header given as None is left out.
    """

    def __init__(self, sim: Simulator, http: httpx.Client) -> None:
        self.sim = sim
        self.http = http
        self.bearer: str | None = None

    def send(
        self, service: str, path: str, body: Any = b"", *, method: str = "POST", headers: dict[str, Any]
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kept = {name: value for name, value in headers.items() if value is not None}
        return self.http.request(method, self.sim.url(service) + path, content=content, headers=kept)

    def adapter(self, path: str, body: Any, headers: dict[str, Any]) -> httpx.Response:
        token = self.sim.environment["AIOCC_WEBADAPTER_TOKEN"]
        own = {**TYPE, "Cookie": f"ccmessaging-token={token}", **headers}
        return self.send("webadapter", f"{ADAPTER}/{path}", body, headers=own)

    def leave_message(self, body: Any = None, **headers: Any) -> httpx.Response:
        content = {"phoneNo": "123456", "leaveMessage": "call back"} if body is None else body
        return self.adapter("doLeaveMessage", content, _dashed(headers))

    def click_to_dial(self, body: Any = None, **headers: Any) -> httpx.Response:
        return self.adapter("createClickToCall", {"mediaAbility": "1"} if body is None else body, _dashed(headers))

    def send_note(self, body: Any = None, *, agent: object = 101, **headers: Any) -> httpx.Response:
        content = {"agentIds": [31002, 31003], "content": "hello"} if body is None else body
        own = {**TYPE, "Guid": self.sim.environment["AIOCC_AGENT_GUID"], **_dashed(headers)}
        path = f"/agentgateway/resource/onlineagent/{agent}/sendnoteletex"
        return self.send("gateway", path, content, headers=own)

    def obs(
        self,
        query: str = "pageSize=50&pageNum=1",
        *,
        vdn: object = 1,
        body: bytes = b"",
        signing: dict[str, Any] | None = None,
        **headers: Any,
    ) -> httpx.Response:
        path = f"/rest/isales/v1/openapi/campaigns/{vdn}/queryOBSResultCode"
        own = {**TYPE, **_dashed(headers)}
        if "Authorization" not in own:
            own["Authorization"] = self.sign("GET", path, query, body, **(signing or {}))
        target = f"{path}?{query}" if query else path
        return self.send("isales", target, body, method="GET", headers=own)

    def sign(self, method: str, path: str, query: str, body: bytes, **changes: Any) -> str:
        environment = self.sim.environment
        access_key = changes.get("access_key", environment["AIOCC_ISALES_ACCESS_KEY"])
        secret_key = changes.get("secret_key", environment["AIOCC_ISALES_SECRET_KEY"])
        time = changes.get("time", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        headers = {"host": httpx.URL(self.sim.url("isales")).netloc.decode(), **changes.get("headers", {})}
        prefix = f"auth-v2/{access_key}/{time}/{changes.get('names', ';'.join(sorted(headers)))}"
        canonical = c2.canonical_request(
            method,
            path,
            query.encode(),
            headers.items(),
            body,
            blank_query_line=changes.get("blank_query_line", False),
        )
        return f"{prefix}/{c2.signature(secret_key, prefix, canonical)}"

    def token(self, body: Any = None, *, path: str = "tokenByAkSk", **headers: Any) -> httpx.Response:
        environment = self.sim.environment
        content = {
            "app_key": environment["AIOCC_FABRIC_APP_KEY"],
            "app_secret": environment["AIOCC_FABRIC_APP_SECRET"],
        }
        own = {"Content-Type": "application/json", **_dashed(headers)}
        where = f"/apigovernance/api/oauth/{path}"
        return self.send("fabric", where, content if body is None else body, headers=own)

    def fabric(self, path: str, body: Any, headers: dict[str, Any]) -> httpx.Response:
        if self.bearer is None:
            self.bearer = self.token().json()["AccessToken"]
        own = {
            "Content-Type": "application/json",
            "X-APP-Key": self.sim.environment["AIOCC_FABRIC_APP_KEY"],
            "Authorization": f"Bearer {self.bearer}",
            **headers,
        }
        return self.send("fabric", f"/apiaccess/ccmessaging/{path}", body, headers=own)

    def create_call(self, body: Any = None, **headers: Any) -> httpx.Response:
        content = {"called": "88884432", "callerPresent": "95599", "callData": "1"} if body is None else body
        return self.fabric("v1/mobileagent/createcall", content, _dashed(headers))

    def apply_token(self, body: Any = None, **headers: Any) -> httpx.Response:
        content = {"userId": "u1", "userName": "Ada", "channelId": "c1", "locale": "zh_CN"}
        return self.fabric("applyToken", content if body is None else body, _dashed(headers))

    def raw(self, service: str, data: bytes) -> bytes:
        """Send bytes and read to the end of the connection."""
        with self.connect(service) as connection:
            connection.sendall(data)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        return received

    def connect(self, service: str) -> ssl.SSLSocket:
        url = httpx.URL(self.sim.url(service))
        plain = socket.create_connection((url.host, url.port), timeout=5)
        context = ssl.create_default_context(cafile=self.sim.ca_file)
        return context.wrap_socket(plain, server_hostname=url.host)


def _dashed(headers: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture(scope="session")
def shared() -> Iterator[tuple[Simulator, httpx.Client]]:
    """Give the one simulator of a worker, and a client that trusts it."""
    with Simulator() as sim:
        context = ssl.create_default_context(cafile=sim.ca_file)
        with httpx.Client(verify=context, timeout=5) as http:
            yield sim, http


@pytest.fixture
def sim(shared: tuple[Simulator, httpx.Client]) -> Simulator:
    """Give the simulator at its beginning."""
    shared[0].reset()
    return shared[0]


@pytest.fixture
def caller(sim: Simulator, shared: tuple[Simulator, httpx.Client]) -> Caller:
    """Give the raw client of the simulator."""
    shared[1].cookies.clear()
    return Caller(sim, shared[1])
