"""Floor 3: one call, from the checked request to the outcome.

`call` is the only file that knows the order of the steps: credential, admission, apply, exchange, observe,
open, verdict, repeat. Decisions are the pure functions of `aiocc.protocol`; this floor does what they say. Two
orders matter. A credential comes before a slot: callers that hold slots while they wait for a token that needs
a slot of the same host would wait for ever. And calls wait in one place, admission, never inside a pool.
"""

import logging

# Whoever sets no logging up gets no lines on stderr; every error is raised or given anyway.
logging.getLogger("aiocc").addHandler(logging.NullHandler())
