"""The installed wheel works for its users, in folders outside of this repository."""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.metadata import files
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from canaryproof.cluster.embedded.toolchain import Machine, folder_size, provide
from canaryproof.errors import CommandError
from canaryproof.system.paths import cache_folder
from canaryproof.system.process import run
from canaryproof.system.progress import Silence
from canaryproof.timeouts import TimeLimits
from tests.unit.packing import write
from toolchain_wheel.local_index import install, make_index

pytestmark = pytest.mark.product

REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "upcommerce"
EXAMPLES = REPOSITORY / "docs" / "examples"
"""The examples of the documentation."""
MINUTES = 300.0
"""The time limit in seconds of a run with a cluster, whose tools another tox environment may have built."""

STRANGERS_TESTS = """
import pytest

@pytest.fixture
def settings():
    return "own"

@pytest.fixture
def scenario():
    return "own"

@pytest.mark.check
@pytest.mark.e2e  # their own
@pytest.mark.parametrize("submission", ["one", "two"])
def test_own(submission, settings, scenario, request):
    assert (settings, scenario) == ("own", "own")
    assert submission in request.node.name
"""


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Check that canaryproof is installed as a wheel, because an editable installation proves nothing."""
    place = run([sys.executable, "-I", "-c", "import canaryproof; print(canaryproof.__file__)"], timeout=60)
    assert not Path(place.strip()).is_relative_to(REPOSITORY / "canaryproof"), "run this by tox run -e product"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    place = tmp_path / "empty"
    place.mkdir()
    return place


def called(program: str, *arguments: str, folder: Path, code: int = 0, timeout: float = MINUTES) -> str:
    """Return the output of *program* of this environment in *folder*. It must end with *code*."""
    wanted = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME") if name in os.environ}
    environment = {**wanted, **{name: text for name, text in os.environ.items() if name.startswith("CANARYPROOF_")}}
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    try:
        said, ended = run(command, timeout=timeout, cwd=folder, env=environment, grace=30), "exit code 0"
    except CommandError as error:
        said, ended = error.stdout + error.stderr, error.outcome
    assert ended == f"exit code {code}", said
    return said


def test_the_wheel_has_one_package() -> None:
    """The wheel contains only one package, so that it cannot conflict with others."""
    names = {file.parts[0] for file in files("canaryproof") or () if ".." not in file.parts}

    assert {name for name in names if not name.endswith(".dist-info")} == {"canaryproof"}


def test_help_needs_nothing(folder: Path) -> None:
    """The command and its subcommands print their help without a cluster."""
    assert "check" in called("canaryproof", "--help", folder=folder)
    assert "--report-dir" in called("canaryproof", "check", "--help", folder=folder)
    assert "DIR" in called("canaryproof", "replay", "--help", folder=folder)


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the reference was checked, and the output."""
    folder = tmp_path_factory.mktemp("accepted")
    said = called(
        *("canaryproof", "check", str(REFERENCE), "--cluster", "embedded", "--report-dir", "out"),
        *("--", "--junitxml=junit.xml", "-v"),
        folder=folder,
    )
    return folder, said


def test_a_right_chart_is_accepted(accepted: tuple[Path, str]) -> None:
    """A correct chart is accepted with exit code 0, reports and a JUnit file, and a replay gives the same verdict."""
    folder, said = accepted

    assert "upcommerce   ACCEPTED   13/13" in said
    assert "13 passed" in said
    assert len(list(ET.parse(folder / "junit.xml").iter("testcase"))) == 13  # noqa: S314 - pytest wrote the file
    assert "ACCEPTED" in called("canaryproof", "replay", "out", folder=folder)
    assert sorted(each.name for each in folder.iterdir()) == ["junit.xml", "out"]


def test_a_check_of_ones_own_is_reported(accepted: tuple[Path, str], folder: Path) -> None:
    """A user's own check is reported with points and title beside the suite's checks, and costs points if it fails."""
    shutil.copy(EXAMPLES / "test_own_check.py", folder)
    slower = (folder / "test_own_check.py").read_text(encoding="utf-8").replace("gone < 10", "gone < 0")
    write(folder, {"slower/test_own_check.py": slower})
    records = ("-m", "e2e", f"--canaryproof-replay={accepted[0] / 'out'}")

    passed = called("pytest", "test_own_check.py", *records, "--canaryproof-report-dir=again", folder=folder)
    failed = called("pytest", "slower", *records, "--canaryproof-report-dir=failed", folder=folder, code=1)

    assert "ACCEPTED   17/17" in passed
    assert "REJECTED   15/17" in failed
    for name, status in (("again", "passed"), ("failed", "failed")):
        (row,) = json.loads((folder / name / "results.json").read_text(encoding="utf-8"))["submissions"]
        own = row["checks"][13]
        assert (len(row["checks"]), own["id"], own["status"]) == (16, "quick-rollback", status)
        assert own["title"] == "The canary is gone ten seconds after the rollback"
    assert own["hint"] == "Lower terminationGracePeriodSeconds of the canary's pods."


def test_a_wrong_chart_in_the_current_folder_is_rejected(folder: Path) -> None:
    """A wrong chart in ./upcommerce is rejected by default with exit code 1.

    ``-k`` selects checks, and ``-x`` ends the run.
    """
    shutil.copytree(REFERENCE, folder / "upcommerce")
    service = next((folder / "upcommerce" / "templates").glob("canary*service*"))
    service.write_text(service.read_text(encoding="utf-8").replace("5003", "5004"), encoding="utf-8")

    said = called(
        "canaryproof", "check", "--cluster", "embedded", "--report-dir", "out", "--", "-x", folder=folder, code=1
    )

    assert "REJECTED" in said
    assert "x canary-service" in said
    (row,) = json.loads((folder / "out" / "results.json").read_text(encoding="utf-8"))["submissions"]
    assert row["name"] == "upcommerce"


