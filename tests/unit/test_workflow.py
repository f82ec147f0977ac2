"""The workflows, the GitHub Action, tox.ini and the programs beside the workflows agree with each other."""

from __future__ import annotations

import base64
import json
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from canaryproof.cli.command_line import parser_of
from canaryproof.cli.subcommands import COMMANDS
from tests.workflows.__main__ import ACTION, shell_steps, workflows

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "docs" / "examples"
HASH = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v[\d.]+")
"""A reference to an action by its commit, with the version for readers."""


def tox() -> ConfigParser:
    """Return the content of tox.ini."""
    parser = ConfigParser(interpolation=None)
    parser.read(REPOSITORY / "tox.ini", encoding="utf-8")
    return parser


def listed() -> set[str]:
    """Return the environments that ``tox run`` runs."""
    return set(re.split(r"[,\s]+", tox()["tox"]["env_list"].strip()))


def nightly() -> set[str]:
    """Return the environments that ``tox run -e nightly`` runs."""
    return set(tox()["testenv:nightly"]["commands"].removeprefix("tox run -e ").split(","))


def loaded(file: Path) -> dict[str, Any]:
    """Return the content of a YAML file."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def run_by(job: Mapping[str, Any]) -> Iterator[str]:
    """Yield the environments that a job's steps run, including those of its matrix."""
    matrix = job.get("strategy", {}).get("matrix", {})
    for step in job["steps"]:
        for environments in re.findall(r"\./toxw run -e (\$\{\{.*?\}\}|\S+)", step.get("run", "")):
            named = step.get("env", {}).get(environments.strip('"$'), environments)
            chosen = re.fullmatch(r"\$\{\{ *matrix\.(\w+) *\}\}", named)
            yield from matrix[chosen[1]] if chosen else environments.split(",")


def run_in(workflow: str) -> set[str]:
    """Return the environments that a workflow runs."""
    jobs = loaded(REPOSITORY / ".github/workflows" / workflow)["jobs"]
    return {each for job in jobs.values() for each in run_by(job)}


def test_the_workflow_runs_every_environment_of_the_list() -> None:
    """CI runs every environment that ``./toxw run`` runs."""
    assert listed() - run_in("ci.yml") == set()


def test_toxw_runs_every_environment_of_the_list(tmp_path: Path) -> None:
    """``./toxw run`` runs two labels of tox, which together are the list. A failure of the first decides the code."""
    labels = dict(re.findall(r"(\w+) = (.*)", tox()["tox"]["labels"]))
    assert set(", ".join(labels.values()).split(", ")) == listed()
    shutil.copy(REPOSITORY / "toxw", tmp_path)
    (tmp_path / ".tox" / "bootstrap").mkdir(parents=True)
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\necho "$@" >> calls\ncase "$*" in *quick) exit 3;; *) exit 1;; esac\n')
    python.chmod(0o755)

    done = subprocess.run([str(tmp_path / "toxw"), "run"], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)

    assert (tmp_path / "calls").read_text().splitlines() == ["-m tox run-parallel -m quick", "-m tox run -m clusters"]
    assert done.returncode == 3


def test_the_nightly_workflow_runs_the_nightly_environments() -> None:
    """The nightly workflow and ``./toxw run -e nightly`` run the same environments. None of them is in the list."""
    assert nightly() == run_in("nightly.yml")
    assert nightly() & listed() == set()


def test_every_environment_with_tests_is_in_the_list_or_nightly() -> None:
    """Every environment belongs to the list or to the nightly run, or only makes files."""
    every = {each.removeprefix("testenv:") for each in tox().sections() if each.startswith("testenv:")}
    makes_files = {"hashes", "dist", "wheel"}

    assert every - makes_files == listed() | nightly() | {"nightly"}


@pytest.mark.parametrize("file", [*workflows(), ACTION], ids=lambda each: each.name)
def test_actions_of_others_are_pinned_by_commit(file: Path) -> None:
    """Every action of others is pinned by its commit. GitHub Classroom's reporter and this action are examples."""
    lines = [each.strip(" -") for each in file.read_text(encoding="utf-8").splitlines() if "uses: " in each]
    unpinned = [each for each in lines if not HASH.fullmatch(each)]

    assert lines
    assert [each for each in unpinned if not re.match(r"uses: (OWNER/canaryproof|classroom-resources/)", each)] == []


@pytest.mark.parametrize("file", sorted(REPOSITORY.glob(".github/workflows/*.yml")), ids=lambda each: each.name)
def test_jobs_have_only_the_permissions_that_they_name(file: Path) -> None:
    """A workflow grants no permission, and each of its jobs names those that it needs."""
    workflow = loaded(file)

    assert workflow["permissions"] == {}
    assert all(job["permissions"] for job in workflow["jobs"].values())


