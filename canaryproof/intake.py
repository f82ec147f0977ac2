"""Finds the charts to try in what the user named: folders, repositories, and folders of these."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from canaryproof.errors import UsageError

CHART_FILE = "Chart.yaml"
SHOWN = 5
"""How many of several charts an error names."""


@dataclass(frozen=True)
class Submission:
    """One chart to try: *name* is unique in a run, *source* is where it was found."""

    name: str
    source: str
    chart: Path
    problem: str = ""
    """Why there is no chart to try, in a class where others have one; empty when there is."""


def find_submissions(paths: Sequence[Path], *, chart_name: str = "") -> tuple[Submission, ...]:
    """Return the submissions of each path: a chart folder, a repository that holds one chart, or a folder of these.

    Where a repository holds several charts, the one that its ``Chart.yaml`` calls *chart_name* is meant.

    Raises UsageError when a path is missing, holds no chart, or several that could be meant.
    """
    found = [submission for path in paths for submission in _submissions(path, chart_name)]
    if not found:
        raise UsageError("no submissions: expected the path of a chart at least, saw none; give --submissions PATH")
    return _with_unique_names(found)


def _submissions(path: Path, chart_name: str) -> Iterator[Submission]:
    if not path.is_dir():
        seen = "it is a file" if path.exists() else "there is no such path"
        raise UsageError(f"submissions {path}: expected a folder that holds a Helm chart, but {seen}; correct the path")
    if _is_class(path):
        members = sorted(each for each in path.iterdir() if each.is_dir() and not each.name.startswith("."))
        yield from (_submission(member, chart_name) for member in members)
        return
    submission = _submission(path, chart_name)
    if submission.problem:
        raise UsageError(f"submissions {path}: {submission.problem}")
    yield submission


def _is_class(path: Path) -> bool:
    """Report whether *path* is a folder of submissions: charts in several of its folders, and no repository itself."""
    members = {chart.relative_to(path).parts[:1] for chart in _charts(path)}
    return len(members) > 1 and not (path / ".git").exists()


def _submission(path: Path, chart_name: str) -> Submission:
    charts = _charts(path)
    if len(charts) > 1:
        charts = [chart for chart in charts if _name_of(chart) == chart_name] or charts
    name, source = path.resolve().name, str(path)
    if len(charts) == 1:
        return Submission(name, source, charts[0].resolve())
    if not charts:
        problem = f"expected a Helm chart, saw no {CHART_FILE} in the folder or below it; add the chart"
    else:
        seen = ", ".join(str(chart.relative_to(path)) for chart in charts[:SHOWN])
        problem = f"expected one Helm chart, saw {len(charts)}: {seen}; keep one, or give its path"
    return Submission(name, source, path.resolve(), problem)


def _charts(path: Path) -> list[Path]:
    """Return the chart folders in *path*, sorted; what lies inside a chart belongs to it, as its subcharts do."""
    found = []
    for folder, subfolders, files in os.walk(path):
        if CHART_FILE in files:
            found.append(Path(folder))
            subfolders.clear()
        subfolders[:] = sorted(each for each in subfolders if not each.startswith("."))
    return found


def _name_of(chart: Path) -> str:
    try:
        described = yaml.safe_load((chart / CHART_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""  # Helm says later, and better, what is wrong with it
    return str(described.get("name", "")) if isinstance(described, dict) else ""


def _with_unique_names(found: Sequence[Submission]) -> tuple[Submission, ...]:
    """Number the names that occur more than once: ``chart``, ``chart-2``."""
    taken: Counter[str] = Counter()
    names = {each.name for each in found}
    unique = []
    for each in found:
        taken[each.name] += 1
        name = each.name
        while taken[each.name] > 1 and (name := f"{each.name}-{taken[each.name]}") in names:
            taken[each.name] += 1
        names.add(name)
        unique.append(replace(each, name=name))
    return tuple(unique)
