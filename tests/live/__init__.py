"""Tests of the client over real sockets; the simulator's ledger, or what a scripted server received, is the judge."""
