"""The commands that run the acceptance suite: what they hand to pytest, and what they keep from it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from canaryproof.cli import suite
from canaryproof.cli.subcommands import main
from canaryproof.errors import CommandError
from canaryproof.system.process import run
from tests.unit.packing import chart, write

REPOSITORY = Path(__file__).parents[2]
TRAP = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"
CONFIGURED = "addopts = -k nothing -p evil\npythonpath = .\n"
HOSTILE = {
    **dict.fromkeys(("conftest.py", "test_evil.py", "evil.py", "sitecustomize.py", "yaml.py", "argparse.py"), TRAP),
    **dict.fromkeys(("pytest.py", "canaryproof_evil.py", "kubernetes/__init__.py", "upcommerce/conftest.py"), TRAP),
    "pytest.ini": f"[pytest]\n{CONFIGURED}",
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-k nothing -p evil"\n',
    "tox.ini": f"[pytest]\n{CONFIGURED}",
    "setup.cfg": f"[tool:pytest]\n{CONFIGURED}",
    "upcommerce/pytest.ini": f"[pytest]\n{CONFIGURED}",
}
IN_FOLDER = {f"upcommerce/{name}": text for name, text in chart().items()}


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What pytest is called with."""
    arguments: list[str] = []

    def pytest_main(given: Sequence[str]) -> pytest.ExitCode:
        arguments.extend(given)
        return pytest.ExitCode.TESTS_FAILED

    monkeypatch.setattr("canaryproof.cli.suite.pytest.main", pytest_main)
    return arguments


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A current folder with a chart in it, and much that Python and pytest would run or read."""
    return write(tmp_path / "hostile", {**IN_FOLDER, **HOSTILE})


def called(folder: Path, *arguments: str, allowed: Sequence[str] = ()) -> str:
    """Return what the command prints when it is called in *folder*; one of the *allowed* ends is no failure."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        command = [str(Path(sys.executable).with_name("canaryproof")), *arguments]
        return run(command, timeout=60, env=environment, cwd=folder)
    except CommandError as error:
        if error.outcome not in allowed:
            raise
        return error.stdout + error.stderr


def was_run(place: Path) -> list[str]:
    """Return which of the traps went off."""
    return [each.name for each in place.rglob("*") if each.suffix == ".ran" or each.name == "__pycache__"]


@pytest.mark.parametrize("where", [".", "upcommerce"])
def test_nothing_of_the_current_folder_is_run(hostile: Path, where: str) -> None:
    """Neither its Python files nor its configurations are read, be it a submission or not."""
    path = ["."] if where == "upcommerce" else []

    said = called(hostile / where, "check", *path, "--", "--collect-only", "-q")

    assert said.count("[upcommerce]") == 13
    assert not was_run(hostile)


def test_a_module_of_the_current_folder_replaces_none_of_python_m(hostile: Path) -> None:
    """``python -m`` puts the current folder first; what the command imports is not taken from there."""
    for name in ("argparse.py", "sitecustomize.py"):
        (hostile / name).unlink()
    command = [sys.executable, "-m", "canaryproof", "check", "--", "--collect-only", "-q"]

    said = run(command, timeout=60, env={"PATH": os.environ["PATH"], "HOME": str(hostile)}, cwd=hostile)

    assert "13 tests collected" in said
    assert not was_run(hostile)


def test_options_are_those_of_pytest_without_the_prefix(handed: list[str]) -> None:
    """Paths and options are handed on, further options of pytest come last, and its exit code is the command's."""
    code = main(
        [
            *("check", "class", "a.zip", "--report-dir", "out", "--yes", "--keep-cluster"),
            *("--image-registry=one.lan", "--image-registry=two.lan", "--", "-k", "gone", "--junitxml=j.xml", "--"),
        ]
    )

    assert code == 1
    assert handed[: len(suite.SUITE)] == list(suite.SUITE)
    assert handed[len(suite.SUITE) :] == [
        *("--canaryproof-submissions=class", "--canaryproof-submissions=a.zip"),
        *("--canaryproof-image-registry=one.lan", "--canaryproof-image-registry=two.lan"),
        *("--canaryproof-report-dir=out", "--canaryproof-yes", "--keep-cluster"),
        *("-k", "gone", "--junitxml=j.xml", "--"),
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["replay", "out", "--report-dir", "again"], ["--canaryproof-replay=out", "--canaryproof-report-dir=again"]),
        (["observe", "--cluster=minikube"], ["--canaryproof-observe", "--canaryproof-cluster=minikube"]),
    ],
)
def test_replay_and_observe_are_commands(handed: list[str], arguments: list[str], expected: list[str]) -> None:
    """Each sets the option of pytest that it is called like."""
    main(arguments)

    assert handed[len(suite.SUITE) :] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--bogus"], "unrecognized arguments: --bogus; options of pytest come after --"),
        (["check", "-k", "gone"], "unrecognized arguments: -k"),
        (["check", "--report"], "unrecognized arguments: --report;"),
        (["replay"], "required: DIR"),
        (["status", "--", "-x"], "only check, replay and observe pass what follows -- to pytest"),
    ],
)
def test_wrong_usage_has_the_exit_code_of_pytest(
    capsys: pytest.CaptureFixture[str], handed: list[str], arguments: list[str], message: str
) -> None:
    """It is told before pytest starts."""
    with pytest.raises(SystemExit, match="4"):
        main(arguments)

    assert message in capsys.readouterr().err
    assert not handed


def test_messages_name_options_as_they_are_called_here(tmp_path: Path) -> None:
    """Whoever said --parallel is told of --parallel; a value that does not hold has exit code 4."""
    said = called(tmp_path, "check", "missing", "--parallel", "many", allowed=["exit code 4"])

    assert "--parallel must be a number of experiments" in said
    assert "missing: expected a Helm chart" in said
    assert "--canaryproof" not in said
