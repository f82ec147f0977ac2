"""Which hosts images are pulled from: the rules of the proxy that containerd of the embedded cluster asks; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

DEFAULT_REGISTRY = "docker.io"
"""The registry of images that name none (Kubernetes, "Images")."""

CONTENT_HOSTS: Mapping[str, tuple[str, ...]] = {
    DEFAULT_REGISTRY: (
        "production.cloudflare.docker.com",
        "production.cloudfront.docker.com",
        "docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com",
    )
}
"""Hosts outside of a registry's own domain to which it redirects requests for blobs (Docker, "Allowlist for Docker
Desktop", the entries "Docker Pull/Push")."""

HTTPS = 443
HTTP = 80
_NAT64 = IPv6Network("64:ff9b::/96")
"""Addresses that lead to the IPv4 address in their last 32 bits (RFC 6052)."""
_ASSIGNMENTS = IPv4Network("192.0.0.0/24")
"""Not global as a whole (RFC 6890), which Python knows of a part of it in some versions."""
_COMPATIBLE = IPv6Network("::/96")
"""The same, deprecated (RFC 4291, section 2.5.5.1)."""
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_TARGET = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s\[\]:/@\\?#%]+)(?::(?P<port>\d{1,5}))?")

Code = Literal["malformed", "scheme", "registry", "port", "address"]


@dataclass(frozen=True)
class Endpoint:
    """A host, in small letters and without the dot of a root, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Refusal:
    """Why the proxy does not connect to a host."""

    code: Code
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        """Say it in one line of ASCII, which ends up in the events of a pod."""
        return {
            "malformed": "the request names no host and port",
            "scheme": f"plain HTTP to {self.host}: only the mirror is asked without TLS",
            "registry": f"{self.host} is not a registry of this run; --image-registry {self.host} adds it",
            "port": f"port {self.port} of {self.host}: registries are asked on port {HTTPS};"
            f" --image-registry {self.host}:{self.port} adds another",
            "address": f"{self.host} has an address that is not public; --image-registry {self.host} allows it",
        }[self.code]


@dataclass(frozen=True)
class Grant:
    """A host that may be asked; *configured* says that the user named it, so that its address may be private."""

    endpoint: Endpoint
    configured: bool


@dataclass(frozen=True)
class Registries:
    """The registries of a run: those of the images that a course names, those that the user adds, and the mirror."""

    images: tuple[Endpoint, ...] = ()
    added: tuple[Endpoint, ...] = ()
    mirror: Endpoint | None = None
    mirror_is_plain: bool = False
    """Whether the mirror is asked without TLS."""

    @classmethod
    def of(cls, images: Iterable[str] = (), added: Iterable[str] = (), mirror: str = "") -> Self:
        """Return the registries of *images*, references as a pod has them, of *added*, ``HOST[:PORT]``, and a mirror.

        Raises ValueError when one of *added* is no host.
        """
        url = urlsplit(mirror)
        plain = url.scheme == "http"
        return cls(
            tuple(dict.fromkeys(endpoint(registry_of(image)) for image in images)),
            tuple(dict.fromkeys(endpoint(each) for each in added)),
            Endpoint(_plain_name(url.hostname), url.port or (HTTP if plain else HTTPS)) if url.hostname else None,
            plain,
        )

    def check(self, scheme: str, target: str) -> Grant | Refusal:
        """Return whether *target*, ``HOST[:PORT]``, may be asked: ``https`` through a tunnel, ``http`` by a request."""
        try:
            asked = endpoint(target, HTTP if scheme == "http" else HTTPS)
        except ValueError:
            return Refusal("malformed")
        if asked == self.mirror and self.mirror_is_plain == (scheme == "http"):
            return Grant(asked, configured=True)
        if asked in self.added and scheme == "https":
            return Grant(asked, configured=True)
        code = self._refused(scheme, asked)
        return Refusal(code, asked.host, asked.port) if code else Grant(asked, configured=False)

    def _refused(self, scheme: str, asked: Endpoint) -> Code | None:
        if scheme == "http":
            return "scheme"
        if not any(_is_of(asked.host, each.host) for each in (*self.images, *self.added)):
            return "registry"
        return None if asked.port == HTTPS or asked in self.images else "port"

    def has(self, image: str) -> bool:
        """Report whether the registry of *image* is one of these."""
        try:
            asked = endpoint(registry_of(image))
        except ValueError:
            return True  # no name of a registry: what becomes of it is the image's own fault
        return isinstance(self.check("https", str(asked)), Grant)


def registry_of(image: str) -> str:
    """Return the registry in a reference, ``HOST[:PORT]``.

    The first part of a name is a registry if it has a dot or a colon, or is ``localhost`` (distribution/reference).
    """
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else DEFAULT_REGISTRY


def endpoint(text: str, port: int = HTTPS) -> Endpoint:
    """Read ``HOST[:PORT]``.

    Raises ValueError when it is something else, a URL for example.
    """
    found = _TARGET.fullmatch(text)
    if not found or (found["port"] and not 0 < int(found["port"]) < 2**16):
        raise ValueError(f"{text!r} is not HOST or HOST:PORT")
    return Endpoint(_plain_name(found["host"]), int(found["port"] or port))


def is_public(address: str) -> bool:
    """Report whether an address, as ``getaddrinfo`` returns it, is one of the public internet.

    Loopback, link-local, private, shared, multicast, unspecified and reserved addresses are not; nor are IPv6 addresses
    that lead to such an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo).
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_is_global(each) for each in (found, *_embedded(found)))


def _embedded(address: IPv4Address | IPv6Address) -> Sequence[IPv4Address]:
    if isinstance(address, IPv4Address):
        return ()
    last = [IPv4Address(int(address) & 0xFFFF_FFFF)] if address in _NAT64 or address in _COMPATIBLE else []
    return [*filter(None, (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))), *last]


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address in _NAT64):
        return True  # the address in it decides
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False  # deprecated (RFC 3879), and for Python a part of the internet
    return address.is_global and not (address.is_multicast or address.is_reserved or address in _ASSIGNMENTS)


def _is_of(host: str, registry: str) -> bool:
    """Report whether *host* is a registry, below its domain, or one of the hosts that hold its blobs."""
    return host == registry or host.endswith(f".{registry}") or host in CONTENT_HOSTS.get(registry, ())


def _plain_name(host: str) -> str:
    """Return a host in the one form that hosts are compared in.

    Raises ValueError when it is no name and no address.
    """
    name = host.lower().strip("[]").removesuffix(".")
    if ":" in name:
        return str(ip_address(name))
    if not _HOST.fullmatch(name) or ".." in name:
        raise ValueError(f"{host!r} is no host")
    return name
