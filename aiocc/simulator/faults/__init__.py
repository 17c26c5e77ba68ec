"""Faults on demand: what goes wrong between a client and the contact centre, at the level of bytes and of meaning.

    sim.fault("reset", "create_call", count=1)             # the call is placed, and then the connection is reset
    sim.fault("reset", "create_call", effect=False)        # the same, and no call is placed
    sim.fault("bad_gateway+then_reset", p=0.1, seed=7)     # one in ten: a front end's 502, and then a reset
    sim.fault("refused", "send_note")                      # the whole gateway refuses connections

A fault is one kind of `FAULTS`, or several that strike together; faults that lie in wait for the same request strike
together as well, in the order in which they came. `sim.clear_faults()` and `sim.reset()` lift them.

    socket -> gate (faults of the connection) -> world -> the request is judged -> answer -> wire -> socket
"""

from aiocc.simulator.faults.armed import Armed, Chooser, Faults, Struck
from aiocc.simulator.faults.fault import FAULTS, Fault, parse_fault
from aiocc.simulator.faults.kind import Effect, Kind, Stage

__all__ = ["FAULTS", "Armed", "Chooser", "Effect", "Fault", "Faults", "Kind", "Stage", "Struck", "parse_fault"]
