"""Each mutation in the corpus changes exactly its files and expects only possible results."""

from __future__ import annotations

from pathlib import Path

import pytest

from canaryproof.checks.registry import CHECKS
from tests.corpus.catalogue import CORPUS, THEMES
from tests.corpus.mutation import CONSEQUENCES, REFERENCE, VALUES, Below, Bytes, Edit, Mutation, Replace, accepted


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
