"""Defines the hosts from which images may be pulled.  This module is pure.

The proxy through which containerd of the embedded cluster pulls images applies these rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

DEFAULT_REGISTRY = "docker.io"
"""The registry of image references without a registry (Kubernetes, "Images")."""

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
"""IPv6 addresses that lead to the IPv4 address in their last 32 bits (RFC 6052)."""
_ASSIGNMENTS = IPv4Network("192.0.0.0/24")
"""A network that is not global (RFC 6890). Some versions of Python know this only for a part of it."""
_COMPATIBLE = IPv6Network("::/96")
"""Deprecated IPv6 addresses with an IPv4 address in their last 32 bits (RFC 4291, section 2.5.5.1)."""
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_TARGET = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s\[\]:/@\\?#%]+)(?::(?P<port>\d{1,5}))?")

Code = Literal["malformed", "scheme", "registry", "port", "address"]


@dataclass(frozen=True)
class Endpoint:
    """A host and a port. The host is in lower case and has no trailing dot."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return host and port in the notation of a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Refusal:
    """The reason why the proxy does not connect to a host."""

    code: Code
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        """Return the reason in one line of ASCII, because it appears in the events of a pod."""
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
    """A host to which the proxy may connect. If the user *configured* the host, its address may be private."""

    endpoint: Endpoint
    configured: bool


@dataclass(frozen=True)
class Registries:
    """The registries of a run: those of the scenario's images, those that the user adds, and the mirror."""

    images: tuple[Endpoint, ...] = ()
    added: tuple[Endpoint, ...] = ()
    mirror: Endpoint | None = None
    mirror_is_plain: bool = False
    """True if the mirror is used without TLS."""

    @classmethod
    def of(cls, images: Iterable[str] = (), added: Iterable[str] = (), mirror: str = "") -> Self:
        """Return the registries of a run.

        *images* are image references as in a pod. *added* are registries in the form ``HOST[:PORT]``. *mirror* is the
        URL of a mirror, or an empty string.

        Raises ValueError when a registry is not a valid ``HOST[:PORT]``.
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
        """Decide whether the proxy may connect to *target*, which has the form ``HOST[:PORT]``.

        *scheme* is ``https`` for a tunnel, or ``http`` for a plain request.
        """
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
        """Report whether the registry of *image* is among these registries."""
        try:
            asked = endpoint(registry_of(image))
        except ValueError:
            return True  # an invalid registry name: the image itself is at fault
        return isinstance(self.check("https", str(asked)), Grant)


def registry_of(image: str) -> str:
    """Return the registry of an image reference, in the form ``HOST[:PORT]``.

    The first part of a name is a registry if it contains a dot or a colon, or is ``localhost``
    (distribution/reference).
    """
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else DEFAULT_REGISTRY


def endpoint(text: str, port: int = HTTPS) -> Endpoint:
    """Parse ``HOST[:PORT]``. *port* is the default port.

    Raises ValueError when *text* has another form, such as a URL.
    """
    found = _TARGET.fullmatch(text)
    if not found or (found["port"] and not 0 < int(found["port"]) < 2**16):
        raise ValueError(f"{text!r} is not HOST or HOST:PORT")
    return Endpoint(_plain_name(found["host"]), int(found["port"] or port))


def is_public(address: str) -> bool:
    """Report whether an address, as returned by ``getaddrinfo``, belongs to the public internet.

    Loopback, link-local, private, shared, multicast, unspecified and reserved addresses are not public. Neither are
    IPv6 addresses that lead to such an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo).
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
        return True  # the embedded IPv4 address decides
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False  # deprecated (RFC 3879), but global for Python
    return address.is_global and not (address.is_multicast or address.is_reserved or address in _ASSIGNMENTS)


def _is_of(host: str, registry: str) -> bool:
    """Report whether *host* is *registry* itself, a subdomain of it, or one of the hosts that store its blobs."""
    return host == registry or host.endswith(f".{registry}") or host in CONTENT_HOSTS.get(registry, ())


def _plain_name(host: str) -> str:
    """Return a host in normalized form, so that hosts can be compared.

    Raises ValueError when *host* is neither a name nor an address.
    """
    name = host.lower().strip("[]").removesuffix(".")
    if ":" in name:
        return str(ip_address(name))
    if not _HOST.fullmatch(name) or ".." in name:
        raise ValueError(f"{host!r} is no host")
    return name


def archive_name(image: str) -> str:
    """Return a name for the file with an image: ``shop-1.0.tar`` for ``example/shop:1.0``."""
    return f"{image.rpartition('/')[2].replace(':', '-').replace('@', '-')}.tar"


def full_name(image: str) -> str:
    """Return an image reference with its registry and its tag or digest: ``docker.io/library/shop:latest``.

    The defaults are those of distribution/reference, which container runtimes use.
    """
    registry = registry_of(image)
    rest = image.removeprefix(f"{registry}/") if image.startswith(f"{registry}/") else image
    if registry == DEFAULT_REGISTRY and "/" not in rest.partition("@")[0]:
        rest = f"library/{rest}"
    name = f"{registry}/{rest}"
    return name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:latest"


def repository_of(image: str) -> str:
    """Return an image reference without its registry, as the path of a request to a registry has it."""
    return full_name(image).partition("/")[2]
