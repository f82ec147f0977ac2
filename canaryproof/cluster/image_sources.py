"""Describes the sources of the real images: their registries or a mirror, through the proxies of this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

from canaryproof.model.registries import Registries

_SCHEMES = ("http", "https")
_EXCEPT = "no"


@dataclass(frozen=True)
class Upstream:
    """The sources of image pulls."""

    mirror: str = ""
    """The URL of a registry to try first. Empty for none."""
    proxies: dict[str, str] = field(default_factory=dict, repr=False)
    """Proxy URLs by the keys ``http`` and ``https``. URLs can contain passwords.

    The key ``no`` holds the hosts to reach without a proxy.
    """
    images: tuple[str, ...] = ()
    """References of the scenario's images. Pulls from their registries are allowed."""
    registries: tuple[str, ...] = ()
    """Further allowed registries, ``HOST[:PORT]``, from the user."""

    @property
    def allowed(self) -> Registries:
        """Return the allowed registries. All others are denied."""
        return Registries.of(self.images, self.registries, self.mirror)

    @property
    def description(self) -> dict[str, Any]:
        """Return all fields as JSON-compatible values, without the credentials of the proxies."""
        proxies = {kind: url.rpartition("@")[2] for kind, url in self.proxies.items()}
        images, registries = sorted(self.images), sorted(self.registries)
        return {"mirror": self.mirror, "proxies": proxies, "images": images, "registries": registries}

    def proxy_for(self, scheme: str, host: str) -> str:
        """Return the URL of the proxy for *host*. Empty for a direct connection."""
        bypassed: bool = proxy_bypass_environment(host, {_EXCEPT: self.proxies.get(_EXCEPT, "")})
        return "" if bypassed else self.proxies.get(scheme, "")


def upstream_of(
    environment: Mapping[str, str], mirror: str = "", *, images: Iterable[str] = (), registries: Iterable[str] = ()
) -> Upstream:
    """Return the sources, with the proxies from the user's *environment*.

    The names of proxy variables can be lowercase or uppercase. Lowercase takes precedence (curl, "Environment").
    """
    named = {kind: f"{kind}_proxy" for kind in (*_SCHEMES, _EXCEPT)}
    found = {kind: environment.get(name) or environment.get(name.upper(), "") for kind, name in named.items()}
    return Upstream(mirror, {kind: value for kind, value in found.items() if value}, tuple(images), tuple(registries))
