"""The recipes of bots, against doubles of their services on the loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import pytest

from aiocc.simulator import Simulator

from .conftest import served


@asynccontextmanager
async def double(answer: Any) -> AsyncIterator[str]:
    """Serve a double of a bot's service: `answer` gives the JSON for a method and its arguments."""
    from aiohttp import web

    async def handle(request: web.Request) -> web.Response:
        given = dict(await request.post()) if request.content_type != "application/json" else await request.json()
        return web.json_response(await answer(request.path.rpartition("/")[2], given))

    app = web.Application()
    app.router.add_post("/{method:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Telegram:
    """Telegram's Bot API: gives out messages, and keeps what the bot says."""

    def __init__(self, *texts: str) -> None:
        self._updates = [self._update(number, text) for number, text in enumerate(texts, 1)]
        self._wanted = len(texts)
        self.said: list[str] = []
        self.answered = asyncio.Event()

    async def __call__(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        """Answer a method of the API."""
        match method:
            case "getMe":
                return self._ok({"id": 42, "is_bot": True, "first_name": "Bot", "username": "bot"})
            case "getUpdates":
                updates, self._updates = self._updates, []
                if not updates:
                    await asyncio.sleep(0.005)
                return self._ok(updates)
            case "sendMessage":
                self.said.append(given["text"])
                if len(self.said) == self._wanted:
                    self.answered.set()
                return self._ok(self._message(0, given["text"]))
        return self._ok(True)

    def _ok(self, result: object) -> dict[str, Any]:
        return {"ok": True, "result": result}

    def _update(self, number: int, text: str) -> dict[str, Any]:
        return {"update_id": number, "message": self._message(number, text)}

    def _message(self, number: int, text: str) -> dict[str, Any]:
        entity = {"type": "bot_command", "offset": 0, "length": len(text.partition(" ")[0])}
        command = [entity] if text.startswith("/") else []
        chat = {"id": 7, "type": "private"}
        return {"message_id": number, "date": 1, "chat": chat, "text": text, "entities": command}


async def test_the_telegram_bot_dials_and_leaves_messages(
    environment: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command dials, a text is left as a message, and the bot says what became of each."""
    pytest.importorskip("aiogram", reason="aiogram is not installed: it is in the extra recipes")
    from . import aiogram_bot

    telegram = Telegram("/call 88884432", "please call back", "/call")
    async with double(telegram) as url:
        monkeypatch.setenv("TELEGRAM_API_URL", url)
        monkeypatch.setenv("TELEGRAM_TOKEN", "42:of-this-test")
        bot = asyncio.ensure_future(aiogram_bot.main())
        try:
            await asyncio.wait_for(telegram.answered.wait(), 20)
        finally:
            await aiogram_bot.dispatcher.stop_polling()
            await bot

    assert ["telegram-7-1"] == [call.call_data for call in environment.calls]
    assert ["please call back"] == [message.content for message in environment.messages]
    assert sorted(["Calling.", "We will call you back.", "Say which number: /call 88884432"]) == sorted(telegram.said)


async def test_the_slack_app_dials(environment: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signed slash command is acknowledged and dials; what is known of one that went wrong is said in the channel."""
    pytest.importorskip("slack_bolt", reason="slack-bolt is not installed: it is in the extra recipes")
    from slack_sdk.signature import SignatureVerifier

    from .slack_app import make_app

    said: list[str] = []
    heard = asyncio.Event()

    async def slack(method: str, given: dict[str, Any]) -> dict[str, Any]:
        if method == "respond":
            said.append(given["text"])
            heard.set()
        return {"ok": True, "bot_id": "B1", "user_id": "U1", "team_id": "T1"}

    async with double(slack) as url:
        monkeypatch.setenv("SLACK_TOKEN", "xoxb-of-this-test")
        monkeypatch.setenv("SLACK_SIGNING_SECRET", "secret-of-this-test")
        monkeypatch.setenv("SLACK_API_URL", f"{url}/api/")
        async with served(make_app()) as web:
            for number, text in enumerate(["88884432", "88884433", ""]):
                if number == 1:
                    environment.answer_with("create_call", status=502, after_effect=True)
                body = urlencode(
                    {
                        "command": "/call",
                        "text": text,
                        "trigger_id": f"trigger-{number}",
                        "response_url": f"{url}/respond",
                        "team_id": "T1",
                        "user_id": "U1",
                        "channel_id": "C1",
                    }
                )
                now = str(int(time.time()))
                signature = SignatureVerifier("secret-of-this-test").generate_signature(timestamp=now, body=body)
                headers = {
                    "Content-Type": "application/x-www-form-urlencoded",
                    "X-Slack-Request-Timestamp": now,
                    "X-Slack-Signature": str(signature),
                }
                answer = await web.post("/slack/events", content=body, headers=headers)
                assert 200 == answer.status_code
                await asyncio.wait_for(heard.wait(), 20)
                heard.clear()

    assert ["trigger-0", "trigger-1"] == [call.call_data for call in environment.calls]
    assert ["Calling.", "Say which number: /call 88884432"] == [said[0], said[2]]
    assert "Look for call_data 'trigger-1'" in said[1]
