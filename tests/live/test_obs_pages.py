"""All result codes, page by page, over real sockets: whatever total and pages the service gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import anyio
import pytest

from aiocc import Client, ConfigurationError, InvalidRequestError, ObsResultCode, RejectedError
from aiocc.scopes.obs_pages import ObsResultCodes
from aiocc.simulator import Simulator

from .conftest import QUICK, arrived
from .scripted import Act, Arrived, answer, client_of, scripted, silent

FULL = 50


def page(rows: Sequence[int], total: int) -> Act:
    """Answer with these rows."""
    codes = [{"obsCode": f"{row:05d}", "obsCodeDesc": f"row {row}"} for row in rows]
    success = {"resultCode": "0200000", "returnCode": "0200000"}
    return answer({**success, "totalCount": total, "obsCodes": codes})


def page_num(request: Arrived) -> int:
    """Give the page that a request asks for."""
    found = re.search(r"pageNum=(\d+)", request.target)
    assert found
    return int(found[1])


def pages(give: Callable[[int], Act]) -> Callable[[Arrived], Act]:
    """Script a server by the page that is asked for."""
    return lambda request: give(page_num(request))


def rows_of(number: int, end: int = 10**9) -> range:
    """Give the rows that a page has by rights."""
    return range((number - 1) * FULL, min(number * FULL, end))


async def read(client: Client) -> list[int]:
    """Read all rows, bounded by the test's patience."""
    return [int(row.code) async for row in client.iter_obs_result_codes(vdn_id=1)]


async def collect(walk: ObsResultCodes, rows: list[int]) -> None:
    """Add the rows that a walk gives until it ends or fails."""
    async for row in walk:
        rows.append(int(row.code))  # noqa: PERF401 - a comprehension would lose the rows before an error


