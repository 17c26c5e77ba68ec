"""What an application's tests use: the simulator, and pytest fixtures around it.

The fixtures come with the package, as a pytest plugin (see `aiocc.testing.plugin`):

    async def test_the_bot_calls_back(aicc, aicc_client):
        await my_bot(aicc_client)

        assert aicc.calls_placed == 1

Under the plugin no call reaches anything but a simulator, unless it is allowed on purpose: by `allow`, by a mark or
by a setting.

pytest imports this package at its start in every project of the environment, also where the extra `simulator`
is not installed: so nothing of it is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiocc.testing.guard import allow

if TYPE_CHECKING:
    from aiocc.simulator import Simulator
    from aiocc.testing.in_process import InProcess

__all__ = ["InProcess", "Simulator", "allow"]


def __getattr__(name: str) -> Any:
    match name:
        case "Simulator":
            from aiocc.simulator import Simulator

            return Simulator
        case "InProcess":
            from aiocc.testing.in_process import InProcess

            return InProcess
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
