"""A fault as a value: one kind or several at once, for which operation, how often; and how a text names it."""

import random
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from attrs import field, frozen

from aiocc.simulator.faults import bodies, clients, doors, statuses, wires
from aiocc.simulator.faults.kind import Effect, Kind, Stage

__all__ = ["FAULTS", "Fault", "parse_fault"]

FAULTS: Mapping[str, Kind] = {
    kind.name: kind for module in (clients, doors, wires, bodies, statuses) for kind in module.KINDS
}
"""Every kind of fault by its name."""

SWITCH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@frozen(kw_only=True)
class Fault:
    """What goes wrong, when, and how often; made by `make`.

    Attributes:
        name: One name of `FAULTS`, or several with `+` between them, which strike together.
        operation: Of which; None for every one. A fault of the connection strikes the whole service.
        count: For how many requests, or connections; None for all of them until the faults are lifted.
        probability: Of striking a request that it could strike.
        seed: Of the draws.
        effect: Whether the request has its effect all the same, where that is open.
        options: Of the kinds.
    """

    name: str
    operation: str | None = None
    count: int | None = None
    probability: float = 1.0
    seed: int = 0
    effect: bool = True
    options: Mapping[str, Any] = field(factory=dict)
    kinds: tuple[Kind, ...] = field(repr=False)

    @classmethod
    def make(
        cls,
        name: str,
        operation: str | None = None,
        *,
        count: int | None = None,
        p: float = 1.0,
        seed: int = 0,
        effect: bool | None = None,
        **options: Any,
    ) -> "Fault":
        """Check everything, and make a fault.

        Raises:
            ValueError: A name, a number or an option is wrong; the text says what there is.
        """
        kinds = tuple(_kind(part) for part in name.split("+"))
        if count is not None and count < 1:
            raise ValueError(f"count is at least 1, not {count}")
        if not 0 < p <= 1:
            raise ValueError(f"p is over 0 and at most 1, not {p}")
        _check_together(kinds, count, p)
        known = {option: value for kind in kinds for option, value in kind.options.items()}
        if unknown := sorted(options.keys() - known.keys()):
            raise ValueError(f"{name} has no {', '.join(unknown)}; it takes {', '.join(known) or 'no options'}")
        return cls(
            name=name,
            operation=operation,
            count=count,
            probability=p,
            seed=seed,
            effect=_has_effect(name, kinds, effect),
            options=options,
            kinds=kinds,
        )

    @property
    def door(self) -> bool:
        """Whether it strikes connections, not requests."""
        return self.kinds[0].stage is Stage.DOOR

    def chosen(self, kind: Kind) -> dict[str, Any]:
        """Give the options of one of the kinds."""
        return {option: self.options.get(option, usual) for option, usual in kind.options.items()}


def _kind(name: str) -> Kind:
    kind = FAULTS.get(name)
    if kind is None:
        near = get_close_matches(name, FAULTS, 3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        names = ", ".join(sorted(one.name for one in FAULTS.values() if one.stage is not Stage.CLIENT))
        raise ValueError(f"there is no fault {name!r}.{hint} There are: {names}")
    if kind.stage is Stage.CLIENT:
        raise ValueError(f"no server can bring about {name}: {kind.text[0].lower()}{kind.text[1:]}")
    return kind


def _check_together(kinds: tuple[Kind, ...], count: int | None, p: float) -> None:
    door = [kind for kind in kinds if kind.stage is Stage.DOOR]
    if door and len(kinds) > 1:
        raise ValueError(f"{door[0].name} strikes a connection, and no request: it goes with no other fault")
    if door and door[0].name in doors.CLOSED and (count is not None or p < 1):
        raise ValueError(f"{door[0].name} lasts until it is lifted: nothing arrives that could be counted")


def _has_effect(name: str, kinds: tuple[Kind, ...], wanted: bool | None) -> bool:
    allowed = {kind.effect for kind in kinds}
    if Effect.NEVER in allowed:
        if wanted:
            raise ValueError(f"{name} refuses its request, which cannot have had its effect")
        return False
    if wanted is False and Effect.EITHER not in allowed:
        raise ValueError(f"{name} leaves a good answer, which cannot be given for nothing")
    return wanted is not False


def parse_fault(text: str, operations: tuple[str, ...]) -> Fault:
    """Read `NAME[:operation][:option,...]`; an option is a count, or one such as `p=0.1`, `seed=7`, `effect=no`.

    Raises:
        ValueError: It cannot be read so; the text says why and what there is.
    """
    name, *parts = text.split(":", 2)
    operation = None
    if parts and parts[0] in operations:
        operation = parts.pop(0)
    elif parts and (len(parts) == 2 or not _is_option(parts[0])):
        raise ValueError(f"operation is one of {', '.join(operations)}, not {parts[0]!r}")
    if len(parts) > 1 or (parts and not all(_is_option(one) for one in parts[0].split(","))):
        raise ValueError(f"{text!r} is not NAME[:operation][:count|p=..,seed=..]")
    return Fault.make(name, operation, **dict(_option(one) for one in (parts[0].split(",") if parts else ())))


def _is_option(text: str) -> bool:
    return text.isdigit() or "=" in text


def _option(text: str) -> tuple[str, Any]:
    if text.isdigit():
        return "count", int(text)
    name, _, value = text.partition("=")
    if name == "effect":
        if value not in SWITCH:
            raise ValueError(f"effect is yes or no, not {value!r}")
        return name, SWITCH[value]
    if name in ("location", "retry_after", "window"):
        return name, value
    try:
        return name, int(value) if value.lstrip("-").isdigit() else float(value)
    except ValueError:
        raise ValueError(f"{name} is a number, not {value!r}") from None


def draws(fault: Fault) -> random.Random:
    """Make the source of a fault's draws: the same seed gives the same ones."""
    return random.Random(fault.seed)  # noqa: S311 - repeatable, no secret
