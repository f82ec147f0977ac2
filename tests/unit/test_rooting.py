"""Nothing of a submission is run by pytest: no tests, no plugins, no configuration, wherever pytest is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from canaryproof.errors import CommandError
from canaryproof.system.process import run
from tests.unit.packing import chart, write

HOME = Path(__file__).parents[2]
TRAP = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"
MODULES = (
    "conftest.py",
    "test_evil.py",
    "evil.py",
    "sitecustomize.py",
    "usercustomize.py",
    "setup.py",
    "tests/conftest.py",
)
CONFIGURED = "canaryproof_helm = ./evil.py\naddopts = -k nothing --strict-config\npython_files = *.py\n"
CONFIGURATIONS = {
    "pytest.ini": f"[pytest]\n{CONFIGURED}",
    "tox.ini": f"[pytest]\n{CONFIGURED}",
    "setup.cfg": f"[tool:pytest]\n{CONFIGURED}",
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-k nothing"\n',
}


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A submission full of what pytest and Python would run or read, were it theirs."""
    code = {**dict.fromkeys(MODULES, TRAP), "evil.pth": "import evil\n"}
    return write(tmp_path / "class" / "alice", {**chart(), **code, **CONFIGURATIONS})


def collected(folder: Path, *arguments: str, allowed: Sequence[str] = ()) -> str:
    """Return what pytest prints when it is called in *folder*; one of the *allowed* ends is no failure."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    # As the command `pytest` does, and unlike `python -m pytest`: the current folder is no place for modules.
    command = [sys.executable, "-P", "-m", "pytest", "-m", "e2e", "--collect-only", "-q", "-p", "no:cacheprovider"]
    try:
        return run([*command, *arguments], timeout=60, env=environment, cwd=folder)
    except CommandError as error:
        if error.outcome not in allowed:
            raise
        return error.stdout + error.stderr


def was_run(place: Path) -> list[str]:
    """Return which of the traps went off."""
    return [each.name for each in place.rglob("*") if each.suffix == ".ran" or each.name == "__pycache__"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of our own, with a configuration and one test of submissions."""
    files = {
        "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests"]\nmarkers = ["e2e"]\n',
        "tests/test_own.py": "import pytest\n@pytest.mark.e2e\ndef test_own(canaryproof_submission):\n    pass\n",
    }
    return write(tmp_path / "project", files)


def test_a_submission_by_its_path_is_no_project(hostile: Path, project: Path) -> None:
    """Our own configuration is read, and our own tests are collected."""
    assert "tests/test_own.py::test_own[alice]" in collected(project, "--canaryproof-submissions", str(hostile))
    assert not was_run(hostile)


@pytest.mark.parametrize("option", ["--canaryproof-report-dir", "--canaryproof-toolchain"])
def test_no_path_of_an_option_is_a_project(option: str, project: Path, tmp_path: Path) -> None:
    """Our own configuration is read, whatever folder an option names beside it."""
    write(tmp_path / "elsewhere", {"pytest.ini": "[pytest]\naddopts = -k nothing\n"})
    write(project / "upcommerce", chart())

    said = collected(project, option, str(tmp_path / "elsewhere"))

    assert "tests/test_own.py::test_own[upcommerce]" in said


def test_a_submission_is_no_project_for_tests_elsewhere_either(hostile: Path, project: Path, tmp_path: Path) -> None:
    """From a folder without any configuration, the one of the tests counts."""
    said = collected(tmp_path, str(project / "tests"), "--canaryproof-submissions", str(hostile))

    assert "test_own[alice]" in said
    assert not was_run(hostile)


@pytest.mark.parametrize("configured", [False, True])
def test_a_submission_may_be_the_current_folder(hostile: Path, *, configured: bool) -> None:
    """Then the project's own acceptance tests are meant."""
    named = [f"--config-file={HOME / 'pyproject.toml'}"] if configured else []
    (hostile / "pytest.ini").unlink()

    said = collected(hostile, *named, "--canaryproof-submissions", ".")

    assert said.count("[alice]") == 13
    assert not was_run(hostile)


def test_a_class_below_the_current_folder_is_not_searched_for_tests(hostile: Path, tmp_path: Path) -> None:
    """Where pytest collects whatever lies below the current folder, submissions are left out."""
    said = collected(tmp_path, "--canaryproof-submissions", "class", allowed=["exit code 5"])

    assert "no tests" in said
    assert not was_run(hostile)


def test_tests_of_a_submission_are_refused(hostile: Path, project: Path) -> None:
    """Even where somebody names them."""
    named = f"{hostile}/test_evil.py::test_a"

    said = collected(project, f"--canaryproof-submissions={hostile}", named, allowed=["exit code 4"])

    assert "lies in a submission, whose code is never run; name tests outside of it" in said
    assert not was_run(hostile)


def test_plugins_of_a_submission_are_reported(hostile: Path, project: Path) -> None:
    """Pytest loads them before anybody can say no, unless the path is written with an equals sign."""
    (hostile / "pytest.ini").write_text("[pytest]\npythonpath = .\naddopts = -p evil\n")

    assert "test_own[alice]" in collected(project, f"--canaryproof-submissions={hostile}")
    assert not was_run(hostile)

    said = collected(project, "--canaryproof-submissions", str(hostile), allowed=["exit code 4"])
    assert "has loaded the plugins that it names; nothing was tried. Write --canaryproof-submissions=PATH" in said


@pytest.mark.parametrize("option", ["--debug={}", "--debug {}", "@{}-options"])
def test_a_submission_has_no_file_overwritten(option: str, hostile: Path, project: Path, tmp_path: Path) -> None:
    """Pytest opens the file of ``--debug`` before the run can start again without the submission's options."""
    precious = write(tmp_path / "home", {"precious": "mine"}) / "precious"
    precious.with_name("precious-options").write_text(f"--debug={precious}\n")
    (hostile / "pytest.ini").write_text(f"[pytest]\naddopts = {option.format(precious)}\n")

    said = collected(project, "--canaryproof-submissions", str(hostile), allowed=["exit code 4"])

    assert precious.read_text() == "mine"
    assert "nothing was tried" in said


def test_a_submission_configures_no_run_that_has_no_configuration(hostile: Path, tmp_path: Path) -> None:
    """Where there is no other configuration to start again with, the run ends before files are written."""
    planted = tmp_path / "planted"
    (hostile / "pytest.ini").write_text(
        f"[pytest]\naddopts = --junitxml={planted} --basetemp={hostile.parent}\nlog_file = {planted}\n"
    )
    (tmp_path / "empty").mkdir()

    said = collected(
        tmp_path / "empty", "--canaryproof-submissions", str(hostile), allowed=["exit code 4", "exit code 5"]
    )

    assert not planted.exists()
    assert "is a submission's, for its own configuration; nothing was tried" in said


def test_others_are_left_alone(tmp_path: Path) -> None:
    """In a project of somebody else's, without any submissions, pytest is as it always was."""
    write(tmp_path, {"pytest.ini": "[pytest]\nmarkers = e2e\n", "conftest.py": TRAP, "upcommerce/test_a.py": TRAP})

    collected(tmp_path, allowed=["exit code 5"])

    assert {"conftest.ran", "test_a.ran"} <= set(was_run(tmp_path))


def test_the_main_job_imports_no_other_tests() -> None:
    """A student does not wait for the harness's own tests to be read."""
    said = collected(HOME)

    assert "13 tests collected" in said
    assert "deselected" not in said
