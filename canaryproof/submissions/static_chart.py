"""Creates a chart from the rendered objects of another chart. No template remains that could read from the cluster.

Such a chart is used on clusters whose account must not grant rights (:mod:`canaryproof.experiment.isolation`). There,
Helm applies exactly the vetted objects. It does not render the chart again with everything that the account may read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from canaryproof.errors import InfrastructureError
from canaryproof.model.objects import Manifest
from canaryproof.submissions.archives import read_file
from canaryproof.submissions.limits import CHART_FILE, name_in

OBJECTS = "objects.yaml"
TEMPLATE = f'{{{{ .Files.Get "{OBJECTS}" }}}}'
"""Includes the objects as a file, because Helm does not evaluate template expressions in files."""

_VERSION = re.compile(r"^version:[ \t]*[\"']?(\d+\.\d+\.\d+[\w.+-]*)", re.MULTILINE)


def freeze(chart: Path, manifests: Iterable[Manifest], folder: Path) -> Path:
    """Write *manifests*, the rendered objects of *chart*, to *folder* as a chart of the same name and version.

    Returns *folder*.
    """
    described = read_file(chart / CHART_FILE)
    version = _VERSION.search(described.decode(errors="replace"))
    head = {"apiVersion": "v2", "name": name_in(described) or chart.name, "version": version[1] if version else "0.0.0"}
    (folder / "templates").mkdir(parents=True)
    (folder / CHART_FILE).write_text(json.dumps(head), encoding="utf-8")
    (folder / "templates" / OBJECTS).write_text(TEMPLATE, encoding="utf-8")
    (folder / OBJECTS).write_text("".join(f"---\n{json.dumps(each.body)}\n" for each in manifests), encoding="utf-8")
    return folder


def require_no_rights(manifests: Iterable[Manifest]) -> None:
    """Check that the chart grants no rights to its pods, because the rollback uses the rights of the run's account.

    A pod with rights could write a Helm record between the check of the records and the rollback.

    Raises InfrastructureError with the name of the object. The chart is not at fault if the account cannot confine it.
    """
    if found := next((each for each in manifests if each.kind == "RoleBinding"), None):
        raise InfrastructureError(
            f"the account of this cluster may not upgrade as another user, which {found.key} takes:"
            " the submission cannot be tried; give the account the rights of an administrator"
        )
