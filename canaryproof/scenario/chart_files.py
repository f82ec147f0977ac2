"""Checks that a chart of a scenario file exists, with its dependencies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

OCI = "oci://"
ARCHIVES = (".tgz", ".tar.gz")


def chart_problem(chart: Path) -> str:
    """Return the problem of a chart in a folder or an archive, or an empty string if no file is missing."""
    if not chart.exists():
        return f"expected the folder or the archive of a chart, but {chart} does not exist"
    if chart.is_file():
        is_archive = chart.name.endswith(ARCHIVES)
        return "" if is_archive else f"expected a chart's folder or a .tgz archive, found the file {chart}"
    if not (chart / "Chart.yaml").is_file():
        return f"expected the folder of a chart, but {chart} has no Chart.yaml"
    if missing := missing_dependencies(chart):
        return (
            f"the chart needs {', '.join(missing)}, which {chart / 'charts'} does not contain;"
            f" run helm dependency build {chart}"
        )
    return ""


def missing_dependencies(chart: Path) -> tuple[str, ...]:
    """Return the names of the charts that ``Chart.yaml`` declares and that the folder ``charts`` does not contain.

    Helm requires all of them, also those whose condition is false (``action.CheckDependencies``).
    """
    found = {name for each in (chart / "charts").glob("*") if (name := _name(each))}
    return tuple(name for name in _declared(chart) if name not in found)


def _declared(chart: Path) -> Iterator[str]:
    for file in ("Chart.yaml", "requirements.yaml"):  # the second one belongs to charts of API version 1
        declared = _content(chart / file).get("dependencies")
        for each in declared if isinstance(declared, list) else ():
            if isinstance(each, dict) and isinstance(each.get("name"), str):
                yield each["name"]


def _name(place: Path) -> str:
    """Return the name of the chart in a folder, or of the chart whose archive ``NAME-VERSION.tgz`` this is."""
    if place.is_dir():
        name = _content(place / "Chart.yaml").get("name")
        return name if isinstance(name, str) else ""
    stem, _, version = place.name.rpartition("-")
    while stem and version and not version[0].isdigit():  # the version may contain hyphens
        stem, _, version = stem.rpartition("-")
    return stem if place.name.endswith(ARCHIVES) else ""


def _content(file: Path) -> dict[str, Any]:
    """Return the map in a file. It is empty if there is none: Helm reports the fault in more detail."""
    try:
        content = yaml.safe_load(file.read_bytes())
    except (OSError, yaml.YAMLError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
