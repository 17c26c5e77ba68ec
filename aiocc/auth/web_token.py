"""A visitor's token that is applied for: `applyToken` at API Fabric.

https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_2214.html
"""

from __future__ import annotations

from types import NoneType
from typing import Final

from aiocc.auth.app_key import JSON, AppKey, answer_object, endpoint_url, refusal
from aiocc.auth.cookie import SendAs, VisitorToken
from aiocc.auth.failure import no_token
from aiocc.auth.store import CredentialStore, shared
from aiocc.auth.strategy import Credential, Fetch
from aiocc.errors import ConfigurationError, CredentialError
from aiocc.protocol.checks import check_setting
from aiocc.protocol.codec import encode_json
from aiocc.protocol.messages import Answer, WireRequest
from aiocc.protocol.reading import code_text
from aiocc.secret import conceal

APPLY_PATH: Final = "/apiaccess/ccmessaging/applyToken"
LIFETIME: Final = 3600.0
_WHERE: Final = "url= and channel_id= of WebToken"


class WebToken(VisitorToken):
    """Applies for a visitor's token, which lives one hour, and for another when it ends or is refused.

    Not ahead of that: the server keeps one token for a visitor, so that a new one ends the old.

    Args:
        app_key: How to authenticate at API Fabric; one may serve thousands of visitors.
        url: Address of API Fabric, or the whole URL ending in `applyToken`.
        channel_id: The channel's configuration ID.
        user_id: Chosen by the application, 1 to 32 characters.
        user_name: What agents see.
        locale: `zh_CN`, `en` and so on.
        send_as: As for `CookieToken`.
        store: Where tokens are kept, so that several processes can serve one visitor; None for nowhere else.

    Raises:
        ConfigurationError: A field is empty or too long, the URL is bad, or `app_key` or `store` is of another kind.
    """

    needs_io: bool = True
    remedy = "Check that url= and channel_id= of WebToken belong to this web adapter."

    @conceal
    def __init__(
        self,
        app_key: AppKey,
        *,
        url: str,
        channel_id: str,
        user_id: str,
        user_name: str,
        locale: str = "en",
        send_as: SendAs = "cookie",
        store: CredentialStore | None = None,
    ) -> None:
        super().__init__(send_as=send_as, lifetime=LIFETIME * 0.98)
        check_setting("app_key", app_key, AppKey)
        check_setting("store", store, CredentialStore, NoneType)
        fields: dict[str, object] = {
            "channelId": channel_id,
            "userId": user_id,
            "userName": user_name,
            "locale": locale,
        }
        for name, value in fields.items():
            if not isinstance(value, str) or not value:
                raise ConfigurationError(f"{name} must be text that is not empty")
        if len(user_id) > 32:
            raise ConfigurationError(f"userId must be text of 1 to 32 characters, not of {len(user_id)}")
        self._app_key = app_key
        self._origin, self._path = endpoint_url(url, APPLY_PATH, what="url")
        self._fields = fields
        self._store = store

    async def credential(self, fetch: Fetch, /, *, rejected: Credential | None = None) -> Credential:
        """Give the current token, or apply for one."""
        held = self._held
        if held is None or held is rejected or held.expired:
            if self._store is None:
                held = await self._obtain(fetch)
            else:
                channel, user = str(self._fields["channelId"]), str(self._fields["userId"])
                key = self._app_key.store_key(f"{self._origin}{self._path}", channel, user)
                held = await shared(self._store, key, rejected, lambda: self._obtain(fetch))
            self._held = held
        return held

    async def _obtain(self, fetch: Fetch) -> Credential:
        return self._read(*await self._apply_for(fetch))

    async def _apply_for(self, fetch: Fetch) -> tuple[Answer, Credential]:
        app = await fetch.credential(self._app_key, at=self._origin)
        request = self._request(app)
        answer = await fetch(request)
        if self._app_key.verdict(request, answer) == "renew":
            app = await fetch.credential(self._app_key, rejected=app, at=self._origin)
            answer = await fetch(self._request(app))
        return answer, app

    def _request(self, app: Credential) -> WireRequest:
        request = WireRequest(
            method="POST",
            origin=self._origin,
            path=self._path,
            headers=[("Content-Type", JSON)],
            body=encode_json(self._fields),
            credential=app,
        )
        self._app_key.apply(request, app)
        return request

    def _read(self, answer: Answer, app: Credential) -> Credential:
        data = answer_object(answer)
        token = data.get("token")
        # One published example has no resultCode, and a second, escaped pair of quotes around the token.
        refused = code_text(data.get("resultCode", "0")) != "0"
        if answer.status != 200 or refused or not isinstance(token, str) or not token.strip('"'):
            raise no_token(answer, refusal("applyToken", answer, data, "resultDesc", (app.secret,)), _WHERE)
        if len(token) > 1 and token[0] == token[-1] == '"':
            token = token[1:-1]
        try:
            return self._issue(token)
        except ConfigurationError:
            unfit = refusal("applyToken", answer, {}, "")
        raise CredentialError(f"{unfit} that a cookie could carry")
