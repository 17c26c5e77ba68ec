"""What an application's tests use: the simulator, and pytest fixtures around it.

The fixtures come with the package, as a pytest plugin (see `aiocc.testing.plugin`):

    async def test_the_bot_calls_back(aicc, aicc_client):
        await my_bot(aicc_client)

        assert aicc.calls_placed == 1

pytest imports this package at its start in every project of the environment, also where the extra `simulator`
is not installed: so nothing here is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiocc.simulator import Simulator

__all__ = ["Simulator"]


def __getattr__(name: str) -> Any:
    if name != "Simulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from aiocc.simulator import Simulator

    return Simulator
