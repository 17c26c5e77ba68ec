"""The contact centre of the kill campaign, in a process of its own: `python -m tests.campaigns.kill_centre LATENCY`.

It says its environment as a line of JSON; for each line "reset" or "inboxes" that it hears it says another.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiocc.simulator import Simulator, World

FIRST, LAST = 1_000, 900_000
"""Agents who are signed in."""


class Centre:
    """The campaign's end of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.environment: dict[str, str] = self._hear()

    def reset(self) -> None:
        """Empty the inboxes."""
        self._ask("reset")

    def inboxes(self) -> Counter[tuple[str, int]]:
        """Count what arrived, by content and receiver."""
        return Counter({(content, receiver): times for content, receiver, times in self._ask("inboxes")})

    def _ask(self, what: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextmanager
def contact_centre(latency: float) -> Iterator[Centre]:
    """Run it."""
    command = [sys.executable, "-m", "tests.campaigns.kill_centre", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Centre(process)
        assert process.stdin is not None
        process.stdin.close()


def main() -> None:
    """Serve until the input ends."""
    with Simulator(tls=False, world=World(latency=float(sys.argv[1]), signed_in=range(FIRST, LAST))) as aicc:
        _say(dict(aicc.environment))
        for line in sys.stdin:
            if line.strip() == "reset":
                aicc.reset()
                _say(None)
            else:
                counts = Counter((note.content, note.receiver) for note in aicc.notes if note.delivered)
                _say([[content, receiver, times] for (content, receiver), times in counts.items()])


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
