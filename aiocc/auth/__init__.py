"""Floor 2a: how a credential is obtained and put on a request.

A strategy decides; it owns no connection. What I/O it needs goes through the `fetch` it is given, so the same
strategy serves a `Client` and, as an `httpx.Auth`, any plain `httpx.AsyncClient`.
"""

from aiocc.auth.agent_guid import AgentGuid
from aiocc.auth.aksk import AkSk, sign_c2
from aiocc.auth.app_key import AppKey
from aiocc.auth.cookie import CookieToken
from aiocc.auth.store import CredentialStore, MemoryStore, StoredCredential
from aiocc.auth.strategy import Credential, Fetch, Strategy
from aiocc.auth.web_token import WebToken
from aiocc.secret import Secret

__all__ = [
    "AgentGuid",
    "AkSk",
    "AppKey",
    "CookieToken",
    "Credential",
    "CredentialStore",
    "Fetch",
    "MemoryStore",
    "Secret",
    "StoredCredential",
    "Strategy",
    "WebToken",
    "sign_c2",
]
