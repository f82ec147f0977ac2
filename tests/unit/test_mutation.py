"""The survey reads mutmut's results, and accepts only explained survivors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.mutation.__main__ import told
from tests.mutation.survey import EQUIVALENTS, Change, Equivalent, Survey, read_equivalents, read_survey
from tests.mutation.workspace import PACKAGES, ROOT, with_plain_getters

CLASS = '''\
class Scene:
    @cached_property
    def pods(self) -> int:
        """Return how many there are."""
        return 1

    @property
    @wraps
    def other(self) -> int:
        return 2

    @staticmethod
    def helper() -> int:
        return 3
'''
MUTATED = """\
class Scene:
    def xǁSceneǁ_get_pods__mutmut_orig(self) -> int:
        return 1

    def xǁSceneǁ_get_pods__mutmut_1(self) -> int:
        return 2


def x_count__mutmut_orig(pods):
    return len(
        pods
    )


def x_count__mutmut_1(pods):
    return len(
        None
    )


def x_count__mutmut_2(pods):
    return None
"""
GROWN = Change("shop.scene.Scene.pods", "return 1", "return 2")
EMPTIED = Change("shop.scene.count", "pods", "None")


def ran(folder: Path, **codes: int | None) -> Path:
    """Write the files that mutmut leaves in *folder*, with the exit codes of the three mutants."""
    module = folder / "mutants" / "shop" / "scene.py"
    module.parent.mkdir(parents=True)
    module.write_text(MUTATED)
    names = {"pods": "xǁSceneǁ_get_pods__mutmut_1", "count": "x_count__mutmut_1", "none": "x_count__mutmut_2"}
    results = {f"shop.scene.{names[name]}": code for name, code in codes.items()}
    Path(f"{module}.meta").write_text(json.dumps({"exit_code_by_key": results}))
    (folder / "none.toml").touch()
    return folder


def test_properties_become_methods_that_can_be_mutated() -> None:
    """The survey turns properties into methods for mutmut, which keep their value.

    Other decorated functions stay unchanged.
    """
    plain = with_plain_getters(CLASS)

    assert "    def _get_pods(self) -> int:\n" in plain
    assert plain.index("        return 1\n") < plain.index("    pods = cached_property(_get_pods)\n")
    assert plain.count("@") == CLASS.count("@") - 1
    assert "    @property\n    @wraps\n    def other(self) -> int:\n" in plain


def test_survivors_are_told_by_what_they_change(tmp_path: Path) -> None:
    """The survey lists each survivor with its change.

    A mutant without a test survives, and one that hangs or crashes does not.
    """
    survey = read_survey(ran(tmp_path, pods=0, count=33, none=-24), "analysis", tmp_path / "none.toml")

    assert survey.survivors == (GROWN, EMPTIED)
    assert survey.mutants == 3
    assert survey.percent == pytest.approx(100 / 3)
    assert "survived: shop.scene.count\n    - pods\n    + None\n" in told(survey)
    assert "analysis: 3 mutants, 1 killed, 0 equivalent, 2 survived" in told(survey)


def test_a_run_that_was_ended_says_nothing(tmp_path: Path) -> None:
    """The survey refuses an interrupted run, because its untested mutants are neither killed nor alive."""
    with pytest.raises(RuntimeError, match="mutmut did not test 1 of 2 mutants"):
        read_survey(ran(tmp_path, pods=1, count=None), "analysis", tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("known", "explained"),
    [
        (Equivalent("pods", ("0", "None"), "the same", "shop.scene.count"), True),
        (Equivalent("pods", ("None",), "the same"), True),
        (Equivalent("pods", ("0",), "another change"), False),
        (Equivalent("pods", ("None",), "elsewhere", "shop.scene.other"), False),
        (Equivalent("None", ("pods",), "the other way round"), False),
    ],
)
def test_a_survivor_may_be_explained(known: Equivalent, *, explained: bool) -> None:
    """An explanation matches a survivor by the changed text and its place. An unmatched explanation is reported."""
    survey = Survey("analysis", 20, (EMPTIED,), (known,))

    assert survey.percent == (100 if explained else 95)
    assert survey.is_enough is explained
    assert (EMPTIED in survey.unexplained) is not explained
    assert (known in survey.outdated) is not explained


@pytest.mark.parametrize(("mutants", "is_enough"), [(20, True), (19, False)])
def test_of_a_hundred_mutants_95_must_be_killed(mutants: int, *, is_enough: bool) -> None:
    """The survey requires that 95 percent of the mutants are killed, without the equivalent ones."""
    assert Survey("analysis", mutants, (EMPTIED,), ()).is_enough is is_enough
    assert (
        Survey("analysis", mutants + 1, (EMPTIED, GROWN), (Equivalent("1", ("2",), "the same"),)).is_enough is is_enough
    )


def test_an_explanation_has_a_reason(tmp_path: Path) -> None:
    """The survey reads the repository's list of explanations, and refuses one without a reason."""
    assert all(read_equivalents(EQUIVALENTS, package) for package in PACKAGES)

    (tmp_path / "bare.toml").write_text('[[model]]\ntext = "a"\nmutants = ["b"]\nreason = " "\n')
    with pytest.raises(ValueError, match="without a reason"):
        read_equivalents(tmp_path / "bare.toml", "model")


def test_each_package_has_its_tests() -> None:
    """Every mutated package has existing test files."""
    named = [ROOT / "tests" / "unit" / f"test_{name}.py" for names in PACKAGES.values() for name in names.split()]

    assert [file for file in named if not file.exists()] == []
    assert all((ROOT / "canaryproof" / package).is_dir() for package in PACKAGES)
