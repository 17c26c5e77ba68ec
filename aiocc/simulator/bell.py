"""Waking the requests that the centre holds until there is something to say."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

__all__ = ["Bell"]


class Bell:
    """Wakes those who wait for a name. A ring from another thread is not heard: who waits looks again by itself."""

    def __init__(self) -> None:
        self._waiting: dict[object, set[tuple[int, anyio.Event]]] = {}

    @contextmanager
    def listen(self, name: object) -> Iterator[anyio.Event]:
        """Wait for a name with the event that this gives."""
        entry = (threading.get_ident(), anyio.Event())
        self._waiting.setdefault(name, set()).add(entry)
        try:
            yield entry[1]
        finally:
            waiting = self._waiting.get(name, set())
            waiting.discard(entry)
            if not waiting:
                self._waiting.pop(name, None)

    def ring(self, name: object) -> None:
        """Wake everyone who waits for a name."""
        for thread, event in tuple(self._waiting.get(name, ())):
            if thread == threading.get_ident():
                event.set()
