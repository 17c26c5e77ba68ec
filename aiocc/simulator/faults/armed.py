"""The faults that lie in wait, and what strikes one request."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import define, field

from aiocc.simulator.answers import Answer
from aiocc.simulator.arrival import Arrival
from aiocc.simulator.faults.emission import Emission, whole
from aiocc.simulator.faults.fault import Fault, draws
from aiocc.simulator.faults.kind import Kind, Stage

if TYPE_CHECKING:
    from aiocc.simulator.centre import Centre

__all__ = ["Armed", "Chooser", "Faults", "Struck"]

Chooser = Callable[[str, Arrival], Fault | None]
"""Chooses a fault, or none, for a request: gets the operation's name and what arrived."""


@define(eq=False)
class Armed:
    """A fault that lies in wait.

    Attributes:
        fault: Which.
        struck: How often it has struck.
    """

    fault: Fault
    struck: int = 0
    _draws: random.Random = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._draws = draws(self.fault)

    def strikes(self) -> bool:
        """Draw; counts a strike."""
        fault = self.fault
        if fault.count is not None and self.struck >= fault.count:
            return False
        if fault.probability < 1 and self._draws.random() >= fault.probability:
            return False
        self.struck += 1
        return True


@define(eq=False)
class Struck:
    """What strikes one request: the kinds of one or more faults, each with its options."""

    kinds: list[tuple[Kind, dict[str, Any]]] = field(factory=list)
    effect: bool = True

    def add(self, fault: Fault) -> None:
        """Let another fault strike as well."""
        self.kinds += [(kind, fault.chosen(kind)) for kind in fault.kinds]
        self.effect = self.effect and fault.effect

    def times(self) -> tuple[float, float]:
        """Give the seconds before the request is judged, and before the answer goes."""
        both = [kind.apply(**options) for kind, options in self._of(Stage.TIME)]
        return sum(before for before, _ in both), sum(after for _, after in both)

    def change(self, centre: "Centre") -> None:
        """Change the world."""
        for kind, options in self._of(Stage.WORLD):
            kind.apply(centre, **options)

    def answer(self, answer: Answer) -> Answer:
        """Spoil an answer."""
        for kind, options in self._of(Stage.ANSWER):
            answer = kind.apply(answer, **options)
        return answer

    def emission(self, answer: Answer, date: str) -> Emission | None:
        """Say what goes on the wire in place of the answer; None where the answer itself does."""
        wires = self._of(Stage.WIRE)
        if not wires:
            return None
        emission = whole(answer, date)
        for kind, options in wires:
            emission = kind.apply(emission, **options)
        return emission

    def _of(self, stage: Stage) -> list[tuple[Kind, dict[str, Any]]]:
        return [(kind, options) for kind, options in self.kinds if kind.stage is stage]


class Faults:
    """The faults of a contact centre; whoever uses it holds the centre's lock."""

    def __init__(self) -> None:
        self.armed: list[Armed] = []
        self.chooser: Chooser | None = None

    def arm(self, fault: Fault) -> Armed:
        """Let a fault lie in wait, behind those there are; what strikes together strikes in this order."""
        armed = Armed(fault)
        self.armed.append(armed)
        return armed

    def strike(self, operation: str, arrival: Arrival, *, reused: bool) -> Struck | None:
        """Draw what strikes a request; None for nothing, at the cost of a glance."""
        if not self.armed and self.chooser is None:
            return None
        chosen = self.chooser(operation, arrival) if self.chooser is not None else None
        faults = [] if chosen is None or (not reused and chosen.kinds[0].reused) else [chosen]
        for armed in self.armed:
            fault = armed.fault
            if fault.door or fault.operation not in (None, operation):
                continue
            if (reused or not any(kind.reused for kind in fault.kinds)) and armed.strikes():
                faults.append(fault)
        if not faults:
            return None
        struck = Struck()
        for fault in faults:
            struck.add(fault)
        return struck

    def at_door(self, operations: tuple[str, ...]) -> Fault | None:
        """Draw what strikes a connection to the service of these operations."""
        return next((one.fault for one in self._doors(operations) if one.strikes()), None)

    def lasting(self, operations: tuple[str, ...], names: frozenset[str]) -> str | None:
        """Give the name of the first of these faults that lies in wait for a service, counting no strike."""
        return next((one.fault.name for one in self._doors(operations) if one.fault.name in names), None)

    def _doors(self, operations: tuple[str, ...]) -> list[Armed]:
        return [one for one in self.armed if one.fault.door and one.fault.operation in (None, *operations)]
