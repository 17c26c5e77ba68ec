"""Values that belong to strategies, and are gone with them."""

from __future__ import annotations

from typing import Generic, TypeVar
from weakref import ref

V = TypeVar("V")


class ByIdentity(Generic[V]):
    """A value for each of some objects, which are told apart by identity alone and not kept alive.

    A user's strategy may be an attrs class: such a one compares by its fields, and has no hash.
    """

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[int, tuple[ref[object], V]] = {}

    def get(self, owner: object) -> V | None:
        """Give the value of an object, None where it has none."""
        found = self._values.get(id(owner))
        return None if found is None else found[1]

    def set(self, owner: object, value: V) -> V:
        """Keep a value as long as its object lives."""
        values, key = self._values, id(owner)
        values[key] = ref(owner, lambda _: values.pop(key, None)), value
        return value

    def __len__(self) -> int:
        return len(self._values)
