"""Certificates for 127.0.0.1, made for a test."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def write_certificate(
    folder: Path, name: str = "s3.example.org", password: bytes | None = None
) -> dict[str, str]:
    """Writes cert.pem and key.pem, and returns what the configuration has for ``tls``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    paths = {"certificate": folder / "cert.pem", "key": folder / "key.pem"}
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    for path, content in (
        (paths["certificate"], certificate.public_bytes(pem)),
        (paths["key"], key.private_bytes(pem, pkcs8, encryption)),
    ):
        # In one step, as certbot does: no new connection finds half a file.
        (folder / "new").write_bytes(content)
        (folder / "new").rename(path)
    return {name: str(path) for name, path in paths.items()}
