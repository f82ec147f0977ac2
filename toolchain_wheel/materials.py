"""Has cyclonedx-gomod write a software bill of materials for each program, in the format CycloneDX.

cyclonedx-gomod reads the modules that Go has recorded in a program, and looks for their licences in the module cache.
It is built from its pinned module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import Machine
from canaryproof.cluster.embedded.toolchain.build import binary_path, build
from canaryproof.cluster.embedded.toolchain.recipes import Space, Tool
from canaryproof.system.process import run
from canaryproof.system.progress import Progress
from toolchain_wheel.programs import ProgramFile

_NAME = "cyclonedx-gomod"
GENERATOR = Tool(
    name=_NAME,
    module="github.com/CycloneDX/cyclonedx-gomod",
    packages={_NAME: "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod"},
    space=Space(build=300, modules=300, binaries=60),
    root=Path(__file__).parent / "pins",
)


def provide_generator(folder: Path, work: Path, *, progress: Progress, machine: Machine) -> Path:
    """Return cyclonedx-gomod. Builds it into *folder* if it is missing. The caller must hold the lock of *folder*."""
    path = binary_path(folder, GENERATOR, _NAME)
    if not path.exists():
        build({_NAME: GENERATOR}, folder, work, progress=progress, machine=machine)
    return path


def write_materials(
    files: Iterable[ProgramFile], folder: Path, *, generator: Path, env: Mapping[str, str], within: float
) -> None:
    """Write a bill of materials for each of *files* into *folder*. The same program gives the same bytes.

    *env* is Go's environment, and *within* the time limit for each file in seconds.
    """
    for file in files:
        argv = [str(generator), "bin", "-json", "-std", "-licenses", "-noserial", "-notimestamp"]
        argv += ["-version", f"v{file.tool.version}", "-output", str(folder / f"{file.name}.cdx.json"), str(file.path)]
        run(argv, timeout=within, env=env)
