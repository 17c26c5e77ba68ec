"""A certificate authority of the simulator's own, and the certificate it serves with."""

import ssl
from pathlib import Path

import trustme

__all__ = ["Identity"]


class Identity:
    """A private CA and a server certificate for one host; both outlive a restart of the server."""

    def __init__(self, host: str) -> None:
        key_type = trustme.KeyType.ECDSA  # made in a millisecond, where RSA takes a tenth of a second
        self._ca = trustme.CA(key_type=key_type)
        certificate = self._ca.issue_cert(host, "localhost", key_type=key_type)
        self.context: ssl.SSLContext = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        certificate.configure_cert(self.context)

    def write_ca(self, path: Path) -> None:
        """Write the CA's certificate in PEM, for clients to trust."""
        self._ca.cert_pem.write_to_path(str(path))
