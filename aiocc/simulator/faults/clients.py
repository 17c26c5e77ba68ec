"""Conditions at the client's side, which no server can bring about: named so that the list of faults is whole."""

from functools import partial

from aiocc.simulator.faults.kind import Effect, Kind, Stage

__all__ = ["KINDS"]


def _nothing() -> None:
    """Never called: a fault of the client's cannot be armed."""


_client = partial(Kind, stage=Stage.CLIENT, apply=_nothing, effect=Effect.NEVER)

KINDS: tuple[Kind, ...] = (
    _client("dns_failure", "2", "The host's name cannot be resolved"),
    _client("queue_wait", "10", "No slot comes free in time"),
    _client("bad_credential", "11", "A credential holds what no header may carry"),
    _client("bad_agent_id", "12", "An agent's id would change the path"),
    _client("other_origin", "13", "A path leads to another host"),
    _client("deadline_spent", "14", "The deadline is over before the call begins"),
    _client("server_restart", "19", "Many kept-alive connections went stale at once: stop and start the simulator"),
    _client("credential_storm", "55", "A thousand calls meet a refused credential at once"),
    _client("renewal_cancelled", "57", "The first of those who wait for a credential is cancelled"),
    _client("cancelled_in_queue", "63", "A call is cancelled while it waits or connects"),
    _client("cancelled_after_send", "64", "A call is cancelled after its request left"),
    _client("closed_in_flight", "65", "The client is closed with calls on their way"),
    _client("second_loop", "66", "The client is used in a second event loop"),
    _client("fork", "67", "The process forks"),
    _client("never_closed", "68", "The client is never closed"),
    _client("other_loops", "69", "The event loop is trio's or uvloop's"),
    _client("proxy_environment", "76", "The environment names a proxy"),
)
