"""What an application's tests use: the simulator, and pytest fixtures around it.

The fixtures come with the package, as a pytest plugin (see `aiocc.testing.plugin`):

    async def test_the_bot_calls_back(aicc, aicc_client):
        await my_bot(aicc_client)

        assert aicc.calls_placed == 1
"""

from aiocc.simulator import Simulator

__all__ = ["Simulator"]