def test_only_the_jobs_that_publish_can_write() -> None:
    """In the release workflow, no job that runs code of this repository or its dependencies can write anything."""
    jobs = loaded(REPOSITORY / ".github/workflows/release.yml")["jobs"]
    writers = {name for name, job in jobs.items() if "write" in job["permissions"].values()}

    assert writers == {"attest", "publish", "release"}
    for name in writers:
        assert not any(
            "checkout" in step.get("uses", "") or "toxw" in step.get("run", "") for step in jobs[name]["steps"]
        )
        assert "id-token" in jobs[name]["permissions"] or name == "release"


def test_the_action_passes_options_that_exist() -> None:
    """The command line of the action is one that canaryproof accepts."""
    (check,) = (commands for name, commands in shell_steps(ACTION) if name == "Check")
    options = re.findall(r'"(--[a-z-]+)=\$[A-Z_]+"', check.partition(" -- ")[0])

    assert set(options) >= {"--cluster", "--report-dir"}
    parsed = parser_of(COMMANDS).parse_args(["check", *(f"{each}=x" for each in options if each != "--cluster")])
    assert parsed.command.runs_pytest


def test_no_step_of_the_action_contains_an_input() -> None:
    """The inputs reach the shell by the environment only, because text in a script would run as code."""
    assert all("${{" not in commands for _, commands in shell_steps(ACTION))


@pytest.mark.parametrize("name", ["team", "student", "classroom"])
def test_an_example_uses_the_action_as_it_is(name: str) -> None:
    """An example gives the action only inputs that it has, and reads only outputs that it has."""
    text = (EXAMPLES / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    steps = [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
    (ours,) = (step for step in steps if step["uses"].startswith("OWNER/canaryproof@"))
    action = loaded(ACTION)

    assert ours["with"].keys() <= action["inputs"].keys()
    assert set(re.findall(r"steps\.canaryproof\.outputs\.([\w-]+)", text)) <= action["outputs"].keys()
    assert ours["uses"].endswith(f"@v{ours['with']['version']}")


def points(verdict: str, *statuses: str) -> dict[str, Any]:
    """Return a row of ``results.json`` whose checks are worth 2 points each."""
    checks = [{"title": f"check {n}", "status": it, "points": 2, "message": it} for n, it in enumerate(statuses)]
    return {"name": "amira", "verdict": verdict, "reason": "why", "max_score": 2 * len(statuses), "checks": checks}


def classroom(tmp_path: Path, *rows: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the grading reporter of GitHub Classroom gets for *rows*."""
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"submissions": rows}), encoding="utf-8")
    command = [sys.executable, str(REPOSITORY / ".github" / "classroom.py"), str(results)]
    name, _, value = subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("=")
    assert name == "result"
    content = json.loads(base64.b64decode(value))
    assert isinstance(content, dict)
    return content


def test_classroom_gets_the_points_of_the_passed_checks(tmp_path: Path) -> None:
    """Each check is a test. A failed or skipped check has no points."""
    told = classroom(tmp_path, points("rejected", "passed", "failed", "skipped"))

    assert (told["status"], told["max_score"]) == ("fail", 6)
    assert [(it["name"], it["status"], it["score"]) for it in told["tests"]] == [
        ("check 0", "pass", 2),
        ("check 1", "fail", 0),
        ("check 2", "fail", 0),
    ]


def test_classroom_gets_no_points_after_an_infrastructure_fault(tmp_path: Path) -> None:
    """After an infrastructure fault, the reporter fails the job and reports no points, not even 0."""
    told = classroom(tmp_path, points("error", "error"))

    assert (told["status"], told.get("max_score")) == ("error", None)
    assert [(it["name"], it["message"]) for it in told["tests"]] == [("amira", "why")]
    assert classroom(tmp_path)["status"] == "error"


def test_the_notes_of_a_release_are_its_section_of_the_changelog() -> None:
    """The notes end before the next version. A version without a text is refused."""
    notes_of = runpy.run_path(str(REPOSITORY / ".github" / "release_notes.py"))["notes_of"]
    changelog = "# Changelog\n\n## 1.10.0\n\n- ten\n\n## 1.1.0 (1 May 2027)\n\n### Added\n\n- one\n\n## 1.0.0\n"

    assert notes_of("1.1.0", changelog) == "### Added\n\n- one\n"
    assert notes_of("1.10.0", changelog) == "- ten\n"
    for version in ("1.0.0", "1.2.0", "1.1"):
        with pytest.raises(ValueError, match=f"no text below a heading '## {re.escape(version)}'"):
            notes_of(version, changelog)


def test_a_tag_of_another_version_is_refused() -> None:
    """The program fails when the tag is not the version in pyproject.toml."""
    command = [sys.executable, str(REPOSITORY / ".github" / "release_notes.py"), "v99.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert re.fullmatch(r"the tag is v99\.0, and the version in pyproject\.toml is (\S+); expected v\1\n", done.stderr)
