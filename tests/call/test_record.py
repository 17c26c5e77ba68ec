"""What is said of a call that did not succeed."""

import json

import httpx
import pytest

from aiocc import Client, LeaveMessage, Service
from aiocc.auth import CookieToken

TOKEN = "s3cr3t-visitor-token"
LONG = "x" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        {"resultCode": "9\nINJECTED \x1b[31m"},
        {"resultCode": LONG},
        {"resultCode": TOKEN},
        {"resultCode": "9\ud800"},
        {"resultCode": "9", "resultDesc": f"line\n{LONG}"},
        {"resultCode": "9", "resultDesc": f"unknown token {TOKEN}"},
        {"resultCode": "9", "resultDesc": "x" * 190 + TOKEN},
    ],
    ids=["lines", "long", "secret", "surrogate", "long text", "secret in text", "secret at the cut"],
)
async def test_foreign_text_is_tamed(body):
    """Code and text of an answer come into a message on one line, cut to length, and without what was sent."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=json.dumps(body)))
    service = Service("https://10.10.10.2", auth=CookieToken(TOKEN), transport=transport)

    async with Client(webadapter=service) as client:
        outcome = await client.send(LeaveMessage(phone_no="123456", content="call back"))

    shown = [str(outcome.error), repr(outcome)]
    assert [True, True] == [text.isprintable() and len(text) < 2000 for text in shown]
    assert [] == [text for text in [*shown, outcome.error.code, repr(outcome.attempts)] if TOKEN[:10] in text]
