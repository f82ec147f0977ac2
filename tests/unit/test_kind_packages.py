"""The packages for kind tests are fetched once and unpacked, without changes to the machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from canaryproof.errors import CommandError, InfrastructureError
from canaryproof.system.progress import Silence
from tests.kind.packages import Unpacked, unpacked_package

FAKE_APT = """\
#!/bin/sh
echo "$*" >> {folder}/calls
if [ -e {folder}/broken ]; then exit 100; fi
case "$*" in
  *" update") touch {folder}/new-lists; exit ;;
esac
if [ -e {folder}/old-lists ] && ! [ -e {folder}/new-lists ]; then exit 100; fi
for argument; do case $argument in Dir::Cache::archives=*) archives=${{argument#*=}};; esac; last=$argument; done
touch "$archives/$last.deb"
"""
FAKE_DPKG = """\
#!/bin/sh
mkdir -p "$3/usr/sbin"
basename "$2" .deb > "$3/usr/sbin/dockerd"
"""


@dataclass(frozen=True)
class Debian:
    """A machine with a fake apt."""

    folder: Path

    def unpacked(self, name: str = "docker.io") -> Unpacked:
        return unpacked_package(name, self.folder / "cache", Silence())

    def has(self, name: str) -> None:
        (self.folder / name).touch()

    def installs(self, name: str) -> None:
        (self.folder / "status").write_text(name, encoding="utf-8")

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text(encoding="utf-8").splitlines()

    @property
    def kept(self) -> list[str]:
        return sorted(it.name.rpartition("-")[0] for it in (self.folder / "cache" / "debian").iterdir())


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    """A Debian without fetched packages."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("apt-get", FAKE_APT), ("dpkg-deb", FAKE_DPKG)):
        (programs / name).write_text(text.format(folder=tmp_path), encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    (tmp_path / "os-release").write_text("ID=debian\n", encoding="utf-8")
    monkeypatch.setattr("tests.kind.packages._RELEASE", tmp_path / "os-release")
    monkeypatch.setattr("tests.kind.packages._INSTALLED", tmp_path / "status")
    made = Debian(tmp_path)
    made.installs("libc6")
    return made


def test_a_package_is_fetched_once(debian: Debian) -> None:
    """A second run uses the unpacked package."""
    first, second = debian.unpacked(), debian.unpacked()

    assert first == second
    assert first.path("usr/sbin/dockerd").read_text(encoding="utf-8") == "docker.io\n"
    assert len(debian.calls) == 1


def test_a_package_is_only_downloaded(debian: Debian) -> None:
    """The fetcher only downloads a package, and changes neither the installation nor the machine's archives."""
    debian.unpacked()

    (call,) = debian.calls
    assert "install --download-only" in call
    assert f"Dir::Cache::archives={debian.folder}/cache/debian/" in call


def test_a_machine_that_has_changed_fetches_anew(debian: Debian) -> None:
    """The fetcher fetches a package again if the installed packages have changed, and keeps other packages."""
    before, other = debian.unpacked(), debian.unpacked("debootstrap")
    debian.installs("libc7")
    after = debian.unpacked()

    assert (before.root.exists(), after.root.exists(), other.root.exists()) == (False, True, True)
    assert debian.kept == ["debootstrap", "docker.io"]


def test_old_lists_are_renewed_apart(debian: Debian) -> None:
    """The fetcher downloads its own package lists if the machine's are outdated, and leaves those unchanged."""
    debian.has("old-lists")
    debian.unpacked()

    _, update, install = debian.calls
    assert update.endswith(" update")
    for call in (update, install):
        assert f"Dir::State::lists={debian.folder}/cache/debian/" in call
    assert debian.kept == ["docker.io"]


def test_what_was_fetched_in_part_is_not_used(debian: Debian) -> None:
    """The fetcher repeats a failed download in the next run."""
    debian.has("broken")
    with pytest.raises(CommandError):
        debian.unpacked()
    (debian.folder / "broken").unlink()

    assert debian.unpacked().path("usr/sbin/dockerd").exists()
    assert debian.kept == ["docker.io"]


def test_iptables_are_linked_as_if_installed(debian: Debian) -> None:
    """The fetcher links the iptables programs as Debian's installation does, because Docker uses these names."""
    unpacked = debian.unpacked()

    assert (unpacked.path("alternatives/iptables").readlink()) == Path("../usr/sbin/xtables-nft-multi")


@pytest.mark.parametrize("missing", ["programs/apt-get", "status"])
def test_a_machine_that_is_no_debian_is_told(debian: Debian, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """The error names the package if the machine is no Debian."""
    monkeypatch.setenv("PATH", str(debian.folder / "programs"))
    (debian.folder / missing).unlink()

    with pytest.raises(InfrastructureError, match=r"docker\.io is needed, and only on Debian"):
        debian.unpacked()


def test_programs_find_each_other_and_their_libraries(tmp_path: Path) -> None:
    """Unpacked programs precede the machine's on PATH, and the library path is that of the architecture."""
    libraries = tmp_path / "usr/lib/riscv64-linux-gnu"
    libraries.mkdir(parents=True)

    environment = Unpacked(tmp_path).environment

    first, *others = environment["PATH"].split(":")
    assert first == str(tmp_path / "alternatives")
    assert others.index(str(tmp_path / "usr/sbin")) < others.index(os.environ["PATH"].split(":")[0])
    assert others[-1] == "/sbin"  # the folders of these programs are not on a Debian user's PATH
    assert environment["LD_LIBRARY_PATH"] == str(libraries)
    assert environment["XTABLES_LIBDIR"] == str(libraries / "xtables")
