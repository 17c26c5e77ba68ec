"""What tests of the transport share: one authority, since a key takes time to make, and what is not there."""

from __future__ import annotations

import gc
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from aiocc.transport import TLS


class Authority:
    """A certificate authority, its file, and contexts of servers it vouches for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self.file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.file)

    @property
    def tls(self) -> TLS:
        """Settings of a client that trusts it."""
        return TLS(ca_file=self.file)

    def context(self, *hosts: str) -> ssl.SSLContext:
        """Give the context of a server with a certificate of these hosts, 127.0.0.1 without any."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.ca.issue_cert(*(hosts or ("127.0.0.1",)), key_type=trustme.KeyType.ECDSA).configure_cert(context)
        return context

    def client_file(self, name: str) -> str:
        """Give the file of a client's certificate and key."""
        path = self.folder / f"{name}.pem"
        self.ca.issue_cert(name, key_type=trustme.KeyType.ECDSA).private_key_and_cert_chain_pem.write_to_path(path)
        return str(path)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give the authority of this run."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def dead_port() -> int:
    """Give a port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def abandoned() -> Iterator[None]:
    """Collect what a test leaves in a loop that has ended: Python warns of its sockets, and of no other test's."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
