"""A certificate authority of the simulator's own, and the certificates it serves with."""

import datetime as dt
import ssl
import warnings
from pathlib import Path

import trustme

__all__ = ["Identity"]

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


class Identity:
    """A private CA and a server certificate for one host; both outlive a restart of the server."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._ca = _authority()
        self.context: ssl.SSLContext = _context(self._ca, host)
        self._spoiled: dict[str, ssl.SSLContext] = {}

    def write_ca(self, path: Path) -> None:
        """Write the CA's certificate in PEM, for clients to trust."""
        self._ca.cert_pem.write_to_path(str(path))

    def spoiled(self, fault: str) -> ssl.SSLContext:
        """Give the settings of a server with a fault of `aiocc.simulator.faults.doors`; made once."""
        if fault not in self._spoiled:
            self._spoiled[fault] = self._spoil(fault)
        return self._spoiled[fault]

    def _spoil(self, fault: str) -> ssl.SSLContext:
        match fault:
            case "unknown_ca":
                return _context(_authority(), self._host)
            case "expired_certificate":
                return _context(self._ca, self._host, until=LONG_AGO)
            case "wrong_host":
                return _context(self._ca, "elsewhere.invalid", also=())
        context = _context(self._ca, self._host)
        if fault == "client_certificate":
            context.verify_mode = ssl.CERT_REQUIRED
            self._ca.configure_trust(context)
        else:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # what the old version needs
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            with warnings.catch_warnings():  # being out of date is what this is for
                warnings.simplefilter("ignore", DeprecationWarning)
                context.maximum_version = ssl.TLSVersion.TLSv1_1
        return context


def _authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)  # made in a millisecond, where RSA takes a tenth of a second


def _context(
    ca: trustme.CA, host: str, *, also: tuple[str, ...] = ("localhost",), until: dt.datetime | None = None
) -> ssl.SSLContext:
    certificate = ca.issue_cert(host, *also, key_type=trustme.KeyType.ECDSA, not_after=until)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    certificate.configure_cert(context)
    return context
