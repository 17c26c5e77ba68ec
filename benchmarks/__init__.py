"""What a call costs, beside others: `python -m benchmarks`, from the repository's root.

The server is another process on another core, answering what CC-Gateway answers to a note; each contender is a
process of its own on one core, and they take turns in short rounds, so that what disturbs the machine disturbs
all. Figures are medians over the rounds, ratios are taken within a round.
"""
