"""The wheel of the built programs is complete, small enough and the same each time it is made."""

from __future__ import annotations

import hashlib
import os
import struct
import tomllib
import zipfile
from pathlib import Path

import msgspec
import pytest

from canaryproof.cluster.embedded.toolchain import EMBEDDED, Machine
from canaryproof.cluster.embedded.toolchain.installed_wheel import Identity
from canaryproof.cluster.embedded.toolchain.recipes import RUNC, builds_of, tool_of
from canaryproof.errors import ToolchainError
from canaryproof.timeouts import TimeLimits
from toolchain_wheel import packing
from toolchain_wheel.elf import Header, read_header
from toolchain_wheel.licences import licences_of
from toolchain_wheel.packing import identity_of, own_version, pack, stage
from toolchain_wheel.programs import ProgramFile, machine_with_modules, wheel_programs

REPOSITORY = Path(__file__).parents[2]
IDENTITY = msgspec.json.Decoder(Identity)
SHARED = ("kube-apiserver", "kube-controller-manager", "kubectl")


def programs(folder: Path) -> list[ProgramFile]:
    """Return two files: one with several commands of Kubernetes, and etcd."""
    folder.mkdir()
    for name, text in (("kube-apiserver", "all commands\n"), ("etcd", "etcd\n")):
        (folder / name).write_text(text * 1000)
        (folder / name).chmod(0o700)
    return [
        ProgramFile(folder / "kube-apiserver", SHARED, tool_of("kubectl")),
        ProgramFile(folder / "etcd", ("etcd",), tool_of("etcd")),
    ]


def made(folder: Path) -> Path:
    """Make a wheel of the two files, in *folder*."""
    return made_of(programs(folder / "programs"), folder)


def made_of(files: list[ProgramFile], folder: Path) -> Path:
    """Make a wheel of *files*, in *folder*."""
    stage(files, identity_of(files, "x86_64", "0.1.0"), "all licences\n", folder / "project")
    for file in files:
        (folder / "project" / "sboms" / f"{file.name}.cdx.json").write_text("{}")
    return pack(folder / "project", folder / "dist", within=60)


@pytest.fixture
def wheel(tmp_path: Path) -> zipfile.ZipFile:
    """The wheel of the two files."""
    return zipfile.ZipFile(made(tmp_path))


def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    """A wheel depends on its programs only: not on the time, the folder or the umask."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    before = made(first).read_bytes()
    mask = os.umask(0o077)
    try:
        files = programs(second / "programs")
        for file in files:
            os.utime(file.path, (0, 10**9))
        after = made_of(files, second).read_bytes()
    finally:
        os.umask(mask)

    assert hashlib.sha256(after).hexdigest() == hashlib.sha256(before).hexdigest()


def test_a_wheel_is_for_any_linux_of_its_architecture(tmp_path: Path) -> None:
    """The wheel fits glibc and musl, since its programs are static, and names its architecture."""
    name = made(tmp_path).name

    platforms = "manylinux2014_x86_64.manylinux_2_17_x86_64.musllinux_1_1_x86_64"
    assert name == f"canaryproof_toolchain-{own_version()}-py3-none-{platforms}.whl"


def test_programs_are_executable_and_described(wheel: zipfile.ZipFile) -> None:
    """A file with several commands is in the wheel once, under the name of the command that users start."""
    modes = {Path(it.filename).name: it.external_attr >> 16 for it in wheel.infolist() if "/bin/" in it.filename}
    identity = IDENTITY.decode(wheel.read("canaryproof_toolchain/identity.json"))

    assert modes == {"kubectl": 0o100755, "etcd": 0o100755}
    assert {name: it.file for name, it in identity.programs.items()} == {
        **dict.fromkeys(SHARED, "kubectl"),
        "etcd": "etcd",
    }
    assert identity.programs["etcd"].key == tool_of("etcd").key
    assert identity.machine == "x86_64"


def test_licences_and_bills_of_materials_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    """The wheel has its own licence, those of the modules, and a bill of materials of each file."""
    names = {name.partition(".dist-info/")[2] for name in wheel.namelist()}

    assert {"licenses/LICENSE", "licenses/THIRD-PARTY-LICENSES.txt"} <= names
    assert {"sboms/kubectl.cdx.json", "sboms/etcd.cdx.json"} <= names


def test_a_wheel_that_no_index_accepts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names both sizes, and no wheel is left."""
    monkeypatch.setattr(packing, "LARGEST", 1000)

    with pytest.raises(
        ToolchainError, match=r"should have at most 0 MB, which a package index accepts, and has 0\.0 MB"
    ):
        made(tmp_path)
    assert not (tmp_path / "dist").exists()