@pytest.mark.parametrize("total", [0, 1, 49, 50, 51, 120, 250, 501])
async def test_every_row_comes_in_order_and_once(aicc: Simulator, aicc_client: Client, total: int) -> None:
    """All pages are read, each once, and their rows given in order."""
    aicc.configure(obs_totals={1: total})

    rows = [row async for row in aicc_client.iter_obs_result_codes(1, locale="en_US")]

    assert total == len(rows) == len(set(rows))
    assert rows[:1] == [ObsResultCode("00605", "The switch is busy.")][:total]
    assert [f"{1000 + index:05d}" for index in range(5, total)] == [row.code for row in rows[5:]]
    assert max(1, -(-total // FULL)) == arrived(aicc, "obs_result_codes")
    assert {"en_US"} == {request.header("locale") for request in aicc.requests}


async def test_pages_are_asked_for_whole_and_few_at_a_time(aicc: Simulator, aicc_client: Client) -> None:
    """The first page tells the total; the others follow in batches, each a full page."""
    aicc.configure(obs_totals={1: 300})

    await read(aicc_client)

    targets = [request.target.partition("?")[2] for request in aicc.requests]
    assert "pageSize=50&pageNum=1" == targets[0]
    assert {f"pageSize=50&pageNum={number}" for number in range(1, 7)} == set(targets)


async def test_never_more_than_a_batch_is_on_its_way() -> None:
    """At most four pages are asked for at once."""
    waiting, most = 0, 0

    def give(request: Arrived) -> Act:
        async def act(connection: object) -> bool:
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            await anyio.sleep(0.002)
            waiting -= 1
            return await page(rows_of(page_num(request)), 1000)(connection)  # type: ignore[arg-type]  # a socket

        return act

    async with scripted(give) as server, client_of(server.url) as client:
        rows = await read(client)

    assert (1000, 4) == (len(rows), most)


async def test_a_total_that_grows_is_followed() -> None:
    """Rows that are added while the walk goes on are read as well."""
    grown = {1: 100, 2: 150, 3: 170, 4: 170}
    script = pages(lambda number: page(rows_of(number, grown[number]), grown[number]))
    async with scripted(script) as server, client_of(server.url) as client:
        rows = await read(client)

    assert list(range(170)) == rows


async def test_a_total_that_shrinks_ends_the_walk() -> None:
    """A smaller total ends the walk, with every row that was given."""
    script = pages(lambda number: page(rows_of(number), 1000 if number == 1 else 250))
    async with scripted(script) as server, client_of(server.url) as client:
        rows = await read(client)

    assert list(range(250)) == rows
    assert [1, 2, 3, 4, 5] == sorted(map(page_num, server.received))


async def test_pages_that_repeat_give_no_row_twice_and_end() -> None:
    """A service that gives the same page for ever is asked a few times, not for ever."""
    async with scripted(pages(lambda _: page(range(FULL), 10**9))) as server, client_of(server.url) as client:
        rows = await read(client)

    assert list(range(FULL)) == rows
    assert 5 >= len(server.received)


async def test_pages_that_overlap_give_each_row_once() -> None:
    """Rows that moved to the next page between two requests come once."""
    script = pages(lambda number: page(range((number - 1) * 40, (number - 1) * 40 + FULL), 150))
    async with scripted(script) as server, client_of(server.url) as client:
        rows = await read(client)

    assert list(range(130)) == rows


async def test_a_row_twice_in_one_page_comes_once() -> None:
    """Also within one page no row is given twice."""
    async with scripted([page([3, 1, 3, 1, 2], 5)]) as server, client_of(server.url) as client:
        rows = await read(client)

    assert [3, 1, 2] == rows


async def test_an_empty_page_in_the_middle_ends_nothing() -> None:
    """One page without rows is passed over."""
    script = pages(lambda number: page([] if number == 3 else rows_of(number), 250))
    async with scripted(script) as server, client_of(server.url) as client:
        rows = await read(client)

    assert [*range(100), *range(150, 250)] == rows


async def test_an_endless_total_without_rows_ends() -> None:
    """A service that claims rows and gives none is not asked for ever."""
    async with scripted([page([], 10**9)]) as server, client_of(server.url) as client:
        rows = await read(client)

    assert [] == rows
    assert 5 >= len(server.received)


async def test_an_error_leaves_what_was_read_and_the_walk_goes_on() -> None:
    """A page that fails raises its error; the steps after it lose no row, repeat none, and keep the order."""
    failed: list[int] = []

    def give(number: int) -> Act:
        if number == 3 and not failed:
            failed.append(number)
            return answer({"resultCode": "02000007", "returnCode": "02000007", "resultDesc": "odd"})
        return page(rows_of(number, 250), 250)

    async with scripted(pages(give)) as server, client_of(server.url) as client:
        walk = client.iter_obs_result_codes(vdn_id=1)
        rows: list[int] = []
        with pytest.raises(RejectedError, match="02000007"):
            await collect(walk, rows)
        before = len(rows)
        await collect(walk, rows)

    assert (100, list(range(250))) == (before, rows)


async def test_an_error_on_the_first_page_can_be_tried_again(aicc: Simulator, aicc_client: Client) -> None:
    """A walk whose first page failed begins with that page again."""
    aicc.answer_with("obs_result_codes", code="02000009")
    walk = aicc_client.iter_obs_result_codes(1)

    with pytest.raises(RejectedError):
        await anext(walk)
    rows = [row async for row in walk]

    assert 120 == len(rows)


async def test_leaving_the_loop_early_leaves_nothing_under_way(aicc: Simulator, aicc_client: Client) -> None:
    """After a break no request is on its way, and none follows."""
    aicc.configure(obs_totals={1: 1000})

    async for row in aicc_client.iter_obs_result_codes(1):
        if row.code == "01060":
            break
    seen = len(aicc.requests)
    await anyio.sleep(0.005)

    assert 5 == seen == len(aicc.requests)
    assert 0 == aicc_client._desk.line("isales").admission.active


async def test_a_cancelled_step_leaves_nothing_under_way() -> None:
    """A deadline in the middle of a batch ends all of its requests."""

    def give(number: int) -> Act:
        return silent if number > 1 else page(rows_of(1), 1000)

    async with scripted(pages(give)) as server, client_of(server.url) as client:
        walk = client.iter_obs_result_codes(1)
        rows = [await anext(walk) for _ in range(FULL)]
        async with anyio.create_task_group() as group:
            group.start_soon(anext, walk)
            await server.until_received(5)
            group.cancel_scope.cancel()

        assert FULL == len(rows)
        assert 0 == client._desk.line("isales").admission.active


async def test_two_walks_do_not_disturb_each_other(aicc: Simulator, aicc_client: Client) -> None:
    """Each iteration is a walk of its own."""
    found: list[list[int]] = []

    async def walk() -> None:
        found.append([int(row.code) async for row in aicc_client.iter_obs_result_codes(1)])

    async with anyio.create_task_group() as group:
        group.start_soon(walk)
        group.start_soon(walk)

    assert found[0] == found[1]
    assert 120 == len(found[0])


async def test_a_service_that_throttles_is_waited_for(aicc: Simulator, aicc_client: Client) -> None:
    """A page refused for being asked too often is asked for again within the step."""
    aicc.answer_with("obs_result_codes", code="0200022", times=2)

    rows = await read(aicc_client.with_options(retry=QUICK))

    assert 120 == len(rows)


@pytest.mark.parametrize(("vdn_id", "locale"), [(0, None), (10000, None), (1, "en")])
def test_an_argument_past_its_limit_is_refused_at_once(aicc: Simulator, vdn_id: int, locale: str | None) -> None:
    """Arguments are checked before the first step."""
    client = Client.from_env(aicc.environment)

    with pytest.raises(InvalidRequestError):
        client.iter_obs_result_codes(vdn_id, locale=locale)
    assert () == aicc.requests


async def test_a_service_that_is_not_configured_is_told_plainly() -> None:
    """A walk that cannot begin ends in its own error, not in a group of errors."""
    async with Client() as client:
        with pytest.raises(ConfigurationError):
            await anext(client.iter_obs_result_codes(vdn_id=1))
