"""`aiocc simulate --fault`: faults by name, and what is said of a wrong one."""

from __future__ import annotations

import signal
import subprocess
import sys

import httpx

SIMULATE = [sys.executable, "-W", "error", "-m", "aiocc", "simulate", "--no-tls", "--fault"]


def test_a_named_fault_strikes() -> None:
    """A fault that is named strikes so many requests, and its strikes are told at the end."""
    command = [*SIMULATE, "bad_gateway:token:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = next(line for line in process.stdout if "FABRIC_URL" in line).partition("=")[2].strip()
        statuses = [httpx.post(f"{url}/apigovernance/api/oauth/tokenByAkSk").status_code for _ in range(2)]
        process.send_signal(signal.SIGINT)
        told = process.stdout.read()

    assert [502, 415] == statuses
    assert "bad_gateway struck 1 time\n" in told


def test_a_wrong_name_lists_all() -> None:
    """A name that is none exits with 2, guesses, and lists what there is."""
    done = subprocess.run([*SIMULATE, "rest:create_call"], capture_output=True, text=True, timeout=60)

    assert 2 == done.returncode
    assert "Did you mean reset" in done.stderr
    assert "gzip_bomb" in done.stderr
