"""Makes a chart of what another one was rendered to: no template is left in it that could look at anything.

For clusters whose account must not give rights to anybody (`canaryproof.confinement`): there Helm applies what was
vetted, object by object, instead of rendering once more with all that the account may see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from canaryproof.manifests import Manifest
from canaryproof.members import read_file
from canaryproof.vetting import CHART_FILE, name_in

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
