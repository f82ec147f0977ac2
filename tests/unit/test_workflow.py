"""The CI workflow and tox.ini contain the same list of commands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]


def listed() -> set[str]:
    """Return the environments that ``tox run`` runs."""
    tox = ConfigParser(interpolation=None)
    tox.read(REPOSITORY / "tox.ini", encoding="utf-8")
    return set(re.split(r"[,\s]+", tox["tox"]["env_list"].strip()))


def run_by(job: Mapping[str, Any]) -> Iterator[str]:
    """Yield the environments that a job's steps run, including those of its matrix."""
    matrix = job.get("strategy", {}).get("matrix", {})
    for step in job["steps"]:
        for environments in re.findall(r"\./toxw run -e (\$\{\{.*?\}\}|\S+)", step.get("run", "")):
            chosen = re.fullmatch(r"\$\{\{ *matrix\.(\w+) *\}\}", environments)
            yield from matrix[chosen[1]] if chosen else environments.split(",")


def test_the_workflow_runs_every_environment_of_the_list() -> None:
    """CI runs every environment that ``./toxw run`` runs."""
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text(encoding="utf-8"))

    assert listed() - {each for job in workflow["jobs"].values() for each in run_by(job)} == set()
