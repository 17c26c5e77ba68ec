"""A Telegram bot with aiogram: `/call NUMBER` dials, any other text leaves a message for the contact centre."""

import asyncio
import os

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import Command, CommandObject
from aiogram.types import Message

from aiocc import CallError, Client, InvalidRequestError

dispatcher = Dispatcher()


@dispatcher.message(Command("call"))
async def call(message: Message, command: CommandObject, aicc: Client) -> None:
    # Its own data for each message: a call whose answer was lost is found by it.
    data = f"telegram-{message.chat.id}-{message.message_id}"
    try:
        await aicc.create_call(called=command.args or "", call_data=data)
    except InvalidRequestError:
        await message.answer("Say which number: /call 88884432")
    except CallError as error:
        await message.answer(error.next_step)
    else:
        await message.answer("Calling.")


@dispatcher.message(F.text)
async def leave_message(message: Message, aicc: Client) -> None:
    try:
        await aicc.leave_message(phone_no=str(message.chat.id), content=message.text or "")
    except CallError as error:
        await message.answer(error.next_step)
    else:
        await message.answer("We will call you back.")


async def main() -> None:
    server = os.environ.get("TELEGRAM_API_URL", "https://api.telegram.org")
    session = AiohttpSession(api=TelegramAPIServer.from_base(server))
    async with Client.from_env() as client, Bot(os.environ["TELEGRAM_TOKEN"], session=session) as bot:
        await dispatcher.start_polling(bot, aicc=client)


if __name__ == "__main__":
    asyncio.run(main())
