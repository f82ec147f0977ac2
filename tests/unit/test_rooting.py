"""The plugin keeps pytest from running any test, plugin or configuration of a submission, wherever it is called."""

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
    """A submission with files that pytest and Python would run or read in a project."""
    code = {**dict.fromkeys(MODULES, TRAP), "evil.pth": "import evil\n"}
    return write(tmp_path / "class" / "alice", {**chart(), **code, **CONFIGURATIONS})


def collected(folder: Path, *arguments: str, allowed: Sequence[str] = ()) -> str:
    """Return pytest's output when called in *folder*. Each exit code in *allowed* counts as success."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    # Like the command `pytest` and unlike `python -m pytest`, this does not add the current folder to the path.
    command = [sys.executable, "-P", "-m", "pytest", "-m", "e2e", "--collect-only", "-q", "-p", "no:cacheprovider"]
    try:
        return run([*command, *arguments], timeout=60, env=environment, cwd=folder)
    except CommandError as error:
        if error.outcome not in allowed:
            raise
        return error.stdout + error.stderr


def was_run(place: Path) -> list[str]:
    """Return the traps that were triggered."""
    return [each.name for each in place.rglob("*") if each.suffix == ".ran" or each.name == "__pycache__"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with its own configuration and one test of submissions."""
    files = {
        "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests"]\nmarkers = ["e2e"]\n',
        "tests/test_own.py": "import pytest\n@pytest.mark.e2e\ndef test_own(canaryproof_submission):\n    pass\n",
    }
    return write(tmp_path / "project", files)


def test_a_submission_by_its_path_is_no_project(hostile: Path, project: Path) -> None:
    """A submission given by a path does not replace the project, whose configuration and tests are used."""
    assert "tests/test_own.py::test_own[alice]" in collected(project, "--canaryproof-submissions", str(hostile))
    assert not was_run(hostile)


@pytest.mark.parametrize("option", ["--canaryproof-report-dir", "--canaryproof-toolchain"])
def test_no_path_of_an_option_is_a_project(option: str, project: Path, tmp_path: Path) -> None:
    """A folder in any option does not replace the project's configuration."""
    write(tmp_path / "elsewhere", {"pytest.ini": "[pytest]\naddopts = -k nothing\n"})
    write(project / "upcommerce", chart())

    said = collected(project, option, str(tmp_path / "elsewhere"))

    assert "tests/test_own.py::test_own[upcommerce]" in said


def test_a_submission_is_no_project_for_tests_elsewhere_either(hostile: Path, project: Path, tmp_path: Path) -> None:
    """The configuration of the named tests is used if the current folder has none."""
    said = collected(tmp_path, str(project / "tests"), "--canaryproof-submissions", str(hostile))

    assert "test_own[alice]" in said
    assert not was_run(hostile)


@pytest.mark.parametrize("configured", [False, True])
def test_a_submission_may_be_the_current_folder(hostile: Path, *, configured: bool) -> None:
    """The project's own acceptance tests run if the current folder is a submission."""
    named = [f"--config-file={HOME / 'pyproject.toml'}"] if configured else []
    (hostile / "pytest.ini").unlink()

    said = collected(hostile, *named, "--canaryproof-submissions", ".")

    assert said.count("[alice]") == 13
    assert not was_run(hostile)


def test_a_class_below_the_current_folder_is_not_searched_for_tests(hostile: Path, tmp_path: Path) -> None:
    """The collection below the current folder leaves out submissions."""
    said = collected(tmp_path, "--canaryproof-submissions", "class", allowed=["exit code 5"])

    assert "no tests" in said
    assert not was_run(hostile)


def test_tests_of_a_submission_are_refused(hostile: Path, project: Path) -> None:
    """Tests in a submission are refused, even if the user names them."""
    named = f"{hostile}/test_evil.py::test_a"

    said = collected(project, f"--canaryproof-submissions={hostile}", named, allowed=["exit code 4"])

    assert "lies in a submission, whose code is never run; name tests outside of it" in said
    assert not was_run(hostile)


def test_plugins_of_a_submission_are_reported(hostile: Path, project: Path) -> None:
    """Plugins of a submission that pytest loads early are reported. A path with an equals sign avoids this."""
    (hostile / "pytest.ini").write_text("[pytest]\npythonpath = .\naddopts = -p evil\n")

    assert "test_own[alice]" in collected(project, f"--canaryproof-submissions={hostile}")
    assert not was_run(hostile)

    said = collected(project, "--canaryproof-submissions", str(hostile), allowed=["exit code 4"])
    assert "has loaded the plugins that it names; nothing was tried. Write --canaryproof-submissions=PATH" in said


@pytest.mark.parametrize("option", ["--debug={}", "--debug {}", "@{}-options"])
def test_a_submission_has_no_file_overwritten(option: str, hostile: Path, project: Path, tmp_path: Path) -> None:
    """A submission's ``--debug`` option, whose file pytest opens early, is refused and overwrites no file."""
    precious = write(tmp_path / "home", {"precious": "mine"}) / "precious"
    precious.with_name("precious-options").write_text(f"--debug={precious}\n")
    (hostile / "pytest.ini").write_text(f"[pytest]\naddopts = {option.format(precious)}\n")

    said = collected(project, "--canaryproof-submissions", str(hostile), allowed=["exit code 4"])

    assert precious.read_text() == "mine"
    assert "nothing was tried" in said


def test_a_submission_configures_no_run_that_has_no_configuration(hostile: Path, tmp_path: Path) -> None:
    """A submission's configuration ends the run before it writes files, if there is no other configuration."""
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
    """A project without submissions is not affected."""
    write(tmp_path, {"pytest.ini": "[pytest]\nmarkers = e2e\n", "conftest.py": TRAP, "upcommerce/test_a.py": TRAP})

    collected(tmp_path, allowed=["exit code 5"])

    assert {"conftest.ran", "test_a.ran"} <= set(was_run(tmp_path))


def test_the_main_job_imports_no_other_tests() -> None:
    """The main job does not import the harness's own tests."""
    said = collected(HOME)

    assert "13 tests collected" in said
    assert "deselected" not in said
