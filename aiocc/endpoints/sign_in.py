"""Sign an agent in and out at CC-Gateway.

https://support.huaweicloud.com/api-ccfs-cec/cec_07_1202.html (sign-in), cec_07_1203.html (forced), cec_07_1219.html and
cec_07_1220.html (sign-out). `client.sign_in(...)` is the scope that does all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

import attrs
from attrs import field, frozen

from aiocc.endpoints.gateway_codes import GATEWAY_CODES
from aiocc.endpoints.generic import AGENT_PREFIX
from aiocc.endpoints.send_note import MAX_AGENT_ID, MIN_AGENT_ID
from aiocc.protocol.checks import kind, number, refuse, text
from aiocc.protocol.codec import structure
from aiocc.protocol.envelope import GATEWAY
from aiocc.protocol.model import Model
from aiocc.protocol.operation import Effect, Operation, Request
from aiocc.secret import Secret, conceal, concealing

_PAGES = "https://support.huaweicloud.com/api-ccfs-cec/"
MAX_PASSWORD = 32
MAX_PHONE = 24


@frozen
class SignedIn(Model):
    """What the gateway says of a session that began; every field may be missing.

    Attributes:
        vdn_id: The agent's virtual call centre.
        work_no: The agent, as text.
        media_type: Three letters T or F: CTI server, web, mail.
        login_time: Epoch milliseconds, as text.
        server_name: The gateway.
    """

    vdn_id: str | None = None
    work_no: str | None = None
    media_type: str | None = None
    login_time: str | None = None
    server_name: str | None = None


_WIRE = {
    "vdn_id": "vdnid",
    "work_no": "workno",
    "media_type": "mediatype",
    "login_time": "loginTime",
    "server_name": "serverName",
}


class SignInSettings(TypedDict, total=False):
    """The fields of `SignIn` that may be left out; see there."""

    auto_answer: bool
    auto_enter_idle: bool
    release_phone: bool
    agent_type: int
    status: int
    ip: str
    entry_ip: str
    phone_linkage: bool
    check_in_webm: bool
    check_in_mailm: bool
    vc_phone_number: str
    listen_status: bool


def _signed_in(data: Mapping[str, Any]) -> SignedIn:
    """Read what can be read: some pages show numbers for text, and one a result that is none."""
    result = data.get("result")
    found = result if isinstance(result, Mapping) else {}
    values = {name: found.get(wire) for name, wire in _WIRE.items()}
    return SignedIn(**{name: None if value is None else str(value) for name, value in values.items()})


def _secret(value: str | Secret) -> Any:
    return Secret(value) if isinstance(value, str) else value


@conceal
def _password(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    size = len(value.reveal()) if isinstance(value, Secret) else 0
    if not 1 <= size <= MAX_PASSWORD:
        given = f"text of {size} characters" if isinstance(value, Secret) else kind(value)
        refuse(attribute.name, f"text of 1 to {MAX_PASSWORD} characters", given)


def _flag(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, bool):
        refuse(attribute.name, "True, False or None", kind(value))


def _switch() -> Any:
    return field(default=None, validator=_flag)


@concealing
@frozen(kw_only=True)
class SignIn(Request[SignedIn]):
    """Sign an agent in, who is then to be polled.

    What is None is left out of the request, so that the gateway's own default applies.

    Attributes:
        agent_id: 101 to 999999.
        password: 1 to 32 characters; hidden.
        phone: The agent's phone number, 1 to 24 characters.
        auto_answer: Answer calls by itself (default at the gateway: true).
        auto_enter_idle: Become idle after signing in (true).
        release_phone: Release the phone when signing out (true).
        agent_type: 4 for PC and phone, 11 for video (4).
        status: 3 busy, 4 idle, 5 wrapping up (4).
        ip: The agent's address, up to 15 characters.
        entry_ip: The entry's address.
        phone_linkage: Link the phone (false).
        check_in_webm: Sign in to the web media server (true).
        check_in_mailm: Sign in to the mail server (false).
        vc_phone_number: Of video calls, up to 24 characters.
        listen_status: Whether the agent listens (false).
    """

    agent_id: int = field(validator=number(MIN_AGENT_ID, MAX_AGENT_ID))
    password: Secret = field(converter=_secret, validator=_password)
    phone: str = field(validator=text(1, MAX_PHONE), repr=False)
    auto_answer: bool | None = _switch()
    auto_enter_idle: bool | None = _switch()
    release_phone: bool | None = _switch()
    agent_type: int | None = field(default=None, validator=number(0, 999, optional=True))
    status: int | None = field(default=None, validator=number(3, 5, optional=True))
    ip: str | None = field(default=None, validator=text(1, 15, optional=True))
    entry_ip: str | None = field(default=None, validator=text(1, 45, optional=True))
    phone_linkage: bool | None = _switch()
    check_in_webm: bool | None = _switch()
    check_in_mailm: bool | None = _switch()
    vc_phone_number: str | None = field(default=None, validator=text(1, MAX_PHONE, optional=True), repr=False)
    listen_status: bool | None = _switch()

    operation: ClassVar[Operation[SignedIn]] = Operation(
        name="sign_in",
        log_name="login",
        service="gateway",
        method="PUT",
        path=AGENT_PREFIX + "onlineagent/{agent_id}",
        envelope=GATEWAY,
        structure=_signed_in,
        effect=Effect.CHANGE,
        codes=GATEWAY_CODES,
        page=_PAGES + "cec_07_1202.html",
    )

    def path_params(self) -> Mapping[str, str]:
        """Give the values for the path's placeholders."""
        return {"agent_id": str(self.agent_id)}

    def payload(self) -> Mapping[str, Any]:
        """Give the JSON object of the body."""
        fields = {
            "password": self.password.reveal(),
            "phonenum": self.phone,
            "autoanswer": self.auto_answer,
            "autoenteridle": self.auto_enter_idle,
            "releasephone": self.release_phone,
            "agenttype": self.agent_type,
            "status": self.status,
            "ip": self.ip,
            "entryIp": self.entry_ip,
            "phonelinkage": self.phone_linkage,
            "checkInWebm": self.check_in_webm,
            "checkInMailm": self.check_in_mailm,
            "vcPhoneNumber": self.vc_phone_number,
            "listenStatus": self.listen_status,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def secrets(self) -> tuple[Secret, ...]:
        """Give what must not be shown of the body."""
        return (self.password,)

    def trace(self) -> str:
        """Say what repairs a sign-in whose answer was lost."""
        return (
            f"Agent {self.agent_id} may be signed in with a GUID that nobody knows: a plain sign-in would answer "
            "100-002, one with force='if_signed_in' repairs it; without one the gateway signs the agent out after "
            "two minutes."
        )


@concealing
@frozen(kw_only=True)
class ForceSignIn(SignIn):
    """Sign an agent in who may be signed in already: that session ends."""

    operation: ClassVar[Operation[SignedIn]] = attrs.evolve(
        SignIn.operation,
        name="force_sign_in",
        log_name="forceLogin",
        path=AGENT_PREFIX + "onlineagent/{agent_id}/forcelogin",
        page=_PAGES + "cec_07_1203.html",
    )


@frozen
class SignedOut(Model):
    """The agent's session has ended."""


@frozen(kw_only=True)
class SignOut(Request[SignedOut]):
    """End an agent's session; the gateway refuses it during a call.

    Attributes:
        agent_id: 101 to 999999.
    """

    agent_id: int = field(validator=number(MIN_AGENT_ID, MAX_AGENT_ID))

    operation: ClassVar[Operation[SignedOut]] = Operation(
        name="sign_out",
        log_name="logout",
        service="gateway",
        method="DELETE",
        path=AGENT_PREFIX + "onlineagent/{agent_id}/logout",
        envelope=GATEWAY,
        structure=structure(SignedOut),
        effect=Effect.IDEMPOTENT,
        codes=GATEWAY_CODES,
        page=_PAGES + "cec_07_1219.html",
    )

    def path_params(self) -> Mapping[str, str]:
        """Give the values for the path's placeholders."""
        return {"agent_id": str(self.agent_id)}
