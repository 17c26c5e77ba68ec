"""Floor 1: the rules, as pure functions over values.

Nothing here awaits, opens a socket or knows httpx, so that every rule can be tested with literals and
every decision can be read in one place. What is allowed to act on them is `aiocc.call`.
"""
