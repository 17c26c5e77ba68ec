"""Faults of a connection, from its first packet on: what no HTTP server can do. See `aiocc.simulator.gate`."""

from functools import partial

from aiocc.simulator.faults.kind import Effect, Kind, Stage, kind_of

__all__ = ["ALERTS", "CLOSED", "KINDS", "PROXIED", "SECURE"]

_door = partial(kind_of, Stage.DOOR, effect=Effect.NEVER)
_proxied = partial(kind_of, Stage.DOOR, effect=Effect.AS_EVER)


@_door("1")
def refused() -> None:
    """Connections are refused."""


@_door("3")
def blackhole() -> None:
    """Nothing answers to the first packet of a connection (on Linux)."""


@_door("4")
def unknown_ca() -> None:
    """The certificate is of an authority that nobody knows."""


@_door("5")
def expired_certificate() -> None:
    """The certificate has expired."""


@_door("6")
def wrong_host() -> None:
    """The certificate names another host."""


@_door("6a")
def client_certificate() -> None:
    """The service wants a certificate of the client."""


@_door("7")
def old_tls() -> None:
    """The service speaks nothing newer than TLS 1.1."""


@_door("8")
def plain_http() -> None:
    """A server without TLS answers the handshake with a 400."""


@_door("8")
def hung_handshake() -> None:
    """Nothing answers to the TLS handshake, or to anything else."""


@_door("9")
def reset_in_handshake() -> None:
    """The connection is reset at the first bytes of the TLS handshake."""


@_door("15")
def reset_at_accept() -> None:
    """The connection is reset when the first bytes of a request come, none of which is read."""


@_proxied("23", at=200)
def bytes_cut(at: int) -> None:
    """A proxy between the two closes the connection after `at` bytes of what the service sends, TLS's included."""


@_proxied("16", at=200)
def bytes_reset(at: int) -> None:
    """A proxy between the two resets the connection after `at` bytes of what the service sends, TLS's included."""


@_proxied("20", at=200)
def bytes_stall(at: int) -> None:
    """A proxy between the two passes on nothing more after `at` bytes of what the service sends, TLS's included."""


@_proxied("16", at=200)
def request_cut(at: int) -> None:
    """A proxy between the two resets the connection after `at` bytes of what the client sends, TLS's included."""


@_proxied("22", size=1)
def small_pieces(size: int) -> None:
    """A proxy between the two passes on what the service sends in pieces of `size` bytes."""


KINDS: tuple[Kind, ...] = tuple(value for value in tuple(globals().values()) if isinstance(value, Kind))
CLOSED = frozenset({"refused", "blackhole"})
"""They last until they are lifted: nothing arrives that could be counted."""
SECURE = frozenset({"unknown_ca", "expired_certificate", "wrong_host", "client_certificate", "old_tls", "plain_http"})
"""They take a simulator with TLS."""
ALERTS = frozenset({"client_certificate", "old_tls"})
"""They fail in the handshake at the server's side."""
PROXIED = frozenset({"bytes_cut", "bytes_reset", "bytes_stall", "request_cut", "small_pieces"})
