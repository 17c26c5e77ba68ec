"""A kind of fault as data: its name, where it strikes, and what it leaves open."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

__all__ = ["Effect", "Kind", "Stage", "kind_of"]


class Stage(StrEnum):
    """Where a fault strikes."""

    DOOR = "connection"
    """A connection is mistreated as soon as it comes: by service, before any request."""
    WORLD = "world"
    """Something in the contact centre changes, and then the request is judged as ever."""
    ANSWER = "answer"
    """The answer says something else; it is still HTTP, and the connection goes on."""
    WIRE = "wire"
    """The answer's bytes, or the end of the connection, are not what HTTP promises."""
    TIME = "time"
    """The answer is as it should be, and late."""
    CLIENT = "client"
    """A condition at the client's side, which no server can bring about; named so that the list is whole."""


class Effect(StrEnum):
    """What may have become of the request that a fault strikes."""

    EITHER = "either"
    """It may have had its effect or not: `effect` says which, and it has by default."""
    NEVER = "never"
    """The request is refused before anything happens."""
    AS_EVER = "as ever"
    """The request is judged as ever; the answer stays a good one."""


@frozen
class Kind:
    """A kind of fault.

    Attributes:
        name: As tests and the command line write it.
        row: Its number in the list of faults that a client has to survive.
        text: What happens, in one line.
        stage: Where it strikes.
        apply: Brings it about; what it takes depends on the stage.
        effect: What may have become of the request.
        options: What can be set, and their usual values; None: the fault chooses by itself.
        reused: It strikes only a request on a connection that has served before.
    """

    name: str
    row: str
    text: str
    stage: Stage
    apply: Callable[..., Any] = field(repr=False)
    effect: Effect = Effect.EITHER
    options: Mapping[str, Any] = field(factory=dict)
    reused: bool = False


def kind_of(
    stage: Stage, row: str, *, effect: Effect = Effect.EITHER, name: str = "", reused: bool = False, **options: Any
) -> Callable[[Callable[..., Any]], Kind]:
    """Make a kind of the function below: its name is the fault's, its docstring the text."""

    def make(apply: Callable[..., Any]) -> Kind:
        text = (apply.__doc__ or "").strip().rstrip(".")
        return Kind(name or apply.__name__, row, text, stage, apply, effect, options, reused)

    return make
