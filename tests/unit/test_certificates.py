"""The certificates of a cluster are valid only for that cluster and its addresses."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.certificates import Certificates, Pair, make_certificates


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """The certificates of one cluster."""
    return make_certificates(("127.0.0.1", "10.96.0.1"))


def test_client_and_server_trust_each_other(certificates: Certificates, tmp_path: Path) -> None:
    """Client and server accept each other's certificate under strict verification."""
    server = _context(ssl.Purpose.CLIENT_AUTH, certificates, certificates.server, tmp_path)
    client = _context(ssl.Purpose.SERVER_AUTH, certificates, certificates.admin, tmp_path)

    assert _handshake(server, client, "127.0.0.1") == {
        "organizationName": "system:masters",
        "commonName": "canaryproof",
    }


def test_another_address_is_not_trusted(certificates: Certificates, tmp_path: Path) -> None:
    """A client rejects the server certificate for an address that it does not name."""
    server = _context(ssl.Purpose.CLIENT_AUTH, certificates, certificates.server, tmp_path)
    client = _context(ssl.Purpose.SERVER_AUTH, certificates, certificates.admin, tmp_path)

    with pytest.raises(ssl.SSLCertVerificationError, match=r"not valid for '10\.0\.0\.1'"):
        _handshake(server, client, "10.0.0.1")


def test_another_clusters_administrator_is_not_trusted(certificates: Certificates, tmp_path: Path) -> None:
    """A cluster rejects the administrator's certificate of another cluster."""
    stranger = make_certificates(("127.0.0.1",))
    server = _context(ssl.Purpose.CLIENT_AUTH, certificates, certificates.server, tmp_path)
    client = _context(ssl.Purpose.SERVER_AUTH, stranger, stranger.admin, tmp_path)

    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(server, client, "127.0.0.1")


def _context(purpose: ssl.Purpose, trusted: Certificates, own: Pair, folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(purpose, cadata=trusted.authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # Python's default since 3.13
    context.verify_mode = ssl.CERT_REQUIRED
    file = folder / "pair.pem"
    file.write_text(own.certificate + own.key, encoding="ascii")
    context.load_cert_chain(file)
    return context


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> dict[str, str]:
    """Return the subject of the client's certificate as the server receives it."""
    ours, theirs = socket.socketpair()
    seen: list[dict[str, str]] = []
    thread = threading.Thread(target=_serve, args=(server, theirs, seen))
    thread.start()
    try:
        with ours, client.wrap_socket(ours, server_hostname=name) as connection:
            connection.recv(1)
    finally:
        thread.join()
    return seen[0]


def _serve(context: ssl.SSLContext, connection: socket.socket, seen: list[dict[str, str]]) -> None:
    with connection:
        try:
            accepted = context.wrap_socket(connection, server_side=True)
        except (ssl.SSLError, OSError):
            return  # the test examines the refusal on the client's side
        with accepted:
            subject = (accepted.getpeercert() or {})["subject"]
            seen.append(dict(entry for group in subject for entry in group))  # type: ignore[misc]  # typeshed is vague here
            accepted.send(b".")
