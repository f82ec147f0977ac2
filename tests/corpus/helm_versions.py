"""Selects the mutations whose verdict can depend on the version of Helm.

Every run tries all mutations with the pinned Helm 4, and these with Helm 3. The nightly run tries the others with Helm
3 too. The kubelet, the scheduler, or the limits for submissions decide about them, and they get the same objects from
both versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from tests.corpus import aftermaths, layouts, records, traps
from tests.corpus.mutation import STABLE, STABLE_SERVICE, Mutation

THEMES: Mapping[ModuleType, str] = {
    layouts: "Helm reads the chart: its files, values, dependencies and templates",
    traps: "Helm refuses to render the chart, and canaryproof reads the message",
    aftermaths: "Helm runs hooks, keeps resources, fails and rolls back",
    records: "Helm writes release records, whose form differs",
}
"""The themes that belong to Helm, with the reason."""

REFUSED = "Helm applies the objects: Helm 3 by a patch of its own, Helm 4 on the server, so the refusals differ"
CHANGED = "Helm changes objects of the stable revision: Helm 3 by a three-way merge, Helm 4 by server-side apply"
"""The reasons of mutations in the other themes."""


def reason_for_helm_3(name: str, mutation: Mutation) -> str:
    """Return why the verdict of *mutation* can depend on the version of Helm. Empty if it cannot."""
    of_theme = next((reason for theme, reason in THEMES.items() if name in theme.MUTATIONS), "")
    if of_theme:
        return of_theme
    if "upgrade-applied" in mutation.failed:
        return REFUSED
    return CHANGED if mutation.touches & {STABLE, STABLE_SERVICE} else ""
