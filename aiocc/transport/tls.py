"""TLS settings, and the one `SSLContext` that is built for each of them."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable
from functools import lru_cache
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from aiocc.errors import ConfigurationError
from aiocc.protocol.checks import kind, setting
from aiocc.secret import Secret, conceal, concealing

CertificateFiles = str | tuple[str, str] | tuple[str, str, str | Secret]


def _path(value: str | PathLike[str] | None) -> str | None:
    return fspath(value) if isinstance(value, PathLike) else value


def _hidden(files: CertificateFiles | None) -> CertificateFiles | None:
    if not isinstance(files, tuple) or len(files) != 3 or not isinstance(files[2], str):
        return files
    return files[0], files[1], Secret(files[2])


def _file(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not _is_file_name(value):
        raise ConfigurationError(f"{attribute.name} must be the name of a file or None, not {kind(value)}")


def _files(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    parts = value if isinstance(value, tuple) else (value,)
    if value is None or (
        len(parts) in (1, 2, 3)
        and (len(parts) > 1 or not isinstance(value, tuple))
        and all(map(_is_file_name, parts[:2]))
        and all(isinstance(password, Secret) for password in parts[2:])
    ):
        return
    raise ConfigurationError(
        f"{attribute.name} must be the name of a file, (certificate, key), (certificate, key, password) or None, "
        f"not {kind(value) if not isinstance(value, tuple) else 'another tuple'}"
    )


def _is_file_name(value: object) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value


def _name(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value or value.startswith(".")):
        raise ConfigurationError(f"{attribute.name} must be the name of a host or None, not {kind(value)}")


@concealing
@frozen(kw_only=True)
class TLS:
    """How a host proves who it is. TLS 1.2 or newer, always verified unless told otherwise.

    Attributes:
        ca_file: PEM file of an authority to trust besides the system's (which SSL_CERT_FILE and SSL_CERT_DIR
            replace, as everywhere in OpenSSL).
        client_cert: PEM file of a client certificate with its key, or (certificate, key), or these and the
            key's password.
        server_name: The name in the host's certificate, where that is not the host of the URL.
        insecure_no_verify: Trust anyone. For a laboratory; warns.

    Raises:
        ConfigurationError: A field is of another kind. Files are read when the first connection is made.
    """

    ca_file: str | None = field(default=None, converter=_path, validator=_file)
    client_cert: CertificateFiles | None = field(
        default=None, converter=_hidden, validator=_files, repr=lambda value: "None" if value is None else "***"
    )
    server_name: str | None = field(default=None, validator=_name)
    insecure_no_verify: bool = field(default=False, validator=setting(bool))


@lru_cache(maxsize=64)
def ssl_context(tls: TLS) -> ssl.SSLContext:
    """Build the context of these settings; built once, since that takes some 50 ms, and shared.

    Raises:
        ConfigurationError: A file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    if tls.ca_file is not None:
        _load_authority(context, tls.ca_file)
    if tls.client_cert is not None:
        _load_client_certificate(context, tls.client_cert)
    if tls.insecure_no_verify:
        warnings.warn(
            "TLS(insecure_no_verify=True): anyone on the way can read and change every call",
            stacklevel=2,
        )
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_authority(context: ssl.SSLContext, file: str) -> None:
    if not Path(file).is_file():
        raise ConfigurationError(f"ca_file: there is no file {file!r}")
    try:
        context.load_verify_locations(cafile=file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError(f"ca_file: {file!r} holds no certificate in PEM ({type(error).__name__})") from None


def _password(password: str | Secret | None) -> str | Callable[[], str]:
    """Give a key's password; for one that has none OpenSSL would ask at the terminal."""
    if password is None:
        return lambda: ""
    return password.reveal() if isinstance(password, Secret) else password


@conceal
def _load_client_certificate(context: ssl.SSLContext, files: CertificateFiles) -> None:
    certificate, key, password = (*((files,) if isinstance(files, str) else files), None, None)[:3]
    try:
        context.load_cert_chain(certificate, key, _password(password))
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError(
            f"client_cert: {certificate!r} and its key could not be loaded ({type(error).__name__})"
        ) from None
