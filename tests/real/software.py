"""Puts the charts and images that the scenarios need beside the scenario files."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from canaryproof.system.process import run
from canaryproof.system.progress import Progress
from canaryproof.timeouts import TimeLimits
from tests.kind.packages import unpacked_package
from tests.real import images
from tests.real.go_modules import Modules, go_modules

SCENARIOS = Path(__file__).parent / "scenarios"
CHARTS = {
    "podinfo": ("podinfo", "charts/podinfo"),
    "emissary": ("emissary", "charts/emissary-ingress"),
    "flagger-podinfo": ("flagger", "charts/podinfo"),
    "loki-canary": ("grafana", "charts/loki-canary"),
    "alertmanager": ("prometheus", "charts/alertmanager"),
    "prometheus-node-exporter": ("prometheus", "charts/prometheus-node-exporter"),
    "nginx": ("bitnami", "bitnami/nginx"),
    "vault": ("vault", ""),
}
"""The module and the folder of each chart."""
EMISSARY = {"version": "3.9.1", "chartVersion": "8.9.1", "imageRepo": "emissary"}


def provide_software(place: Path, cache: Path, helms: dict[str, Path], progress: Progress) -> None:
    """Copy the scenario files to *place*, which must not exist, with the charts and images that they name.

    *helms* has the version of Helm that creates a chart, by the name of the folder for it.
    """
    shutil.copytree(SCENARIOS, place)
    with go_modules(cache, progress) as modules:
        _copy_charts(place, modules)
        images.podinfo(modules.podinfo(cache), modules.folder("podinfo")).write(["podinfo:1"], place / "podinfo.tar")
    busybox = unpacked_package("busybox-static", cache, progress).path("bin/busybox")
    images.shell(busybox).write(["shell:1"], place / "shell.tar")
    for name, helm in helms.items():
        shutil.copytree(place / "created", place / name)
        run([str(helm), "create", "shop"], timeout=TimeLimits().command, cwd=place / name)


def _copy_charts(place: Path, modules: Modules) -> None:
    for name, (module, folder) in CHARTS.items():
        _copy(modules.folder(module) / folder, place / "charts" / name)
    _fill_in(place / "charts" / "emissary")
    _copy(modules.folder("bitnami") / "bitnami" / "common", place / "charts" / "nginx" / "charts" / "common")
    shutil.copytree(place / "charts" / "podinfo", place / "umbrella" / "charts" / "podinfo")


def _copy(source: Path, target: Path) -> None:
    """Copy a folder of Go's module cache, whose files and folders are read-only."""
    for file in sorted(each for each in source.rglob("*") if each.is_file()):
        copied = target / file.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copied)


def _fill_in(chart: Path) -> None:
    """Write the files of Emissary's chart that its release script makes from ``*.in``."""
    for name in ("Chart.yaml", "values.yaml"):
        text = (chart / f"{name}.in").read_text(encoding="utf-8")
        (chart / name).write_text(re.sub(r"@(\w+)@", lambda found: EMISSARY[found[1]], text), encoding="utf-8")
