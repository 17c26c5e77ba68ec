"""Many agents at once, in little: the campaign is `python -m tests.campaigns sessions`."""

from __future__ import annotations

import pytest

from tests.campaigns import sessions


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_agents_whose_guids_keep_changing_lose_no_note(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is signed out, no note is refused, and each one's event is seen once; the seed is the event loop."""
    assert [] == sessions.run(seed, 1, agents=10, patience=60)
    assert "10 agents for 1 s" in capsys.readouterr().out
