"""A job of cron's: notes from a CSV file (`agent,content`), at most 50 requests a second.

Its exit code: 0 where all were accepted; 1 where some were not, and may be repeated; 2 where of some it is unknown.
"""

import asyncio
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from aiocc import Client, Delivery, Note, Rate


def notes(file: Path) -> Iterator[Note]:
    with file.open(newline="") as rows:
        for number, row in enumerate(csv.DictReader(rows), 2):
            yield Note([int(row["agent"])], row["content"], key=f"{file.name}:{number}")


async def main(file: Path) -> int:
    async with Client.from_env() as client:
        report = await client.agent().send_notes(notes(file), rate=Rate(50))
    for one in report.unsettled:
        print(one.key, one.delivery, one.error, file=sys.stderr)  # noqa: T201  # cron mails what a job prints
    if report.receivers.get(Delivery.UNKNOWN):
        return 2
    return 1 if report.unsettled else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
