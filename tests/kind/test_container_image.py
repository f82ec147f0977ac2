"""The image that the Dockerfile makes checks a chart: without a network, and without anything to build."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from canaryproof.cluster.kind.docker import Docker
from canaryproof.errors import CommandError
from canaryproof.system.paths import cache_folder
from canaryproof.system.process import run
from canaryproof.system.progress import Silence
from canaryproof.timeouts import TimeLimits
from tests.kind.debian_image import provide_debian
from toolchain_wheel.local_index import make_index

pytestmark = pytest.mark.kind

REPOSITORY = Path(__file__).parents[2]
NAME = "canaryproof/trial"
PYTHON = "3.11"
"""The version of Python in the Debian of the Dockerfile."""
MINUTES = 300.0
"""The time limit of one command in seconds."""


def wheels(folder: Path) -> None:
    """Put the wheels of canaryproof, of its programs and of its dependencies into *folder*."""
    make_index(folder, Silence())
    (own,) = folder.glob("canaryproof-*.whl")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--only-binary=:all:", f"--python-version={PYTHON}", "--constraint", str(REPOSITORY / "constraints.txt")]
    run([*pip, "download", *options, "--dest", str(folder), str(own)], timeout=MINUTES)


@pytest.fixture(scope="module")
def docker() -> Docker:
    """The Docker that tests/kind lends, or the machine's."""
    return Docker(os.environ, TimeLimits())


@pytest.fixture(scope="module")
def image(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image, built from the Dockerfile with the wheels in ``dist/``."""
    context = tmp_path_factory.mktemp("context")
    for name in ("Dockerfile", ".dockerignore", "constraints.txt"):
        shutil.copy(REPOSITORY / name, context)
    wheels(context / "dist")
    base = provide_debian(docker, cache_folder(os.environ), Silence())
    options = ("--network=host", f"--build-arg=BASE={base}", "--build-arg=PIP_NO_INDEX=1", f"--tag={NAME}")
    docker("build", *options, str(context), timeout=TimeLimits().fetch)
    yield NAME
    docker("image", "rm", NAME)


def check(docker: Docker, image: str, folder: Path) -> tuple[str, str]:
    """Check ``upcommerce`` in *folder* by ``docker run``. Return the exit code in words, and the output."""
    options = ["--rm", "--privileged", "--network=none", f"--volume={folder}:/work"]
    arguments = ["check", "./upcommerce", "--report-dir", "reports"]
    try:
        return "exit code 0", docker("run", *options, image, *arguments, timeout=MINUTES)
    except CommandError as error:
        return error.outcome, error.stdout + error.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the chart of the course."""
    shutil.copytree(REPOSITORY / "upcommerce", tmp_path / "upcommerce")
    return tmp_path


def test_a_correct_chart_is_accepted(docker: Docker, image: str, folder: Path) -> None:
    """``docker run --privileged IMAGE check`` accepts a correct chart, writes its reports, and leaves no container."""
    containers, volumes = docker("container", "ls", "--all", "--quiet"), docker("volume", "ls", "--quiet")

    outcome, output = check(docker, image, folder)

    assert outcome == "exit code 0", output
    assert "upcommerce   ACCEPTED   13/13" in output
    results = json.loads((folder / "reports" / "results.json").read_text(encoding="utf-8"))
    assert results["cluster"]["provider"] == "embedded"
    assert docker("container", "ls", "--all", "--quiet") == containers
    assert docker("volume", "ls", "--quiet") == volumes


def test_a_wrong_chart_is_rejected(docker: Docker, image: str, folder: Path) -> None:
    """The exit code of the container is that of canaryproof."""
    (folder / "upcommerce" / "templates" / "canary-service.yml").unlink()

    outcome, output = check(docker, image, folder)

    assert outcome == "exit code 1", output
    assert "upcommerce   REJECTED   12/13" in output


def test_the_image_has_no_files_that_only_its_build_needs(docker: Docker, image: str) -> None:
    """The image has neither the wheels nor the package lists, and its command without arguments shows the help."""
    listed = docker("run", "--rm", "--entrypoint=sh", image, "-c", "ls / /var/lib/apt/lists; canaryproof --help")

    assert "wheels" not in listed
    assert "_Packages" not in listed
    assert "usage: canaryproof" in listed
