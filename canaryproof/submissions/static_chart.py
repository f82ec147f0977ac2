"""Makes a chart of what another one was rendered to: no template is left in it that could look at anything.

For clusters whose account must not give rights to anybody (:mod:`canaryproof.experiment.isolation`): there Helm
applies what was vetted, object by object, instead of rendering once more with all that the account may see.
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
"""Files are not templates, whatever is in them."""

_VERSION = re.compile(r"^version:[ \t]*[\"']?(\d+\.\d+\.\d+[\w.+-]*)", re.MULTILINE)


def freeze(chart: Path, manifests: Iterable[Manifest], folder: Path) -> Path:
    """Write what *chart* was rendered to as a chart of the same name and version to *folder*, and return that."""
    described = read_file(chart / CHART_FILE)
    version = _VERSION.search(described.decode(errors="replace"))
    head = {"apiVersion": "v2", "name": name_in(described) or chart.name, "version": version[1] if version else "0.0.0"}
    (folder / "templates").mkdir(parents=True)
    (folder / CHART_FILE).write_text(json.dumps(head), encoding="utf-8")
    (folder / "templates" / OBJECTS).write_text(TEMPLATE, encoding="utf-8")
    (folder / OBJECTS).write_text("".join(f"---\n{json.dumps(each.body)}\n" for each in manifests), encoding="utf-8")
    return folder


def require_no_rights(manifests: Iterable[Manifest]) -> None:
    """Require that no pod of the chart gets rights: the rollback is made with those of the run's own account.

    Such a pod could write a record of Helm between the check of the records and the rollback.

    Raises InfrastructureError that names the object: that the account cannot confine it is no fault of the chart.
    """
    if found := next((each for each in manifests if each.kind == "RoleBinding"), None):
        raise InfrastructureError(
            f"the account of this cluster may not upgrade as another user, which {found.key} takes:"
            " the submission cannot be tried; give the account the rights of an administrator"
        )
