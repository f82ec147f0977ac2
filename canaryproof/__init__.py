"""canaryproof proves, on a real Kubernetes with the real Helm, that a canary release fails safely.

The public names are imported when they are first used: processes that have the standard library alone import this
package, too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from canaryproof.model.evidence import Evidence
    from canaryproof.pytest_plugin.markers import check

__all__ = ["Evidence", "check"]

_PLACES = {"Evidence": "canaryproof.model.evidence", "check": "canaryproof.pytest_plugin.markers"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
