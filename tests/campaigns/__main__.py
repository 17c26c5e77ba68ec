"""Run a campaign: `python -m tests.campaigns NAME --seed A --count N`; a range of seeds goes on where another ended."""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings

NAMES = ("reader", "hypothesis", "sockets", "cancel", "stale", "kills", "faults", "sessions", "queue", "mutants")


def main() -> int:
    """Run one campaign; 1 when it found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, help="how many; the campaign's own figure without it")
    chosen = parser.parse_args()
    warnings.simplefilter("error")
    campaign = importlib.import_module(f"tests.campaigns.{chosen.name}")
    found = campaign.run(chosen.seed, campaign.DEFAULT if chosen.count is None else chosen.count)
    for one in found:
        sys.stdout.write(f"FOUND {one}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
