"""What calls write to the logger `aiocc`."""

from __future__ import annotations

import logging

import anyio
import pytest

from aiocc import CreateCall, RetryPolicy

from .conftest import QUICK, REQUESTS
from .scripted import SUCCESS, answer, client_of, close, scripted, silent

FIELDS = {
    "aiocc_operation",
    "aiocc_service",
    "aiocc_call_id",
    "aiocc_delivery",
    "aiocc_reason",
    "aiocc_attempts",
    "aiocc_elapsed",
}
REFUSED = {"resultCode": "30010000001", "resultDesc": "no"}


def fields(record: logging.LogRecord) -> dict[str, object]:
    """Give what a record has of ours."""
    return {name: value for name, value in vars(record).items() if name.startswith("aiocc_")}


@pytest.mark.parametrize(
    ("behaviour", "level", "delivery", "reason"),
    [
        (answer(SUCCESS["create_call"]), logging.DEBUG, "accepted", None),
        (answer(REFUSED), logging.INFO, "rejected", "service answered with a failure code"),
        (close, logging.WARNING, "unknown", "connection closed before the answer was complete"),
        (answer({"resultCode": "0"}), logging.WARNING, "accepted", "payload could not be read"),
    ],
)
async def test_the_end_of_a_call_is_one_record(
    behaviour: object, level: int, delivery: str, reason: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A record's level is by what is known, and its fields say it to programs."""
    caplog.set_level(logging.DEBUG, "aiocc")
    once = RetryPolicy(max_attempts=1)
    async with scripted([behaviour]) as server, client_of(server.url, retry=once) as client:
        outcome = await client.send(CreateCall(called="13812345678"))

    (record,) = [record for record in caplog.records if record.name == "aiocc"]
    assert level == record.levelno
    assert {
        "aiocc_operation": "create_call",
        "aiocc_service": "fabric",
        "aiocc_call_id": outcome.call_id,
        "aiocc_delivery": delivery,
        "aiocc_reason": reason,
        "aiocc_attempts": 1,
        "aiocc_elapsed": outcome.elapsed,
    } == fields(record)
    assert f"create_call {outcome.call_id} {delivery} in " in record.getMessage()
    assert "13812345678" not in f"{record.getMessage()} {vars(record)}"


async def test_a_repeat_is_a_record_too(caplog: pytest.LogCaptureFixture) -> None:
    """Before a call is tried again it is said why, with the same fields."""
    caplog.set_level(logging.DEBUG, "aiocc")
    good = answer(SUCCESS["obs_result_codes"])
    async with scripted([close, good]) as server, client_of(server.url, retry=QUICK) as client:
        await client.send(REQUESTS["obs_result_codes"])

    repeat, end = (record for record in caplog.records if record.name == "aiocc")
    assert ("unknown", 1) == (fields(repeat)["aiocc_delivery"], fields(repeat)["aiocc_attempts"])
    assert ("accepted", 2) == (fields(end)["aiocc_delivery"], fields(end)["aiocc_attempts"])
    assert (FIELDS, FIELDS) == (set(fields(repeat)), set(fields(end)))


async def test_a_caller_who_gives_up_is_told_of_too(caplog: pytest.LogCaptureFixture) -> None:
    """A cancelled call whose request had left is a warning."""
    caplog.set_level(logging.DEBUG, "aiocc")
    async with scripted([silent]) as server, client_of(server.url) as client, anyio.create_task_group() as group:
        group.start_soon(client.send, REQUESTS["create_call"])
        await server.until_received()
        group.cancel_scope.cancel()

    (record,) = [record for record in caplog.records if record.name == "aiocc"]
    assert (logging.WARNING, "unknown", "cancelled by the caller") == (
        record.levelno,
        fields(record)["aiocc_delivery"],
        fields(record)["aiocc_reason"],
    )
