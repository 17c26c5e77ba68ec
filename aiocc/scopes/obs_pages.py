"""All result codes of a virtual call centre, page by page."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import anyio

from aiocc.call.line import Caller
from aiocc.endpoints.obs_result_codes import MAX_PAGE_SIZE, ObsResultCode, ObsResultCodePage, QueryObsResultCodes
from aiocc.errors import AioccError
from aiocc.outcome import Outcome

IN_FLIGHT: Final = 4
"""Pages asked for at once; the service's pages advise at most 10 requests."""

MAX_FRUITLESS: Final = 3
"""So many pages in a row without a new row, and the walk ends, whatever total the service claims."""


class ObsResultCodes:
    """Iterates over all result codes: `async for code in client.iter_obs_result_codes(vdn_id=1)`.

    Rows come in the order of the pages, none twice. Pages are asked for in small batches, and a batch has
    ended before its rows are given out: nothing goes on between two steps of the loop, and leaving the loop
    early leaves nothing behind.
    """

    def __init__(self, caller: Caller, vdn_id: int, locale: str | None = None) -> None:
        self._caller = caller
        self._first = QueryObsResultCodes(vdn_id, 1, MAX_PAGE_SIZE, locale)
        self._rows: deque[ObsResultCode] = deque()
        self._seen: set[ObsResultCode] = set()
        self._pages_read = 0
        self._last_page = 1
        self._fruitless = 0
        self._error: AioccError | None = None

    def __aiter__(self) -> ObsResultCodes:
        return self

    async def __anext__(self) -> ObsResultCode:
        """Give the next row.

        Raises:
            CallError: A page could not be had; the next step asks for it again.
        """
        while not self._rows:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            if self._pages_read >= self._last_page or self._fruitless >= MAX_FRUITLESS:
                raise StopAsyncIteration
            await self._read_batch()
        return self._rows.popleft()

    async def _read_batch(self) -> None:
        """Read some pages; an error comes only when the rows before it have been given out."""
        numbers = range(self._pages_read + 1, min(self._last_page, self._pages_read + IN_FLIGHT) + 1)
        found: dict[int, Outcome[ObsResultCodePage] | AioccError] = {}

        async def read(number: int) -> None:
            request = QueryObsResultCodes(self._first.vdn_id, number, MAX_PAGE_SIZE, self._first.locale)
            try:
                found[number] = await self._caller.send(request)
            except AioccError as error:  # told as itself, not in a group
                found[number] = error

        async with anyio.create_task_group() as group:
            for number in numbers:
                group.start_soon(read, number)
        for number in numbers:
            outcome = found[number]
            self._error = outcome if isinstance(outcome, AioccError) else outcome.error
            if self._error is not None or isinstance(outcome, AioccError):
                return
            self._take(outcome.unwrap())

    def _take(self, page: ObsResultCodePage) -> None:
        self._pages_read += 1
        self._last_page = math.ceil(page.total_count / MAX_PAGE_SIZE)
        fresh = [row for row in dict.fromkeys(page.codes) if row not in self._seen]
        self._seen.update(fresh)
        self._rows.extend(fresh)
        self._fruitless = 0 if fresh else self._fruitless + 1
