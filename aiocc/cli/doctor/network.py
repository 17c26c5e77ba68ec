"""The way to a service: name, connection, certificate, latency, clock.

Connections are opened by the transport's own dialler, so what is found is what a call would meet.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from ipaddress import ip_address

import anyio
from attrs import define, evolve, field

from aiocc.cli.doctor.check import Check, State
from aiocc.delivery import Reason
from aiocc.options import Service
from aiocc.protocol.messages import AnswerHead, Fault, Origin, Wire, WireRequest, http_date
from aiocc.protocol.next_step import remedy
from aiocc.transport.dial import Dialler
from aiocc.transport.place import Place
from aiocc.transport.pool_transport import PoolTransport
from aiocc.transport.reach import REACH
from aiocc.transport.tls import TLS, ssl_context

MAX_SKEW = 60.0
"""Seconds between the clocks at the most; what AK/SK deployments allow is not documented."""

NO_ANSWER = "Ask the operator what stands in front of the service: the connection was taken, and not answered."

STEPS = ("dns", "tcp", "tls", "latency", "clock")


@define
class Way:
    """Looks at the way to one service, step by step, until one fails.

    Attributes:
        name: Of the service.
        days: A certificate that ends in fewer days is a failure.
        checks: What was found.
    """

    name: str
    service: Service
    days: int
    checks: list[Check] = field(factory=list)
    _head: AnswerHead | None = None
    _asked_at: float = 0.0

    async def walk(self) -> bool:
        """Take all steps; says whether a call would come through."""
        REACH.check(self.service.origin)
        steps: dict[str, Callable[[], Awaitable[str]]] = {
            "dns": self._dns, "tcp": self._tcp, "tls": self._tls, "latency": self._latency, "clock": self._clock,
        }  # fmt: skip
        for done, (step, look) in enumerate(steps.items(), 1):
            reason, said = Reason.CONNECT_TIMEOUT, ""
            try:
                with anyio.fail_after(self.service.timeouts.connect):
                    said = await look()
            except _Skipped as skipped:
                self._note(step, State.SKIPPED, str(skipped))
                continue
            except _Failed as failed:
                self._note(step, State.FAILED, str(failed), failed.advice)
                continue  # the way is open all the same
            except TimeoutError:
                pass
            except Fault as fault:
                reason, said = fault.reason, ""
                detail = f"{reason} ({fault.detail})" if fault.detail else str(reason)
                self._note(step, State.FAILED, detail, remedy(reason, NO_ANSWER))
                self._skip(STEPS[done:], step)
                return False
            if not said:
                self._note(step, State.FAILED, f"nothing within {self.service.timeouts.connect:g} s", remedy(reason))
                self._skip(STEPS[done:], step)
                return False
            self._note(step, State.OK, said)
        return True

    def _note(self, step: str, state: State, detail: str, advice: str | None = None) -> None:
        self.checks.append(Check(self.name, step, state, detail, advice))

    def _skip(self, steps: tuple[str, ...], failed: str) -> None:
        for step in (*steps, "credential"):
            self._note(step, State.SKIPPED, f"{failed} failed")

    async def _dns(self) -> str:
        origin = self.service.origin
        if _is_literal(origin.host):
            raise _Skipped(f"{origin.host} is an address")
        try:
            found = await anyio.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise Fault(Reason.DNS_FAILURE, f"{origin.host}: {error.strerror}") from None
        except ValueError:
            raise Fault(Reason.DNS_FAILURE, f"{origin.host} is no host name") from None
        return f"{origin.host} is {', '.join(dict.fromkeys(str(address[4][0]) for address in found))}"

    async def _tcp(self) -> str:
        plain = evolve(self.service.origin, scheme="http")
        began = time.perf_counter()
        connection = await Dialler(None, None, Place()).dial(plain, Wire())
        connection.close()
        return f"{plain.host}:{plain.port} connected in {_took(began)}"

    async def _tls(self) -> str:
        origin = self.service.origin
        if origin.scheme != "https":
            raise _Skipped("http, without TLS")
        tls = self.service.tls
        context = ssl_context(tls) if isinstance(tls, TLS) else tls
        connection = await Dialler(context, self.service.server_name, Place()).dial(origin, Wire())
        try:
            session = connection.extra("ssl_object")
            assert isinstance(session, ssl.SSLObject)
            version, certificate = session.version(), session.getpeercert()
        finally:
            connection.close()
        if not certificate:
            raise _Failed("the certificate is not verified", "Leave TLS(insecure_no_verify=True) out.")
        left = (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / 86400
        said = f"{version}, chain and host name verified, certificate ends in {left:.0f} days"
        if left < self.days:
            raise _Failed(said, "Have the service's certificate renewed before it ends.")
        return said

    async def _latency(self) -> str:
        """Ask for the address's root without a credential, which any HTTP server answers one way or another."""
        service = self.service
        transport = PoolTransport(service.pool, service.tls, own=service.origin)
        try:
            await self._ask(transport, service.origin)
            began = time.perf_counter()
            status = await self._ask(transport, service.origin)
            return f"HTTP {status} in {_took(began)}"
        finally:
            await transport.aclose()

    async def _ask(self, transport: PoolTransport, origin: Origin) -> int:
        request = WireRequest(method="GET", origin=origin, path="/", headers=[("Host", origin.authority)])
        self._asked_at = time.time()
        answer = await transport.exchange(
            request,
            Wire(),
            deadline=anyio.current_time() + self.service.timeouts.connect,
            timeouts=self.service.timeouts,
            limits=self.service.limits,
            on_head=lambda _: None,
        )
        self._head = answer.head
        return answer.status

    async def _clock(self) -> str:
        head = self._head
        theirs = http_date(head.header("date")) if head is not None and head.header("age") is None else None
        if theirs is None:
            raise _Skipped("the service tells no Date")
        ours = datetime.fromtimestamp(self._asked_at, UTC)
        skew = (theirs - ours).total_seconds()
        if abs(skew) <= MAX_SKEW:
            return f"{abs(skew):.0f} s apart"
        direction = "ahead of" if skew > 0 else "behind"
        raise _Failed(
            f"the service's clock is {abs(skew):.0f} s {direction} this machine's",
            "Have both clocks kept by NTP: AK/SK signatures and certificates depend on them.",
        )


class _Skipped(Exception):  # noqa: N818 - no error: it says why there is nothing to look at
    """There is nothing to look at."""


class _Failed(Exception):  # noqa: N818 - it never leaves this module
    """Something is wrong that keeps no call from coming through."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(detail)
        self.advice = advice


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _took(began: float) -> str:
    return f"{(time.perf_counter() - began) * 1000:.1f} ms"
