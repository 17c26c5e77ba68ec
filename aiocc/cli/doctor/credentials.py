"""Whether each service takes the credential that is configured for it, asked by what changes nothing."""

from __future__ import annotations

from aiocc.auth import AkSk, AppKey
from aiocc.cli.doctor.check import Check, State
from aiocc.cli.doctor.signature import Signature, judged
from aiocc.client import Client
from aiocc.endpoints.dial_events import GetDialEvents
from aiocc.errors import CredentialError
from aiocc.options import Service
from aiocc.protocol.next_step import remedy

NEWEST = (
    "Give AIOCC_WEBADAPTER_TOKEN a visitor's newest token, exactly as received: one lives an hour. "
    "WebToken(...) applies for one by itself."
)


async def credentials(name: str, service: Service, *, vdn: int, deadline: float) -> list[Check]:
    """Look at one service's credential.

    Args:
        name: Of the service.
        service: With its credential.
        vdn: The virtual call centre that iSales is asked for.
        deadline: Seconds for each request.
    """
    if name == "gateway":
        return [_skipped(name, "not checked: a poll would take an event, and no other read has a GUID")]
    if service.auth is None:
        return [_skipped(name, "none is configured; each visitor brings one")]
    if name == "isales":
        assert isinstance(service.auth, AkSk)
        return await Signature(service, service.auth, vdn, deadline).check()
    if name == "fabric":
        assert isinstance(service.auth, AppKey)
        return [await _fabric(service, service.auth)]
    async with Client(webadapter=service) as client:
        error = (await client.with_options(deadline=deadline).send(GetDialEvents())).error
    return [judged(name, error, NEWEST)]


async def _fabric(service: Service, auth: AppKey) -> Check:
    """Have a token, as a call would; no operation of API Fabric is a read."""
    async with Client(fabric=service) as client:
        line = client._desk.line("fabric")  # of this package's own: a token alone is no public operation
        try:
            await line.renewals.credential(line, auth)
        except CredentialError as error:
            return Check("fabric", "credential", State.FAILED, str(error), error.remedy or remedy(error.reason))
    return Check("fabric", "credential", State.OK, "accepted: a token was given")


def _skipped(name: str, why: str) -> Check:
    return Check(name, "credential", State.SKIPPED, why)
