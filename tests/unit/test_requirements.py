"""The packages that tox installs are pinned by hash, and the hashes belong to the pinned versions."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
LOCKS = ("hashed.txt", "tox.txt")


def pins(file: Path) -> dict[str, str]:
    """Return the versions in a requirements file."""
    return dict(PIN.findall(file.read_text(encoding="utf-8")))


def test_the_hashes_are_of_the_pinned_versions() -> None:
    """The hashes match the versions in ``constraints.txt``, so that ``./toxw run -e hashes`` was not forgotten."""
    constraints = pins(ROOT / "constraints.txt")

    assert pins(ROOT / "requirements" / "hashed.txt") == constraints
    assert pins(ROOT / "requirements" / "tox.txt").items() <= constraints.items()
    assert "tox" in pins(ROOT / "requirements" / "tox.txt")


@pytest.mark.parametrize("name", LOCKS)
def test_every_version_has_hashes(name: str) -> None:
    """Every version has hashes for the wheels of all platforms and for the source distribution."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    requirements = [each for each in re.split(r"\n(?=\S)", text) if not each.startswith("#")]

    assert len(requirements) == len(pins(ROOT / "requirements" / name))
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", each) for each in requirements)


def test_tox_and_its_environments_are_installed_by_hash() -> None:
    """The bootstrap of tox, its environments and the package's build install by hash."""
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")

    assert "--require-hashes" in (ROOT / "toxw").read_text(encoding="utf-8")
    assert "pip_install.py" in tox["testenv"]["install_command"]
    assert "PIP_REQUIRE_HASHES = 1" in tox["pkgenv"]["set_env"]
    others = {each for each in tox.sections() if each != "testenv" and "install_command" in tox[each]}
    assert others == {"testenv:newest", "testenv:lowest"}, "these try out versions that constraints.txt does not name"


def test_only_the_package_itself_is_installed_without_a_hash(tmp_path: Path) -> None:
    """Only the package itself is installed without a hash, from its folder and without dependencies."""
    spec = spec_from_file_location("pip_install", ROOT / "requirements" / "pip_install.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    wheel = tmp_path / "canaryproof-0.1.0-0.editable-py3-none-any.whl"
    wheel.touch()

    assert "--require-hashes" in module.command(["pytest>=9"])
    assert "--require-hashes" in module.command([str(tmp_path / "missing.whl")])
    own = module.command(["--force-reinstall", str(wheel)])
    assert {"--no-deps", "--no-index"} < set(own)
    assert "--require-hashes" not in own


def test_a_file_with_another_hash_is_not_installed(tmp_path: Path) -> None:
    """Pip refuses a file with another hash before it unpacks it."""
    wheel = tmp_path / "wheels" / "thing-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(b"not what was pinned")
    requirement = tmp_path / "requirements.txt"
    requirement.write_text(f"thing==1.0 --hash=sha256:{'0' * 64}\n")

    offline = ("--no-index", "--find-links", str(wheel.parent), "--target", str(tmp_path / "target"))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--require-hashes", *offline, "--requirement", str(requirement)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "target").exists()


def test_no_python_file_of_the_current_folder_is_run(tmp_path: Path) -> None:
    """``toxw`` runs pip in the project's folder, because ``python3 -m pip`` searches the current folder first."""
    project, elsewhere, commands = (tmp_path / name for name in ("project", "elsewhere", "commands"))
    for folder in (project, elsewhere, commands):
        folder.mkdir()
    shutil.copy(ROOT / "toxw", project)
    python = commands / "python3"
    python.write_text(f"#!/bin/sh\npwd -P >> {tmp_path}/places\nmkdir -p {project}/.tox/bootstrap.unfinished\n")
    python.chmod(0o755)

    subprocess.run(
        ["/bin/sh", str(project / "toxw")], cwd=elsewhere, env={"PATH": f"{commands}:/usr/bin:/bin"}, check=True
    )

    assert (tmp_path / "places").read_text().splitlines() == [str(project.resolve())] * 2