def test_wrong_usage_starts_nothing(folder: Path) -> None:
    """An unknown option or a missing chart has exit code 4, and nothing starts."""
    called("canaryproof", "check", "--report-directory", "out", folder=folder, code=4)
    assert "no such path" in called("canaryproof", "check", folder=folder, code=4)
    assert not list(folder.iterdir())


def test_a_test_of_ones_own_gets_a_cluster_and_a_namespace(folder: Path) -> None:
    """A user's own test gets a cluster and a namespace without a submission, and no import emits a warning."""
    shutil.copy(EXAMPLES / "test_cluster_and_namespace.py", folder)

    said = called("pytest", "-W", "error", "--canaryproof-cluster=embedded", "-p", "no:cacheprovider", folder=folder)

    assert "2 passed" in said


def test_a_program_needs_no_pytest(folder: Path) -> None:
    """A program runs an experiment and judges it by the same checks without pytest."""
    said = called("python", str(EXAMPLES / "plain_python.py"), str(REFERENCE), folder=folder)

    assert said.startswith("upcommerce: accepted.")
    assert said.count(": passed\n") == 13


def test_the_rehearsal_of_the_tutorial_is_accepted(folder: Path) -> None:
    """The example of the tutorial is planned, rehearsed with its own check, and accepted, as the tutorial says."""
    shutil.copytree(EXAMPLES / "rehearsal", folder, dirs_exist_ok=True)

    planned = called("canaryproof", "plan", folder=folder)
    checked = called("canaryproof", "check", folder=folder)
    tested = called("pytest", "test_checkout.py", "-p", "no:cacheprovider", folder=folder)

    assert "  Deployment/checkout-canary, which the upgrade adds (templates/canary.yaml)\n" in planned
    assert "checkout   ACCEPTED   15/15" in checked
    assert "checkout   ACCEPTED   17/17" in tested


def test_a_scenario_file_that_was_written_runs_as_it_is(folder: Path) -> None:
    """The scenario file that ``canaryproof init`` writes for the chart of the tutorial is accepted unchanged."""
    shutil.copytree(EXAMPLES / "rehearsal" / "checkout", folder / "checkout")

    called("canaryproof", "init", "checkout", folder=folder)

    assert "checkout   ACCEPTED   13/13" in called("canaryproof", "check", folder=folder)


def test_the_suite_is_selected_by_its_name(folder: Path) -> None:
    """``--pyargs`` selects the suite by its name, and a user's module can import it."""
    write(folder, {"test_rehearsal.py": "from canaryproof.acceptance.test_acceptance import *\n"})
    submission = f"--canaryproof-submissions={REFERENCE}"

    named = called("pytest", "--pyargs", "canaryproof.acceptance", submission, "--co", "-q", folder=folder)
    marked = called("pytest", "-m", "e2e", submission, "--co", "-q", folder=folder)

    assert "13 tests collected" in named
    assert "test_rehearsal.py::test_helm_renders_the_chart[upcommerce]" in marked


def test_the_plugin_leaves_other_projects_alone(folder: Path) -> None:
    """The plugin prints nothing in other projects, which may use its internal fixture, marker and parameter names."""
    markers = "[pytest]\naddopts = --strict-markers\nfilterwarnings = error\nmarkers =\n    check: own\n    e2e: own\n"
    write(folder, {"test_own.py": STRANGERS_TESTS, "pytest.ini": markers})

    said = called("pytest", "-m", "e2e", "-p", "no:cacheprovider", folder=folder)
    without = called(
        "pytest", "-m", "e2e", "-p", "no:cacheprovider", "-p", "no:canaryproof.pytest_plugin", folder=folder
    )

    def told(text: str) -> list[str]:
        """Return the output of a run without its duration and list of plugins."""
        return [line for line in text.splitlines() if not line.startswith(("plugins:", "="))]

    assert "2 passed" in said
    assert told(said) == told(without)


def test_with_the_programs_nothing_is_built(tmp_path: Path) -> None:
    """With the wheel of the programs, a check needs no Go. The cache keeps only what the distribution provides."""
    tools, home = tmp_path / "tools", tmp_path / "home"
    home.mkdir()
    make_index(tmp_path / "index", Silence())
    install(tmp_path / "venv", tmp_path / "index", MINUTES)
    write(tools, {"go": "#!/bin/sh\ntouch $HOME/go-was-called\nexit 1\n"})
    (tools / "go").chmod(0o755)
    runc = provide(
        cache=cache_folder(os.environ), progress=Silence(), tools=["runc"], machine=Machine(TimeLimits())
    ).path("runc")
    environment = {"HOME": str(home), "PATH": f"{tools}:{runc.parent}:{os.defpath}:/usr/sbin:/sbin"}
    command = [str(tmp_path / "venv" / "bin" / "canaryproof"), "check", str(REFERENCE), "--cluster", "embedded"]

    said = run(command, timeout=MINUTES, cwd=home, env=environment, grace=30)

    assert "upcommerce   ACCEPTED   13/13" in said
    assert [each.name for each in home.iterdir()] == [".cache"]
    kept = home / ".cache" / "canaryproof" / "toolchain"
    assert {each.name.partition("-")[0] for each in kept.iterdir()} == {"lock", "nft", "runc"}
    assert folder_size(home) < 20 * 10**6, "programs were copied"
