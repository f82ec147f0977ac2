"""Where the course's real images come from: their registry, or a mirror of it, by the proxies of this machine."""

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
    """How images are pulled."""

    mirror: str = ""
    """The URL of a registry to ask first."""
    proxies: dict[str, str] = field(default_factory=dict, repr=False)
    """By scheme, ``http`` and ``https``, and under ``no`` what to reach without one; URLs may hold passwords."""
    images: tuple[str, ...] = ()
    """References of the images that the course names: their registries are asked."""
    registries: tuple[str, ...] = ()
    """Further registries, ``HOST[:PORT]``, that the user adds."""

    @property
    def allowed(self) -> Registries:
        """Return the registries that may be asked, and no others."""
        return Registries.of(self.images, self.registries, self.mirror)

    @property
    def description(self) -> dict[str, Any]:
        """Return what it consists of, without the passwords of proxies."""
        proxies = {kind: url.rpartition("@")[2] for kind, url in self.proxies.items()}
        images, registries = sorted(self.images), sorted(self.registries)
        return {"mirror": self.mirror, "proxies": proxies, "images": images, "registries": registries}

    def proxy_for(self, scheme: str, host: str) -> str:
        """Return the URL of the proxy by which *host* is reached; empty for none."""
        bypassed: bool = proxy_bypass_environment(host, {_EXCEPT: self.proxies.get(_EXCEPT, "")})
        return "" if bypassed else self.proxies.get(scheme, "")


def upstream_of(
    environment: Mapping[str, str], mirror: str = "", *, images: Iterable[str] = (), registries: Iterable[str] = ()
) -> Upstream:
    """Return what the user's *environment* says of proxies, in small letters or capitals (curl, "Environment")."""
    named = {kind: f"{kind}_proxy" for kind in (*_SCHEMES, _EXCEPT)}
    found = {kind: environment.get(name) or environment.get(name.upper(), "") for kind, name in named.items()}
    return Upstream(mirror, {kind: value for kind, value in found.items() if value}, tuple(images), tuple(registries))
