"""Holding a request until there is something to say to it."""

from time import monotonic

import anyio
from starlette.types import Receive

from aiocc.simulator.arrival import Arrival
from aiocc.simulator.centre import Centre
from aiocc.simulator.operation import Operation

__all__ = ["hold"]

LOOK_AGAIN = 0.05
"""Seconds after which a held request looks by itself: a control call from another thread rings no bell for it."""


async def hold(centre: Centre, operation: Operation, arrival: Arrival, receive: Receive) -> bool:
    """Wait while a request is to be held; False where its client has gone meanwhile, so that nothing is taken by it."""
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        group.cancel_scope.cancel()

    began = monotonic()
    if _left(centre, operation, arrival, began) is None:
        return True
    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        while (held := _left(centre, operation, arrival, began)) is not None:
            name, left = held
            with centre.bell.listen(name) as rung, anyio.move_on_after(min(left, LOOK_AGAIN)):
                if _left(centre, operation, arrival, began) is not None:  # it may have rung in between
                    await rung.wait()
        group.cancel_scope.cancel()
    return not gone


def _left(centre: Centre, operation: Operation, arrival: Arrival, began: float) -> tuple[object, float] | None:
    """Give the bell's name and the seconds for which a request is still held; None where it is answered now."""
    with centre.lock:
        if operation.held is None or centre.plans.next(operation.name) is not None:
            return None
        held = operation.held(centre, arrival)
    if held is None:
        return None
    name, longest = held
    left = began + longest - monotonic()
    return (name, left) if left > 0 else None