def test_the_wheel_has_every_program_that_the_cluster_needs() -> None:
    """The programs are those of the recipes but runc."""
    assert set(wheel_programs()) == set(EMBEDDED) - {RUNC}


def test_both_distributions_have_one_version() -> None:
    """The extra of canaryproof asks for the wheel of the same version, on the machines for which it is made."""
    own = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    other = tomllib.loads((REPOSITORY / "toolchain_wheel/project/pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]

    assert other["version"] == own["version"]
    wanted = [line.partition("; ")[0] for line in own["optional-dependencies"]["embedded"]]
    assert set(wanted) == {f"{other['name']}=={own['version']}"}


def test_a_header_tells_the_machine_and_whether_a_program_is_static(tmp_path: Path) -> None:
    """The header of a program names its architecture, and its dynamic linker, if it needs one."""
    for machine, kind in ((62, 1), (183, 3), (243, 1)):
        start = b"\x7fELF\x02\x01".ljust(18, b"\0") + struct.pack("<H", machine)
        header = start.ljust(32, b"\0") + struct.pack("<Q", 64) + bytes(14) + struct.pack("<HH", 56, 1)
        (tmp_path / str(machine)).write_bytes(header.ljust(64, b"\0") + struct.pack("<I", kind).ljust(56, b"\0"))
    (tmp_path / "script").write_text("#!/bin/sh\n")

    assert read_header(tmp_path / "62") == Header("x86_64", is_static=True)
    assert read_header(tmp_path / "183") == Header("aarch64", is_static=False)
    assert read_header(tmp_path / "243").machine == ""
    with pytest.raises(ValueError, match="script is no 64-bit little-endian ELF file"):
        read_header(tmp_path / "script")


def test_each_licence_text_is_there_once_with_its_modules(tmp_path: Path) -> None:
    """A text names all modules that it belongs to. Files in folders between a package and its module count too."""
    listed = []
    for module, package, text in (("a", "x/y", "same"), ("b", ".", "same"), ("c", ".", "other")):
        root = tmp_path / module
        (root / package).mkdir(parents=True)
        (root / "LICENSE").write_text(f"{text}\n")
        (root / "license.go").write_text("package a\n")
        listed.append(f"example.org/{module} v1.0.0\t{root}\t{root / package}")
    (tmp_path / "a" / "x" / "NOTICE").write_text("notice of x\n")

    said = licences_of(builds_of({"etcd": tool_of("etcd")}), go=go_that_lists(tmp_path, listed), env={}, within=60)

    assert said.count("\nsame\n") == 1
    assert "example.org/a v1.0.0: LICENSE\nexample.org/b v1.0.0: LICENSE\n\nsame\n" in said
    assert "example.org/a v1.0.0: x/NOTICE\n\nnotice of x\n" in said
    assert "package a" not in said


def test_a_module_without_a_licence_is_refused(tmp_path: Path) -> None:
    """The error names each module that has no licence file."""
    (tmp_path / "a").mkdir()
    listed = [f"example.org/a v1.0.0\t{tmp_path / 'a'}\t{tmp_path / 'a'}"]

    with pytest.raises(ToolchainError, match=r"no licence file.*\['example.org/a v1\.0\.0'\]"):
        licences_of(builds_of({"etcd": tool_of("etcd")}), go=go_that_lists(tmp_path, listed), env={}, within=60)


def test_licences_come_from_the_usual_module_cache() -> None:
    """The build keeps Go's modules, where Go itself would keep them, and uses no installed wheel."""
    machine = Machine(TimeLimits(), env={"HOME": "/home/me"})

    assert machine_with_modules(machine).env["GOMODCACHE"] == "/home/me/go/pkg/mod"
    assert machine_with_modules(machine).packages == ()


def go_that_lists(folder: Path, lines: list[str]) -> Path:
    """Return a fake ``go`` that prints *lines*."""
    (folder / "listed").write_text("".join(f"{line}\n" for line in lines))
    go = folder / "go"
    go.write_text(f"#!/bin/sh\nexec /bin/cat {folder / 'listed'}\n")
    go.chmod(0o755)
    return go
