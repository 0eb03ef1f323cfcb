"""Certificates of the local platform: an authority of its own, and one leaf for each environment.

Keys are EC P-256 and never leave this directory, which only its owner can read. The caller holds the balancer's lock:
nothing here guards against a second writer. A PEM file for HAProxy is the leaf's certificate, then its key.
Source: RFC 5280; HAProxy 2.8 configuration manual, `crt`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from plantroom.kernel.errors import PlatformError

_AUTHORITY_LIFE = timedelta(days=3650)
_LEAF_LIFE = timedelta(days=90)
_RENEW_BEFORE = timedelta(days=30)
"""A third of a leaf's life, so that one missed renewal is noticed before clients do."""
_SKEW = timedelta(minutes=5)
"""Leaves hold from a little earlier, for clients whose clocks are behind."""


class Authority:
    """Files `authority.pem` (for clients to trust) and `authority.key` (mode 0600) in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.certificate = directory / "authority.pem"
        self._key = directory / "authority.key"

    def ensure(self, at: datetime) -> None:
        """Make the authority, unless it is there. The certificate is written last: with it, all is there."""
        if self.certificate.exists():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Plantroom local authority")
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at - _SKEW)
            .not_valid_after(at + _AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(identifier, critical=False)
            .sign(key, hashes.SHA256())
        )
        write_private(self._key, _key_pem(key))
        write_private(self.certificate, certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, path: Path, hosts: Sequence[str], at: datetime) -> None:
        """Write a new leaf with a new key for these host names to `path`, whole or not at all."""
        issuer, issuer_key = self._load()
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (
            x509.CertificateBuilder()
            .subject_name(_name("Plantroom local"))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at - _SKEW)
            .not_valid_after(at + _LEAF_LIFE)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
            .sign(issuer_key, hashes.SHA256())
        )
        write_private(path, leaf.public_bytes(serialization.Encoding.PEM) + _key_pem(key))

    def ensure_leaf(self, path: Path, hosts: Sequence[str], at: datetime) -> None:
        """Issue a leaf, unless the one at `path` is for just these host names and has a month to live."""
        if not path.exists() or self.due(path, hosts, at):
            self.issue(path, hosts, at)

    def due(self, path: Path, hosts: Sequence[str], at: datetime) -> bool:
        """Whether the leaf at `path` is for other host names, or has less than a month to live."""
        leaf = x509.load_pem_x509_certificate(path.read_bytes())
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        fits = set(names.get_values_for_type(x509.DNSName)) == set(hosts)
        return not fits or leaf.not_valid_after_utc <= at + _RENEW_BEFORE

    def _load(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        key = serialization.load_pem_private_key(self._key.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise PlatformError("PR405", "the local authority", value="its key is not an EC key")
        return certificate, key


def serial(path: Path) -> str:
    """The serial number in upper-case hexadecimal, as HAProxy shows it."""
    number = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
    text = f"{number:X}"
    return text if len(text) % 2 == 0 else f"0{text}"


def write_private(path: Path, data: bytes) -> None:
    """Replace the file, whole or not at all, readable by its owner only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    temporary.replace(path)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
