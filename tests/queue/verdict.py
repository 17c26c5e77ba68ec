"""What a run of `chaos` did, and what the simulator's inboxes say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from attrs import define, field

from aiocc.delivery import Delivery
from aiocc.scopes.notes import NoteOutcome
from aiocc.simulator import Simulator

from .app import FIRST, RECEIVERS

REFUSED = ("000-003", "100-006")
"""Codes of a note whose GUID is good no more."""


@define
class Verdict:
    """What a run did, and what the inboxes say of it: `wrong` names every disagreement."""

    seed: int
    seconds: float = 0.0
    events: Counter[str] = field(factory=Counter)
    receivers: Counter[str] = field(factory=Counter)
    doubled: int = 0
    lost: int = 0
    wrong: list[str] = field(factory=list)

    def __str__(self) -> str:
        done = ", ".join(f"{count} {name}" for name, count in sorted(self.events.items()))
        known = ", ".join(f"{count} {name}" for name, count in sorted(self.receivers.items()))
        return (
            f"seed {self.seed}: {self.doubled} doubled, {self.lost} lost; receivers: {known}; {done}; "
            f"{self.seconds:.0f} s" + "".join(f"\n  WRONG {one}" for one in self.wrong[:5])
        )

    def judge(self, rows: Sequence[NoteOutcome], requests: int, simulator: Simulator) -> None:
        """Compare what the ledger says of each receiver with what is in his inbox."""
        inboxes = Counter((note.content, note.receiver) for note in simulator.notes)
        named = {row.note: row.delivery for row in rows}
        self.doubled = sum(count - 1 for count in inboxes.values() if count > 1)
        for number in range(requests):
            delivery = named.get(number, Delivery.ACCEPTED)
            arrived = sum(inboxes[f"note {number}", FIRST + one] >= 1 for one in range(RECEIVERS))
            self.receivers[str(delivery)] += RECEIVERS
            if delivery is Delivery.UNKNOWN:
                self.receivers["unknown that arrived"] += arrived
            elif (delivery is Delivery.ACCEPTED) != (arrived == RECEIVERS) or 0 < arrived < RECEIVERS:
                self.lost += RECEIVERS - arrived if delivery is Delivery.ACCEPTED else 0
                self.wrong.append(f"note {number} is {delivery}, and arrived at {arrived}")
        if set(self.receivers) - {"accepted", "unknown", "unknown that arrived"}:
            self.wrong.append("something was neither accepted nor unknown in the end")
        if self.doubled:
            self.wrong.append(f"{self.doubled} doubled")
        self._count(simulator)

    def _count(self, simulator: Simulator) -> None:
        """Count what became of the agent's session on the way."""
        for seen in simulator.requests:
            if seen.operation in ("sign_in", "force_sign_in") and seen.code == "0":
                self.events["sign-ins"] += 1
            elif seen.operation == "send_note" and seen.code in REFUSED:
                self.events["requests refused for their GUID"] += 1
