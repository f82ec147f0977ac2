"""``python -m toolchain_wheel``: makes the wheels of canaryproof-toolchain and of canaryproof itself."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import Machine, tools_folder
from canaryproof.cluster.embedded.toolchain.build import ARCHITECTURES, go_environment
from canaryproof.cluster.embedded.toolchain.build_lock import locked, work_folder
from canaryproof.cluster.embedded.toolchain.golang import find_go
from canaryproof.cluster.embedded.toolchain.recipes import builds_of
from canaryproof.errors import CanaryproofError
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import Progress, TerminalProgress
from canaryproof.timeouts import TimeLimits
from toolchain_wheel.licences import licences_of
from toolchain_wheel.materials import GENERATOR, provide_generator, write_materials
from toolchain_wheel.packing import identity_of, make_own_wheel, own_version, pack, stage
from toolchain_wheel.programs import collect, machine_with_modules, wheel_programs


def main(arguments: list[str]) -> int:
    """Make the wheels and print their paths and sizes. Returns the exit code."""
    parser = argparse.ArgumentParser("python -m toolchain_wheel", description=__doc__)
    parser.add_argument(
        "--arch", nargs="+", choices=ARCHITECTURES, default=[os.uname().machine], help="default: that of this machine"
    )
    parser.add_argument("--into", type=Path, default=Path("dist"), metavar="DIR", help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        into, progress = options.into.absolute(), TerminalProgress(sys.stderr)
        wheels = [make_toolchain_wheel(each, into, progress) for each in options.arch]
        wheels.append(make_own_wheel(into))
    except CanaryproofError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for wheel in wheels:
        sys.stdout.write(f"{wheel}: {wheel.stat().st_size / 10**6:.1f} MB\n")
    return 0


def make_toolchain_wheel(architecture: str, into: Path, progress: Progress) -> Path:
    """Make the wheel for *architecture* in the folder *into*, and return it.

    Raises ToolchainError when a program does not build or when the wheel is too large.
    """
    cache, limits = cache_folder(os.environ), TimeLimits()
    machine = machine_with_modules(Machine(limits))
    files = collect(architecture, cache=cache, progress=progress, machine=machine)
    folder = tools_folder(cache)
    with locked(folder / "lock", progress, within=limits.toolchain), work_folder(folder) as work:
        generator = provide_generator(folder, work, progress=progress, machine=machine)
        go = find_go(GENERATOR.go_version, folder, work, progress=progress, machine=machine)
    # Other runs may build meanwhile: the rest needs nothing that they change.
    with tempfile.TemporaryDirectory(prefix="canaryproof-wheel-", dir="/var/tmp") as place:
        project = Path(place, "project")
        env = go_environment(machine, folder, Path(place), ARCHITECTURES[architecture])
        with progress.step("collecting the licences"):
            licences = licences_of(builds_of(wheel_programs()), go=go, env=env, within=limits.build)
        stage(files, identity_of(files, architecture, own_version()), licences, project)
        with progress.step("writing the bills of materials"):
            # Every module is in the cache by now, except the programs of this repository, which no proxy has.
            found = {**env, "PATH": f"{go.parent}:{env.get('PATH', os.defpath)}", "GOPROXY": "off"}
            write_materials(files, project / "sboms", generator=generator, env=found, within=limits.build)
        with progress.step("packing the wheel"):
            return pack(project, into, within=limits.build)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
