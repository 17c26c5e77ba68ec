"""What the contact centre is like before anything happens: settings and credentials, all values."""

import uuid
from collections.abc import Collection, Mapping
from secrets import token_hex

from attrs import field, frozen

__all__ = ["World"]


def new_guid() -> str:
    """Make a session GUID in the form the gateway gives out."""
    return f"{uuid.uuid4()}.AgentGateway1"


def _random_key() -> str:
    return token_hex(16)


def _random_app_key() -> str:
    return str(uuid.uuid4())


def _random_user() -> str:
    return f"visitor-{token_hex(6)}"


@frozen(kw_only=True)
class World:
    """Describe a contact centre; lengths of time are in seconds.

    Credentials are random for each instance and stay the same over `Simulator.reset()`. Every field can be
    changed until the next reset by `Simulator.configure(name=value)`. A change of keys takes effect on
    requests but not on `Simulator.environment`; who is signed in from the start and the first visitor are
    settled when the world begins.
    """

    latency: float = 0.0
    """How long each answer takes; what was asked has happened before."""

    # CC-Gateway
    agent_id: int = 101
    agent_guid: str = field(factory=new_guid, repr=False)
    agent_password: str = field(factory=_random_key, repr=False)
    agent_phone: str = "88880101"
    agents: range = range(101, 1_000_000)
    """Agent ids that exist."""
    signed_in: Collection[int] = range(31_000, 33_000)
    """Agents, beside `agent_id`, who are signed in from the beginning."""
    guid_grace: float = 120.0
    """How long a former GUID stays good after a rotation (the gateway's GUIDTIMEOUT)."""
    guid_interval: float | None = 60.0
    """How long a polled agent keeps a GUID (GUIDINTERVAL); None for the static mode (AUTHMODE 1)."""
    agent_silence: float = 120.0
    """After how long without a request a polled agent is signed out (MAXTIME)."""
    poll_hold: float = 10.0
    """How long a poll is held while there is nothing to say (AGENT_POLL_WAIT)."""
    phones: str = r"\d{4,24}"
    """A pattern for the phone numbers with which an agent may sign in."""
    note_content: bool = True
    """Whether an event of a note brings its text, as the vendor's demo reads it, or nothing, as the page says."""

    # CC-Messaging web adapter
    tenant_id: str = "202404010001"
    channel_id: str = "2404010101"
    visitor_user_id: str = field(factory=_random_user)
    visitor_lifetime: float = 3600.0
    renew_visitor_tokens: bool = False
    """Whether an expired token still serves, and the answer brings its successor in `ccmessaging-token`."""
    channel_configured: bool = True
    dial_agents: int = 1_000_000
    """How many agents click-to-dial calls can occupy; further calls wait."""
    dial_queue_time: float = 60.0
    """After how long a waiting click-to-dial call is given up."""
    parameter_error_result_code: str = "0"
    """The resultCode beside a returnCode of "3"; the page does not say which it is."""

    # CC-iSales
    access_key: str = field(factory=_random_key, repr=False)
    secret_key: str = field(factory=_random_key, repr=False)
    clock_skew: float = 900.0
    c2_blank_query_line: bool = False
    """Whether a request without a query is signed with a blank line in its place."""
    c2_milliseconds: bool | None = None
    """Whether the time stamp has to have milliseconds; None: as it comes."""
    c2_signed_headers: Collection[str] | None = None
    """Which headers have to be signed, in lower case; None: any, with host."""
    c2_host_without_port: bool = False
    """Whether the host is signed without its port, as where a front end takes it away."""
    obs_totals: Mapping[int, int] = field(factory=lambda: {1: 120})
    """How many result codes each VDN has; a VDN that is not named has none."""

    # API Fabric
    app_key: str = field(factory=_random_app_key, repr=False)
    app_secret: str = field(factory=_random_key, repr=False)
    token_lifetime: int = 600
    """For a token request without `X-Token-Expire`."""
    expired_token_status: int = 403
    """The status for a bearer token that is expired or unknown; 401 is documented too."""
    send_call_serial_no: bool = True
    sip_service_address: str = "10.137.203.215:5063"
