"""Certificates as an administrator makes them for libvirt over TLS: an authority's, and what it
signs for a host and for its clients.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.daemon.account import User

_LIFE: Final = timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A private key, and what an authority says of it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class Authority:
    """Signs for a day."""

    def __init__(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        draft = _draft(name, name, key).add_extension(x509.BasicConstraints(True, None), True)
        certificate = draft.add_extension(_usage(signs=True), True).sign(key, hashes.SHA256())
        self._own = Pair(key, certificate)
        self._name = name

    def server(self, address: str) -> Pair:
        """For the host of that IP address."""
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        return self._signed(address, ExtendedKeyUsageOID.SERVER_AUTH, names)

    def client(self, name: str) -> Pair:
        """For a client."""
        return self._signed(name, ExtendedKeyUsageOID.CLIENT_AUTH)

    @property
    def certificate(self) -> bytes:
        """Its own, by which others trust it."""
        return self._own.certificate.public_bytes(Encoding.PEM)

    def _signed(self, name: str, purpose: x509.ObjectIdentifier, *more: x509.ExtensionType) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        draft = _draft(name, self._name, key).add_extension(
            x509.BasicConstraints(False, None), True
        )
        draft = draft.add_extension(_usage(signs=False), True)
        for extension in (x509.ExtendedKeyUsage([purpose]), *more):
            draft = draft.add_extension(extension, False)
        return Pair(key, draft.sign(self._own.key, hashes.SHA256()))


def put(
    folder: Path, kind: str, pair: Pair, trusted: Sequence[Authority], owner: User | None = None
) -> None:
    """Write cacert.pem, KINDcert.pem and KINDkey.pem, for ``owner`` or root."""
    folder.mkdir(mode=0o700)
    files = {
        "cacert.pem": b"".join(authority.certificate for authority in trusted),
        f"{kind}cert.pem": pair.certificate.public_bytes(Encoding.PEM),
        f"{kind}key.pem": pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    if owner is not None:
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner.number, owner.number)


def _draft(name: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LIFE)
        .not_valid_after(now + _LIFE)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_encipherment=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
