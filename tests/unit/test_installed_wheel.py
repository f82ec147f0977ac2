"""An installed wheel provides the programs in place, if it was made of the same pins."""

from __future__ import annotations

import os
import site
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest

from canaryproof.cli import main
from canaryproof.cluster.embedded.toolchain import (
    EMBEDDED,
    Machine,
    Toolchain,
    find_wheel,
    is_built,
    provide,
    tools_folder,
)
from canaryproof.cluster.embedded.toolchain.host import package_folders
from canaryproof.cluster.embedded.toolchain.installed_wheel import Identity, Program, release_of
from canaryproof.cluster.embedded.toolchain.recipes import RUNC, tool_of
from canaryproof.doctor.diagnosis import Finding
from canaryproof.doctor.diagnosis_text import report
from canaryproof.doctor.machine_facts import Disk
from canaryproof.errors import ToolchainError
from canaryproof.system.progress import Silence
from canaryproof.timeouts import TimeLimits

TOOLS = [name for name in EMBEDDED if name != RUNC]
PROGRAMS = {name: Program(f"file-of-{name}", tool_of(name).key, release_of(tool_of(name))) for name in TOOLS}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without Go and pip, and with one folder of packages."""
    packages = tmp_path / "site-packages"
    packages.mkdir()
    return Machine(TimeLimits(), env={"PATH": "", "HOME": str(tmp_path)}, python="/no/python", packages=(packages,))


def install(
    packages: Path,
    programs: Mapping[str, Program] = PROGRAMS,
    *,
    wheel: str = "9.9",
    architecture: str = os.uname().machine,
) -> Path:
    """Install a wheel into the folder *packages*, and return its folder."""
    folder = packages / "canaryproof_toolchain"
    (folder / "bin").mkdir(parents=True)
    for program in programs.values():
        (folder / "bin" / program.file).touch(mode=0o755)
    (folder / "identity.json").write_bytes(msgspec.json.encode(Identity(wheel, architecture, dict(programs))))
    return folder


def provided(machine: Machine, cache: Path, kubernetes: str = "") -> Toolchain:
    """Provide all programs but runc."""
    return provide(cache=cache, progress=Silence(), machine=machine, tools=TOOLS, kubernetes=kubernetes)


def test_a_wheel_of_the_same_pins_is_used_in_place(machine: Machine, tmp_path: Path) -> None:
    """The programs are those in the folder of packages. Nothing is built or copied; nft is no part of the wheel."""
    folder = install(machine.packages[0])

    toolchain = provided(machine, tmp_path / "cache")

    assert all(toolchain.path(name) == folder / "bin" / f"file-of-{name}" for name in TOOLS)
    assert is_built(tmp_path / "cache", machine, TOOLS)
    written = {each.name.partition("-")[0] for each in tools_folder(tmp_path / "cache").iterdir()}
    assert written <= {"lock", "nft"}


def test_a_wheel_in_a_folder_that_others_can_write_to_is_used(machine: Machine, tmp_path: Path) -> None:
    """The owner of the wheel is not checked: code of the same folder runs in this process."""
    install(machine.packages[0])
    machine.packages[0].chmod(0o777)

    assert provided(machine, tmp_path / "cache").binaries


def test_another_kubernetes_is_not_that_of_the_wheel(machine: Machine, tmp_path: Path) -> None:
    """The wheel has the newest Kubernetes only. It has no fault when a run asks for another."""
    folder = install(machine.packages[0])

    assert find_wheel(machine).is_used
    assert is_built(tmp_path, machine, ["etcd"], "1.36")
    assert not is_built(tmp_path, machine, ["kubelet"], "1.36")
    assert find_wheel(machine).path("kubelet", tool_of("kubelet")) == folder / "bin" / "file-of-kubelet"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"etcd": Program("file-of-etcd", "0" * 12, "etcd 3.6.0")},
            rf"its etcd is etcd 3\.6\.0 with the pins 0+; needed is etcd [\d.]+ with the pins {PROGRAMS['etcd'].key}",
        ),
        ({"helm": None}, rf"it has no helm; needed is helm [\d.]+ with the pins {PROGRAMS['helm'].key}"),
    ],
)
def test_a_wheel_of_other_pins_is_not_used(
    machine: Machine, tmp_path: Path, changes: Mapping[str, Program | None], fault: str
) -> None:
    """The error of the build names what the wheel has, what is needed, and the version to install."""
    changed = {**PROGRAMS, **changes}
    install(machine.packages[0], {name: program for name, program in changed.items() if program})

    said = (
        rf"canaryproof-toolchain 9\.9 is not used: {fault}; pip install canaryproof-toolchain=={version('canaryproof')}"
    )
    with pytest.raises(ToolchainError, match=said):
        provided(machine, tmp_path / "cache")
    assert not is_built(tmp_path / "cache", machine, TOOLS)


def test_a_wheel_of_the_same_version_and_other_pins_has_another_remedy(machine: Machine) -> None:
    """The same version is of no use when its pins differ, as in a clone of the repository."""
    install(machine.packages[0], {}, wheel=version("canaryproof"))

    assert "./toxw run -e wheel" in find_wheel(machine).remedy


def test_a_wheel_for_another_machine_is_not_used(machine: Machine) -> None:
    """The fault names both machines."""
    install(machine.packages[0], architecture="riscv64")

    assert find_wheel(machine).fault == f"its programs are for riscv64, and this machine is {os.uname().machine}"


def test_a_program_that_is_not_executable_is_told(machine: Machine) -> None:
    """The fault names the file, if the wheel was unpacked without the permissions of its files."""
    folder = install(machine.packages[0])
    (folder / "bin" / "file-of-containerd").chmod(0o644)

    assert find_wheel(machine).fault == f"{folder}/bin/file-of-containerd is not an executable file"


def test_a_damaged_wheel_is_told(machine: Machine) -> None:
    """The fault names the file that cannot be read."""
    folder = install(machine.packages[0])
    (folder / "identity.json").write_text("{")

    assert find_wheel(machine).fault.startswith(f"{folder}/identity.json cannot be read: ")


def test_a_description_leads_to_no_file_outside_of_the_wheel(machine: Machine) -> None:
    """A program's file is one of the wheel's folder, whatever the description says."""
    folder = install(machine.packages[0])
    etcd = Program("../../../../bin/sh", PROGRAMS["etcd"].key, "etcd")
    (folder / "bin" / "sh").touch(mode=0o755)
    described = Identity("9.9", os.uname().machine, {**PROGRAMS, "etcd": etcd})
    (folder / "identity.json").write_bytes(msgspec.json.encode(described))

    assert find_wheel(machine).path("etcd", tool_of("etcd")) == folder / "bin" / "sh"


def test_a_wheel_without_a_fault_is_preferred(tmp_path: Path) -> None:
    """A wheel of other pins in one folder of packages does not hide the right one in another."""
    install(tmp_path / "first", {}, wheel="8.8")
    right = install(tmp_path / "second")

    found = find_wheel(Machine(TimeLimits(), packages=(tmp_path / "first", tmp_path / "second")))

    assert (found.folder, found.is_used) == (right, True)


def test_only_folders_of_installed_packages_are_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The current folder and the folders of PYTHONPATH can hold files of a submission. They are not searched."""
    install(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    assert tmp_path not in package_folders()
    assert {Path(each) for each in site.getsitepackages()} <= set(package_folders())


def test_the_doctor_tells_where_the_tools_are(machine: Machine) -> None:
    """The report names the wheel and its folder; or else why it is not used, and the remedy."""
    folder = install(machine.packages[0])
    unusable = Finding(code="wheel-unusable", found="9.9", detail="it is old", remedy="renew it", stops=False)

    lines = list(report({"embedded": (unusable,)}, "embedded", Disk("/c", 0, 0), find_wheel(machine)))

    assert lines[-1] == f"installed tools: canaryproof-toolchain 9.9 in {folder}"
    assert lines[1:3] == ["  - the installed canaryproof-toolchain 9.9 is not used: it is old", "      renew it"]


def test_a_command_lists_each_program_with_its_place(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``canaryproof toolchain`` lists the release and place of each program: wheel, cache, or a build to come."""
    folder = install(machine.packages[0])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("canaryproof.cli.cluster_commands.Machine", lambda _: machine)

    assert main(["toolchain"]) == 0
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in capsys.readouterr().out.splitlines()}
    assert lines["etcd"] == f"{PROGRAMS['etcd'].release} canaryproof-toolchain 9.9: {folder}/bin/file-of-etcd"
    assert lines["runc"].startswith(f"to be fetched: {tmp_path}/cache/canaryproof/toolchain/runc-")

    (folder / "bin" / "file-of-helm").unlink()
    assert main(["toolchain"]) == 0
    *rows, last = capsys.readouterr().out.splitlines()
    assert any(row.startswith("etcd ") and " to be built: " in row for row in rows)
    assert last.startswith(f"canaryproof-toolchain 9.9 in {folder} is not used: ")
