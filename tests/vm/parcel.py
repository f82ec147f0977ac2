"""The second disk: this project, its Python packages, the cluster's tools, and charts to try."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import requires
from pathlib import Path

from canaryproof.system.process import run
from tests.corpus.mutation import Mutation
from tests.vm.image import PARCEL, make_disk

REPOSITORY = Path(__file__).parents[2]
PYTHON = "3.11"
"""The machine's Python version, which is that of Debian 12."""
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
FETCHING = 600.0
"""The time limit in seconds for the packages."""
PROJECT, SITE, TOOLCHAIN, CHARTS = (f"{PARCEL}/{name}" for name in ("project", "site", "toolchain", "charts"))


def make_parcel(disk: Path, folder: Path, tools: Mapping[str, Path], charts: Mapping[str, Mutation]) -> None:
    """Make *disk* with everything to try, collected in *folder*, which must not exist.

    *tools* maps names to binaries. runc is not among them, because the machine has its own.
    """
    place = {name: folder / Path(name).name for name in (PROJECT, SITE, TOOLCHAIN, CHARTS)}
    for each in (place[TOOLCHAIN], place[CHARTS]):
        each.mkdir(parents=True)
    for name, binary in tools.items():
        if name != "runc":
            shutil.copy2(binary, place[TOOLCHAIN] / name)
    for name, chart in charts.items():
        chart.write(place[CHARTS] / name)
    _copy_project(place[PROJECT])
    _install(place[SITE])
    size = sum(file.lstat().st_size for file in folder.rglob("*"))
    make_disk(disk, folder, size + size // 4 + 64 * 2**20)
    shutil.rmtree(folder)


def _copy_project(place: Path) -> None:
    """Copy the files that git tracks or would track, without caches and environments."""
    listing = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], timeout=60, cwd=REPOSITORY)
    for name in filter(None, listing.split("\0")):
        if (REPOSITORY / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, place / name)


def _install(place: Path) -> None:
    """Install this project and its dependencies for the machine's Python, whatever version runs here."""
    needed = [each for each in requires("canaryproof") or () if "extra ==" not in each]
    platforms = [f"--platform={it}" for it in PLATFORMS]
    _pip(place, "--only-binary=:all:", f"--python-version={PYTHON}", "--implementation=cp", *platforms, *needed)
    _pip(place, "--no-deps", str(REPOSITORY))


def _pip(place: Path, *arguments: str) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options: Iterable[str] = (f"--target={place}", f"--constraint={REPOSITORY / 'constraints.txt'}")
    run([*pip, *options, *arguments], timeout=FETCHING)
