"""Tests of the simulator alone: raw HTTP against it, nothing of aiocc's client."""
