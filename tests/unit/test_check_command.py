"""The commands that run the acceptance suite pass options to pytest and isolate it from the current folder."""

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
    """The arguments with which the command calls pytest."""
    arguments: list[str] = []

    def pytest_main(given: Sequence[str]) -> pytest.ExitCode:
        arguments.extend(given)
        return pytest.ExitCode.TESTS_FAILED

    monkeypatch.setattr("canaryproof.cli.suite.pytest.main", pytest_main)
    return arguments


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A current folder with a chart and many files that Python or pytest would run or read."""
    return write(tmp_path / "hostile", {**IN_FOLDER, **HOSTILE})


def called(folder: Path, *arguments: str, allowed: Sequence[str] = ()) -> str:
    """Return the output of the command called in *folder*. Each exit code in *allowed* counts as success."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        command = [str(Path(sys.executable).with_name("canaryproof")), *arguments]
        return run(command, timeout=60, env=environment, cwd=folder)
    except CommandError as error:
        if error.outcome not in allowed:
            raise
        return error.stdout + error.stderr


def was_run(place: Path) -> list[str]:
    """Return the traps that were triggered."""
    return [each.name for each in place.rglob("*") if each.suffix == ".ran" or each.name == "__pycache__"]


@pytest.mark.parametrize("where", [".", "upcommerce"])
def test_nothing_of_the_current_folder_is_run(hostile: Path, where: str) -> None:
    """The command reads neither Python files nor configurations of the current folder."""
    path = ["."] if where == "upcommerce" else []

    said = called(hostile / where, "check", *path, "--", "--collect-only", "-q")

    assert said.count("[upcommerce]") == 13
    assert not was_run(hostile)


def test_a_module_of_the_current_folder_replaces_none_of_python_m(hostile: Path) -> None:
    """``python -m`` imports no module from the current folder for the command, although it is first on the path."""
    for name in ("argparse.py", "sitecustomize.py"):
        (hostile / name).unlink()
    command = [sys.executable, "-m", "canaryproof", "check", "--", "--collect-only", "-q"]

    said = run(command, timeout=60, env={"PATH": os.environ["PATH"], "HOME": str(hostile)}, cwd=hostile)

    assert "13 tests collected" in said
    assert not was_run(hostile)


def test_options_are_those_of_pytest_without_the_prefix(handed: list[str]) -> None:
    """The command passes on paths and options, puts further options of pytest last, and returns pytest's exit code."""
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
    """The commands replay and observe set pytest's options of the same names."""
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
    """Invalid arguments end the command with pytest's exit code before pytest starts."""
    with pytest.raises(SystemExit, match="4"):
        main(arguments)

    assert message in capsys.readouterr().err
    assert not handed


def test_messages_name_options_as_they_are_called_here(tmp_path: Path) -> None:
    """Messages use the command's own option names, and an invalid value has exit code 4."""
    said = called(tmp_path, "check", "missing", "--parallel", "many", allowed=["exit code 4"])

    assert "--parallel must be a number of experiments" in said
    assert "missing: expected a Helm chart" in said
    assert "--canaryproof" not in said
