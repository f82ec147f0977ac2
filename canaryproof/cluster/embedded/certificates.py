"""Creates the cluster's credentials: a CA, the API server's serving and client certificates, a token, and a key."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ADMINISTRATOR = "canaryproof"
ADMINISTRATORS = "system:masters"
"""The group with unrestricted access to the API (RBAC, "Default roles and role bindings")."""

_LIFETIME = timedelta(days=30)
_CLOCK_SKEW = timedelta(hours=1)
_SIGNING_ONLY = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, in PEM."""

    certificate: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Certificates:
    """The credentials with which the components and their clients authenticate each other."""

    authority: str
    server: Pair
    admin: Pair
    """The client certificate that the API server presents to the kubelet."""
    token: str = field(repr=False)
    """The administrator's token. A token is only compared; a client certificate is verified again at each request."""
    service_accounts: str = field(repr=False)
    """The private key that signs the tokens of service accounts."""


def make_certificates(server_addresses: tuple[str, ...]) -> Certificates:
    """Create new credentials. The server's certificate is valid for *server_addresses* and ``localhost``."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key)
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        *(x509.IPAddress(ipaddress.ip_address(it)) for it in server_addresses),
    ]
    return Certificates(
        authority=_pem(authority),
        server=_issue(authority, authority_key, "kube-apiserver", names=names),
        admin=_issue(authority, authority_key, ADMINISTRATOR, organization=ADMINISTRATORS),
        token=secrets.token_urlsafe(),
        service_accounts=_private(ec.generate_private_key(ec.SECP256R1())),
    )


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("canaryproof")
    builder = _builder(name, name, key.public_key(), key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.add_extension(_SIGNING_ONLY, critical=True).sign(key, hashes.SHA256())


def _issue(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    common_name: str,
    *,
    organization: str = "",
    names: list[x509.GeneralName] | None = None,
) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    usage = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
    subject = _name(common_name, organization)
    builder = _builder(subject, authority.subject, key.public_key(), authority_key.public_key())
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Pair(_pem(builder.sign(authority_key, hashes.SHA256())), _private(key))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, issuer_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    """Start a certificate with the fields that RFC 5280 requires. Python 3.13 and later reject certificates without."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _name(common_name: str, organization: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode("ascii")
