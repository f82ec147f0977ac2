"""Where the course's real images come from: their registry, or a mirror of it, by the proxies of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

_SCHEMES = ("http", "https")
_EXCEPT = "no"


@dataclass(frozen=True)
class Upstream:
    """How images are pulled."""

    mirror: str = ""
    """The URL of a registry to ask first."""
    proxies: dict[str, str] = field(default_factory=dict)
    """By scheme, ``http`` and ``https``, and under ``no`` what to reach without one."""

    def proxy_for(self, scheme: str, host: str) -> str:
        """Return the URL of the proxy by which *host* is reached; empty for none."""
        bypassed: bool = proxy_bypass_environment(host, {_EXCEPT: self.proxies.get(_EXCEPT, "")})
        return "" if bypassed else self.proxies.get(scheme, "")


def upstream_of(environment: Mapping[str, str], mirror: str = "") -> Upstream:
    """Return what the user's *environment* says of proxies, in small letters or capitals (curl, "Environment")."""
    named = {kind: f"{kind}_proxy" for kind in (*_SCHEMES, _EXCEPT)}
    found = {kind: environment.get(name) or environment.get(name.upper(), "") for kind, name in named.items()}
    return Upstream(mirror, {kind: value for kind, value in found.items() if value})
