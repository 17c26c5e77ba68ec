"""Which switches of `AkSk` a deployment takes.

The vendor's sources disagree about the signature of CC-iSales and its kin, so every documented way is tried, on a
read: https://support.huaweicloud.com/api-ccfs-cec/cec_07_0003.html
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

from attrs import define

from aiocc.auth import AkSk
from aiocc.cli.doctor.check import Check, State
from aiocc.client import Client
from aiocc.delivery import Reason
from aiocc.endpoints.generic import service_request
from aiocc.endpoints.obs_result_codes import QueryObsResultCodes
from aiocc.errors import CallError
from aiocc.options import Service
from aiocc.protocol.messages import Origin
from aiocc.protocol.operation import Request

Switches = dict[str, Any]

BLANK_LINE: Final[Switches] = {"blank_query_line": True}


@define
class Signature:
    """Finds out how one deployment of iSales wants its requests signed.

    Attributes:
        service: With the keys.
        vdn: The virtual call centre whose result codes are asked for; a wrong one proves the signature too.
        deadline: Seconds for each request.
    """

    service: Service
    auth: AkSk
    vdn: int
    deadline: float

    async def check(self) -> list[Check]:
        """Try the signature as it is configured, then, where it is refused, in the other ways."""
        own = dict(self.auth.switches)
        error = await self._ask(self._read(), own)
        if not is_refused(error):
            return [judged("isales", error, ""), *(await self._without_query(own) if proves(error) else [])]
        others = [switches for switches in variants(self.service.origin) if switches != own]
        for switches in others:
            if proves(await self._ask(self._read(), switches)):
                refused = f"refused as it is; this deployment takes AkSk(..., {written(switches)})"
                found = Check("isales", "credential", State.FAILED, refused, advised(switches))
                return [found, *await self._without_query(switches)]
        advice = "Check AIOCC_ISALES_ACCESS_KEY and AIOCC_ISALES_SECRET_KEY with the operator's staff."
        return [Check("isales", "credential", State.FAILED, f"refused, signed in {len(others) + 1} ways", advice)]

    async def _without_query(self, switches: Switches) -> list[Check]:
        """See how a request without a query is signed, which the operations of this package do not need."""
        name = "no query"
        bare = service_request(
            "isales", "GET", QueryObsResultCodes.operation.path, path_params={"vdn_id": str(self.vdn)}
        )
        if not is_refused(await self._ask(bare, switches)):
            return [Check("isales", name, State.OK, "a request without a query is accepted too")]
        other = {**switches, **BLANK_LINE}
        if BLANK_LINE.items() <= switches.items():
            other = {name: value for name, value in switches.items() if name not in BLANK_LINE}
        if not proves(await self._ask(bare, other)):
            return [Check("isales", name, State.SKIPPED, "a request without a query is refused, signed either way")]
        detail = f"a request without a query is accepted with AkSk(..., {written(other)})"
        return [Check("isales", name, State.FAILED, detail, advised(other))]

    def _read(self) -> QueryObsResultCodes:
        return QueryObsResultCodes(self.vdn, page_size=1)

    async def _ask(self, request: Request[Any], switches: Switches) -> CallError | None:
        auth = self.auth.varied(**switches)
        async with Client(isales=Service(self.service.url, auth=auth, tls=self.service.tls)) as client:
            return (await client.with_options(deadline=self.deadline).send(request)).error


def variants(origin: Origin) -> Iterator[Switches]:
    """Give the documented ways to sign, those with the fewest switches first."""
    port = len(str(origin.port)) + 1
    hosts = (None,) if origin.authority.endswith(("]", origin.host)) else (None, origin.authority[:-port])
    ways: list[Switches] = [
        {
            **({"milliseconds": True} if milliseconds else {}),
            **({"signed_headers": headers} if headers is not None else {}),
            **({"host": host} if host is not None else {}),
        }
        for milliseconds, headers, host in product((False, True), (None, ("content-type", "host")), hosts)
    ]
    yield from sorted(ways, key=len)


def written(switches: Switches) -> str:
    """Write switches as arguments."""
    return ", ".join(f"{name}={value!r}" for name, value in switches.items())


def advised(switches: Switches) -> str:
    """Say how switches are given: in code, and in the environment."""
    words = (
        name if value is True else f"{name}={value if isinstance(value, str) else ';'.join(value)}"
        for name, value in switches.items()
    )
    return f"Give AkSk(access_key, secret_key, {written(switches)}), or AIOCC_ISALES_SIGNATURE='{' '.join(words)}'."


def is_refused(error: CallError | None) -> bool:
    """Tell whether the credential was refused."""
    return error is not None and error.reason is Reason.UNAUTHORIZED


def proves(error: CallError | None) -> bool:
    """Tell whether the service took the credential: it did what was asked, or has a code of its own against it."""
    return error is None or (error.code is not None and not is_refused(error))


def judged(service: str, error: CallError | None, advice: str) -> Check:
    """Say what a read proves of the credential that it was sent with."""
    if error is None:
        return Check(service, "credential", State.OK, "accepted")
    if proves(error):
        return Check(service, "credential", State.OK, f"accepted ({error.operation} was answered with {error.code})")
    if is_refused(error):
        return Check(service, "credential", State.FAILED, "refused", advice)
    return Check(service, "credential", State.FAILED, f"could not be tried: {error.reason}", error.next_step)
