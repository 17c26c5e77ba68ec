"""What a command's exit code says: what is known of delivery.

| code | meaning |
|---|---|
| 0 | done: the service took it, or the question was answered |
| 1 | a check failed (`doctor`, `demo`) |
| 2 | wrong usage, or an argument outside its limit; nothing was sent |
| 3 | the configuration cannot work; nothing was sent |
| 4 | not sent: repeating is safe |
| 5 | rejected: the service answered that it refused |
| 6 | unknown: it may have happened; do not simply repeat |
| 7 | done, but the answer's payload could not be read |
| 130 | interrupted (Ctrl-C or SIGTERM); what is known stands on stderr |
| 141 | whoever read the output went away (`| head`) |
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from aiocc.delivery import Delivery

OK: Final = 0
CHECK_FAILED: Final = 1
USAGE: Final = 2
CONFIGURATION: Final = 3
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141

BY_DELIVERY: Final = {Delivery.NOT_SENT: 4, Delivery.REJECTED: 5, Delivery.UNKNOWN: 6, Delivery.ACCEPTED: 7}
"""For a call that did not simply succeed."""

HELP: Final = (
    "Exit codes: 0 done; 1 a check failed; 2 wrong usage; 3 wrong configuration; 4 not sent, repeating is safe; "
    "5 rejected; 6 unknown, it may have happened; 7 done, payload unreadable; 130 interrupted; 141 broken pipe."
)


def of_many(deliveries: Collection[Delivery]) -> int:
    """Give the code for a run of many requests: the gravest of what is not accepted."""
    for delivery in (Delivery.UNKNOWN, Delivery.REJECTED, Delivery.NOT_SENT):
        if delivery in deliveries:
            return BY_DELIVERY[delivery]
    return OK
