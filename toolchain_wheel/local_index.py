"""Makes a folder with both wheels, from which pip can install them, for tests and measurements.

The wheel of the programs has no licences and no bills of materials here, which need all Go modules.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import Machine
from canaryproof.system.paths import cache_folder
from canaryproof.system.process import run
from canaryproof.system.progress import Progress
from canaryproof.timeouts import TimeLimits
from toolchain_wheel.packing import identity_of, make_own_wheel, own_version, pack, stage
from toolchain_wheel.programs import collect, machine_with_modules

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"


def make_index(folder: Path, progress: Progress) -> None:
    """Make both wheels in *folder*. Raises ToolchainError when a program does not build."""
    limits, architecture = TimeLimits(), os.uname().machine
    machine = machine_with_modules(Machine(limits))
    files = collect(architecture, cache=cache_folder(os.environ), progress=progress, machine=machine)
    with progress.step("packing the wheels"), tempfile.TemporaryDirectory(dir="/var/tmp") as work:
        project = Path(work, "project")
        stage(files, identity_of(files, architecture, own_version()), "Not collected for a test.\n", project)
        pack(project, folder, within=limits.build)
        make_own_wheel(folder)


def install(venv: Path, index: Path, within: float) -> None:
    """Make the virtual environment *venv*, and install canaryproof with its programs from *index*.

    The other packages come from where pip finds them, in the versions of this repository. *within* is a time limit in
    seconds for each command.
    """
    settings = {name: value for name, value in os.environ.items() if name in {"PATH", "PIP_INDEX_URL", "PIP_CERT"}}
    environment = {**settings, "HOME": str(venv.parent), "PIP_CONSTRAINT": str(CONSTRAINTS)}
    run([sys.executable, "-I", "-m", "venv", str(venv)], timeout=within, env=environment)
    pip = [str(venv / "bin" / "python"), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--find-links", str(index), "canaryproof[embedded]"], timeout=within, env=environment)
