"""Each mutation in the corpus changes exactly its files and expects only possible results."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from canaryproof.checks.registry import CHECKS
from tests.corpus.catalogue import CORPUS, THEMES
from tests.corpus.helm_versions import reason_for_helm_3
from tests.corpus.mutation import CONSEQUENCES, REFERENCE, VALUES, Below, Bytes, Edit, Mutation, Replace, accepted

REPOSITORY = Path(__file__).parents[2]


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below *folder*."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("name", CORPUS)
def test_a_mutation_changes_what_it_says(tmp_path: Path, name: str) -> None:
    """A mutation changes exactly the files that its edits name."""
    CORPUS[name].write(tmp_path / name)

    before, after = contents(REFERENCE), contents(tmp_path / name)
    changed = {file for file in before.keys() | after.keys() if before.get(file) != after.get(file)}
    moved_and_gone = {file for file in CORPUS[name].touches if file not in before and file not in after}

    assert changed == CORPUS[name].touches - moved_and_gone


def test_no_two_mutations_are_the_same_chart(tmp_path: Path) -> None:
    """No two mutations give the same chart."""
    charts: dict[frozenset[tuple[str, bytes]], str] = {}
    for name, mutation in CORPUS.items():
        mutation.write(tmp_path / name)
        content = frozenset(contents(tmp_path / name).items())

        assert content not in charts, f"{name} is {charts[content]}"
        charts[content] = name


def test_every_name_is_there_once() -> None:
    """Every mutation has a unique name across the themes."""
    assert sum(len(theme.MUTATIONS) for theme in THEMES) == len(CORPUS)


@pytest.mark.parametrize("check", [check.id for check in CHECKS])
def test_every_check_is_failed_by_some_mutation(check: str) -> None:
    """Every check fails for at least one mutation."""
    assert any(check in mutation.failed for mutation in CORPUS.values())


def test_mutations_fail_checks_that_there_are() -> None:
    """The mutations expect only failures of existing checks."""
    assert {check for mutation in CORPUS.values() for check in mutation.failed} <= {check.id for check in CHECKS}
    assert {check for follows in CONSEQUENCES.values() for check in follows} <= {check.id for check in CHECKS}


def test_what_follows_from_a_failure_is_skipped() -> None:
    """The checks that need a failed check are expected to be skipped, unless they fail themselves."""
    mutation = Mutation((), "no-canary", frozenset({"canary-present", "canary-port"}))

    assert "canary-service" in mutation.skipped
    assert "canary-port" not in mutation.skipped
    assert "stable-untouched" not in mutation.skipped


@pytest.mark.parametrize(
    "edit",
    [Replace(VALUES, "nothing", "something"), Below(VALUES, "nothing:", "something: 1"), Bytes(VALUES)],
)
def test_an_edit_that_changes_nothing_is_refused(tmp_path: Path, edit: Edit) -> None:
    """An edit that changes nothing raises an error, so that a changed reference cannot hide it."""
    with pytest.raises(AssertionError):
        accepted(edit).write(tmp_path / "chart")


def collected(expression: str) -> list[str]:
    """Return the ids of the trials that pytest selects by the marker expression, in order, without the function."""
    command = [sys.executable, "-m", "pytest", "tests/corpus", "-m", expression, "--collect-only", "-q"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return re.findall(r"\[(\S+)\]$", done.stdout, re.MULTILINE)


def test_every_mutation_is_tried_in_one_run_for_each_helm() -> None:
    """Pytest orders the trials by the version of Helm, so that each version has one run over all of its mutations."""
    programs = [each.split("-")[0] for each in collected("corpus and not nightly")]

    assert [program for program, _ in groupby(programs)] == ["helm", "helm3"]


def test_the_nightly_run_tries_the_rest_with_helm_3() -> None:
    """With Helm 3, every mutation is tried in the daily or in the nightly run. With Helm 4, all are tried daily."""
    daily, nightly = set(collected("corpus and not nightly")), set(collected("corpus and nightly"))

    assert daily & nightly == set()
    assert daily | nightly == {f"{program}-{name}" for program in ("helm", "helm3") for name in CORPUS}
    assert nightly == {f"helm3-{name}" for name, mutation in CORPUS.items() if not reason_for_helm_3(name, mutation)}
    assert {"helm3-reference", "helm3-rollback-is-refused", "helm3-stable-gone"} <= daily
