"""Floor 4: the operations, each one file: request, result, codes, and one documented function.

A sixth operation costs such a file and one line in `aiocc.client`.
"""
