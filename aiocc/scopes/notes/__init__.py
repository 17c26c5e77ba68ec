"""A fan-out of notes: many notes to many agents, at a bounded pace, with an account of every receiver.

`plan` makes requests of notes, as values that can travel. `ledger` says how each request is accounted for: claimed
before a byte of it leaves, settled when its fate is known; any store that keeps this protocol will do, a file
(`journal`, loaded when it is asked for) or a server that many machines share. `run` reads the input and sends,
`report` tells how far it has come.
"""

from aiocc.scopes.notes.ledger import Job, Ledger, Settlement, Store, send
from aiocc.scopes.notes.plan import Note, NoteRequest, OnInvalid
from aiocc.scopes.notes.report import NoteOutcome, Report
from aiocc.scopes.notes.run import JournalOption, NoteRun

__all__ = [
    "Job",
    "JournalOption",
    "Ledger",
    "Note",
    "NoteOutcome",
    "NoteRequest",
    "NoteRun",
    "OnInvalid",
    "Report",
    "Settlement",
    "Store",
    "send",
]
